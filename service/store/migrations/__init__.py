"""The steps from one schema of the database to the next, in the order of their numbers."""
