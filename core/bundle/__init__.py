"""A bundle on disk: its manifest, opening one, writing a new one; imports no other room."""
