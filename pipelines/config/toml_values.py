"""Configuration files: TOML laid over TOML, then checked by the types and ranges that a dataclass declares."""

from __future__ import annotations

import difflib
import json
import tomllib
from dataclasses import fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

from pydantic import Field, TypeAdapter, ValidationError

from core.errors import DataError

T = TypeVar("T")

Count = Annotated[int, Field(ge=0)]
"""A whole number that may be 0."""
AtLeastOne = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
"""A part of a whole, 0 to 1."""


def read_config(shape: type[T], default: str, override: Path | None) -> T:
    """Return the dataclass ``shape`` with the values of a default, and those of a file laid over them.

    Tables that ``shape`` knows as dataclasses are laid over key by key; any other value stands in place of the
    default's.

    Args:
        shape: what the values must be; its annotations hold types and ranges.
        default: the name of a file of the package ``pipelines`` that names every key.
        override: a person's file, or None for the default alone.

    Raises:
        DataError: the file cannot be read or is not TOML, or a key is unknown or its value out of the question; the
            message names the file, the key and what would do.
    """
    values = tomllib.loads((files("pipelines") / default).read_text(encoding="utf-8"))
    origin = f"pipelines/{default}"
    if override is not None:
        origin = str(override)
        _lay_over(values, _read_toml(override), shape, origin, ())
    try:
        # As JSON, so that a list is a tuple and a whole number a fraction, while true is no number and "9" neither.
        return TypeAdapter(shape).validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        where = ".".join(map(str, wrong["loc"]))
        message = wrong["msg"].removeprefix("Value error, ").replace("Input should", "it should")
        if wrong["type"] == "value_error":
            raise DataError(f"{origin}: [{where}] {message}" if where else f"{origin}: {message}") from error
        raise DataError(f"{origin}: {where!r} is {json.dumps(wrong['input'])}; {message}") from error


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not valid TOML: {error}") from error


def _lay_over(values: dict[str, Any], override: dict[str, Any], shape: Any, origin: str, at: tuple[str, ...]) -> None:
    """Replace in ``values`` what ``override`` names; ``at`` are the names of the tables that lead here."""
    known = [field.name for field in fields(shape)]
    types = get_type_hints(shape)
    for key, value in override.items():
        where = ".".join((*at, key))
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known) or 'nothing'}"
            raise DataError(f"{origin}: unknown key {where!r}; {hint}")
        if is_dataclass(types[key]):
            if not isinstance(value, dict):
                raise DataError(f"{origin}: {where!r} is a table: write [{where}] and its keys below")
            _lay_over(values[key], value, types[key], origin, (*at, key))
        else:
            values[key] = value
