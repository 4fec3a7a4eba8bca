"""Every source by its name: what it takes, what it needs installed, and where it is made.

A source is named, not imported: its packages are loaded when someone collects with it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from core.errors import InvalidOption, lacking
from scraper.licences import OPEN
from scraper.port import PageSource, WebClient


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """All that a source may need to know; each takes what concerns it, and raises when something it needs is missing.

    Attributes:
        web: fetches API answers, pictures and files within bounds of size and time.
        admit: to be called with the address before every request beyond the one that ``PageSource.address`` names and
            beyond those made through ``web``: it waits for the host's turn, and raises PageRefused where robots.txt
            forbids.
        permit: to be called with the address of what a page loads by itself (scripts, answers to its scripts): raises
            PageRefused where robots.txt forbids, and does not wait, because a page view counts as one request. Where
            it is None, ``admit`` is called.
        user_agent: what every request says of who asks, with the operator's contact.
        instance: address of the site, instance or API server, without a path; None for the source's own default.
        cookies: file with saved login cookies that the operator names, or None. Its content is never logged.
        files: the file or folder that a source without network reads; for ``browser`` a site's description (TOML).
        columns: field of :class:`scraper.port.FoundPost` -> column or key of a CSV or JSONL file.
        allowed_hosts: host names that may be reached although their addresses are private (tests, one's own instance).
        page_timeout_s: longest wait for one page.
        headless: whether a browser stays invisible.
        page_size: posts wanted in one answer of an API that lets one choose.
        licences: codes of :mod:`scraper.licences`; photographs under others are left out where licences are stated.
    """

    web: WebClient
    admit: Callable[[str], None]
    user_agent: str
    permit: Callable[[str], None] | None = None
    instance: str | None = None
    cookies: Path | None = None
    files: Path | None = None
    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    allowed_hosts: frozenset[str] = frozenset()
    page_timeout_s: float = 30.0
    headless: bool = True
    page_size: int = 40
    licences: tuple[str, ...] = OPEN


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A source before it is made.

    Attributes:
        name: the word for ``--source``.
        factory: dotted name of the class, which takes :class:`SourceOptions` and is a ``PageSource``.
        summary: one line for a person who chooses.
        kinds: kinds of :class:`scraper.port.Target` that a person may name with ``--target``.
        network: whether it fetches anything.
        whole: whether it is read to its end, however many pages of a list are asked for.
    """

    name: str
    factory: str
    summary: str
    kinds: tuple[str, ...]
    network: bool = True
    whole: bool = False


SOURCES: tuple[SourceKind, ...] = (
    SourceKind(
        "browser",
        "scraper.browser.source.BrowserSource",
        "explore pages of a photo-sharing site, in headless Chromium",
        ("tag", "post"),
    ),
    SourceKind(
        "instagram",
        "scraper.instagram.source.InstagramSource",
        "Instagram through Instaloader",
        ("tag", "profile", "post", "location"),
    ),
    SourceKind(
        "mastodon",
        "scraper.mastodon.source.MastodonSource",
        "public timelines of a Mastodon or Pixelfed instance",
        ("tag",),
    ),
    SourceKind(
        "commons", "scraper.photographs.commons.CommonsSource", "licensed photographs of Wikimedia Commons", ("search",)
    ),
    SourceKind(
        "openverse",
        "scraper.photographs.openverse.OpenverseSource",
        "licensed photographs that Openverse finds",
        ("search",),
    ),
    SourceKind(
        "dump",
        "scraper.dump.source.DumpSource",
        "folders and exports that you already have",
        ("file",),
        network=False,
        whole=True,
    ),
    SourceKind(
        "replay", "scraper.replay.Replay", "recorded pages, for tests and demonstrations", ("tag",), network=False
    ),
)


def source_kind(name: str) -> SourceKind:
    """Return the source of that name.

    Raises:
        InvalidOption: there is no such source.
    """
    for kind in SOURCES:
        if kind.name == name:
            return kind
    known = ", ".join(kind.name for kind in SOURCES)
    raise InvalidOption(f"there is no source {name!r}; the sources are {known}", field="source")


def open_source(name: str, options: SourceOptions) -> PageSource:
    """Return the source of that name, ready to fetch; to be closed by the caller.

    Raises:
        InvalidOption: there is no such source, or an option that it needs is missing.
        MissingExtra: a package that it needs is not installed.
    """
    module, _, class_name = source_kind(name).factory.rpartition(".")
    try:
        factory: Callable[[SourceOptions], PageSource] = getattr(importlib.import_module(module), class_name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("core", "scraper"):
            raise
        raise lacking(f"the source {name!r}", error.name, "scrape") from error
    return factory(options)
