"""Configuration files: TOML laid over TOML, then held to a dataclass; what is misspelt is an error that names it."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import dacite

from core.errors import DataError

T = TypeVar("T")


def from_values(shape: type[T], values: dict[str, Any], origin: str) -> T:
    """Return the dataclass ``shape`` filled with values as TOML gives them.

    Raises:
        DataError: a key is missing or unknown, or a value is of the wrong type; the message begins with ``origin``.
    """
    hooks: dict[type[Any], Callable[[Any], Any]] = {float: _as_float, int: _as_int}
    try:
        return dacite.from_dict(shape, values, dacite.Config(strict=True, cast=[tuple], type_hooks=hooks))
    except dacite.DaciteError as error:
        raise DataError(f"{origin}: {error}") from error


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a configuration file holds.

    Raises:
        DataError: it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not valid TOML: {error}") from error


def lay_over(values: dict[str, Any], override: dict[str, Any], shape: Any, origin: str, at: tuple[str, ...]) -> None:
    """Replace in ``values`` what ``override`` names, section by section.

    Args:
        values: changed in place.
        override: what a file says.
        shape: the dataclass whose fields are the names there are.
        origin: the file's name, for messages.
        at: names of the sections that lead here.

    Raises:
        DataError: ``shape`` does not have a name, or a section is no section.
    """
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
                raise DataError(f"{origin}: {where!r} is a section: write [{where}] and its keys below")
            lay_over(values[key], value, types[key], origin, (*at, key))
        else:
            values[key] = value


def _as_float(value: object) -> float:
    """Take whole numbers where a fraction is asked for; leave everything else to the type check."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value  # type: ignore[return-value]


def _as_int(value: object) -> int:
    """Refuse true and false, which Python would take for 1 and 0."""
    if isinstance(value, bool):
        raise DataError(f"a whole number is wanted in the configuration, not {str(value).lower()}")
    return value  # type: ignore[return-value]
