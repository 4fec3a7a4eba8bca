"""What the service remembers: keys, rates, suggestions, feedback, sets and answers; imports no ``service.protocol``."""
