"""Every number of a collection, read from TOML; ``collect.toml`` beside this file holds the one value of each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path

from core.errors import DataError
from pipelines.config.toml_values import from_values, read_toml
from scraper.crawling.pace import PaceLimits


@dataclass(frozen=True, slots=True)
class CollectConfig:
    """How posts are collected; ``collect.toml`` says what each key means.

    Attributes:
        topics: topic -> hashtags or words that it is searched by.
        columns: field of a post -> column or key of a file.
    """

    source: str
    instance: str
    contact: str
    pages: int
    requests: int
    megabytes: int
    page_timeout_s: float
    page_size: int
    headless: bool
    cookies: str
    files: str
    allow_hosts: tuple[str, ...]
    ignore_robots: tuple[str, ...]
    licences: tuple[str, ...]
    pace: PaceLimits
    columns: dict[str, str] = field(default_factory=dict)
    topics: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing.

        Raises:
            DataError: a number is out of its range.
        """
        if self.pages < 1 or self.page_size < 1 or self.page_timeout_s <= 0:
            raise DataError("pages, page_size and page_timeout_s must be above 0")
        if min(self.requests, self.megabytes) < 0:
            raise DataError("requests and megabytes must not be below 0; 0 is without bound")
        if min(self.pace.pause_s, self.pace.jitter) < 0 or self.pace.refusals < 1:
            raise DataError("pace.pause_s and pace.jitter must not be below 0, pace.refusals must be above 0")


def load_collect_config(override: Path | None = None) -> CollectConfig:
    """Return how to collect, with the values of one file laid over the default.

    ``[pace]`` is laid over key by key; ``[topics]`` and ``[columns]`` of the file stand in place of the default's.

    Raises:
        DataError: the file cannot be read, is not TOML, names an unknown key or has a value of the wrong type.
    """
    values = tomllib.loads((files("pipelines") / "collect.toml").read_text(encoding="utf-8"))
    origin = "pipelines/collect.toml"
    if override is not None:
        origin = str(override)
        for key, value in read_toml(override).items():
            if key == "pace" and isinstance(value, dict):
                values["pace"] |= value
            else:
                values[key] = value
    unknown = sorted(set(values) - {one.name for one in fields(CollectConfig)})
    if unknown:
        known = ", ".join(one.name for one in fields(CollectConfig))
        raise DataError(f"{origin}: unknown key {unknown[0]!r}; known here: {known}")
    return from_values(CollectConfig, values, origin)
