"""``tagsmith outliers``: pictures that do not belong into their folder; imports no training."""
