"""Folders of labelled pictures and what a classifier says of them; imports nothing of ``models.training``."""
