"""``tagsmith grow``: a corpus becomes training data, and training data a bundle; imports no ``pipelines.trends``."""
