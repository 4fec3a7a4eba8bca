"""Posts from the web, and from files that people already have."""
