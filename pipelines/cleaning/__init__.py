"""The rules and the machinery of ``pipelines/clean.py``."""
