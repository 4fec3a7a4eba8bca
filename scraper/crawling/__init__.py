"""Frontier, politeness, pace and records, the same for every source; imports no source."""
