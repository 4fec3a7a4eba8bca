"""Signals, one class each, and the candidates that they bring; imports no ranker."""
