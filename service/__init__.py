"""The HTTP service that answers suggestion requests."""
