"""What the service remembers: keys, rates, suggestions, feedback, saved sets, repeatable answers; imports no ``service.protocol``."""
