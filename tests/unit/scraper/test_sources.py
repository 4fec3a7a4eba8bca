"""The table of sources: every line of it can be opened, and means what it says."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import pytest

from core.errors import InvalidOption
from scraper.browser.source import BrowserSource
from scraper.dump.source import DumpSource
from scraper.instagram.source import InstagramSource
from scraper.mastodon.source import MastodonSource
from scraper.photographs.commons import CommonsSource
from scraper.photographs.openverse import OpenverseSource
from scraper.port import PageSource
from scraper.replay import Replay
from scraper.sources import SOURCES, SourceOptions, source_kind

# That each of them takes SourceOptions and is a PageSource is proved by the type checker, here.
CLASSES: dict[str, Callable[[SourceOptions], PageSource]] = {
    "browser": BrowserSource,
    "instagram": InstagramSource,
    "mastodon": MastodonSource,
    "commons": CommonsSource,
    "openverse": OpenverseSource,
    "dump": DumpSource,
    "replay": Replay,
}


def test_the_dotted_names_are_those_of_classes_that_are_sources() -> None:
    """A name is only a string, which no type checker follows."""
    named = {}
    for kind in SOURCES:
        module, _, class_name = kind.factory.rpartition(".")
        named[kind.name] = getattr(importlib.import_module(module), class_name)
    assert named == CLASSES


def test_a_source_is_called_in_the_table_as_in_its_posts() -> None:
    """Each name stands for one source."""
    assert {name: getattr(source, "name", None) for name, source in CLASSES.items()} == {name: name for name in CLASSES}
    assert len({kind.name for kind in SOURCES}) == len(SOURCES)


def test_an_unknown_source_is_told_with_those_there_are() -> None:
    """A misspelt word on the command line costs no look into the docs."""
    with pytest.raises(InvalidOption, match="browser, instagram"):
        source_kind("instergram")
