"""Models in memory and who may use them when; imports nothing of ``service.answer`` or ``service.protocol``."""
