"""Posts from folders and exports that people already have; imports no other source."""
