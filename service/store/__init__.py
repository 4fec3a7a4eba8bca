"""What the service remembers: keys, rates, suggestions, feedback, saved sets and answers; imports no ``service.protocol``."""
