"""Posts from folders and exports that people already have; of the other sources it imports Instagram's reader alone."""
