"""The rules and the machinery of ``pipelines/cleaning/clean.py``."""
