"""Candidates and their signals, the columns of the ranker's table; imports no ranker."""
