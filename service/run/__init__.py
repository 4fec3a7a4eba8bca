"""Processes and workers of ``tagsmith serve``."""
