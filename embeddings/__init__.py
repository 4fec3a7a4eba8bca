"""Words: tables of vectors, how they are trained, and counts of what is used together."""
