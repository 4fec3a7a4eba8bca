"""From bytes to a checked request; imports nothing of ``service.answer`` or ``service.protocol``."""
