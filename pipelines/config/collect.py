"""Every number of a collection, read from TOML; ``pipelines/collect.toml`` holds the default of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from pipelines.config.toml_values import AtLeastOne, Count, read_config
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
    pages: AtLeastOne
    requests: Count
    megabytes: Count
    page_timeout_s: Annotated[float, Field(gt=0)]
    page_size: AtLeastOne
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
        """Refuse a pace that presses hosts or never ends.

        Raises:
            ValueError: a number of ``pace`` is out of its range.
        """
        if min(self.pace.pause_s, self.pace.jitter) < 0 or self.pace.refusals < 1:
            raise ValueError("pace.pause_s and pace.jitter must not be below 0, pace.refusals must be above 0")


def load_collect_config(override: Path | None = None) -> CollectConfig:
    """Return how to collect, with the values of one file laid over the default.

    ``[pace]`` is laid over key by key; ``[topics]`` and ``[columns]`` of the file stand in place of the default's.

    Raises:
        DataError: the file cannot be read, is not TOML, names an unknown key or has a value of the wrong type.
    """
    return read_config(CollectConfig, "collect.toml", override)
