"""What the service loads to see a picture: no ``models.training``, and torch in ``runtime_torch`` alone."""
