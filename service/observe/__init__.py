"""Logs, metrics and the time of each stage; imports no other wing of the service."""
