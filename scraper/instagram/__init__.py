"""Posts through Instaloader; imports no other source."""
