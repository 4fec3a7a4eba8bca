"""HTTP itself: headers, refusals, conditions, idempotency, keys; no ``service.intake``, no ``service.answer``."""
