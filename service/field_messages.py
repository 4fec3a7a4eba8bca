"""What is wrong with a field, in the words of the contract: pydantic's own speak of its types and of validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from service.problems import FieldError

MAX_TOLD = 3
"""Fields that the sentence of a problem names; its list holds more."""

_MESSAGES: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field",
    "string_type": "must be a string",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "too_short": "must hold at least {min_length}",
    "too_long": "must hold at most {max_length}",
    "literal_error": "must be {expected}",
}


def message_of(entry: Mapping[str, Any]) -> str:
    """Return what one of pydantic's error entries means, to be read after the field's name."""
    known = _MESSAGES.get(entry["type"])
    return known.format_map(entry.get("ctx", {})) if known else entry["msg"][:1].lower() + entry["msg"][1:]


def detail_of(fields: Sequence[FieldError]) -> str:
    """Return a sentence that says what is wrong with the first of ``fields``, and how many more there are."""
    told = [f"{one.field} {one.message}" if one.field else f"The body {one.message}" for one in fields[:MAX_TOLD]]
    if len(fields) > MAX_TOLD:
        told.append(f"{len(fields) - MAX_TOLD} more fields are not valid")
    return f"{'; '.join(told)}."
