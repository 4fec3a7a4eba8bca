"""Posts from pages that a real browser renders; imports no other source."""
