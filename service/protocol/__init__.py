"""HTTP itself: keys, idempotency, conditions, headers, OpenAPI; no ``service.intake``, no ``service.answer``."""
