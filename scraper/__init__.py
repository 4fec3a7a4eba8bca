"""The web and files people already have, as posts."""
