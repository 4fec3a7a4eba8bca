"""What the crawl and its sources know of each other.

A source turns a target into a page; it keeps no state of the crawl, so a crawl that was killed goes on from the
targets that the frontier still holds. Everything in a :class:`FoundPost` is as the platform gave it: the crawl hashes
the author and cleans the caption (``scraper/crawling/privacy.py``) before anything is written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from core.text.hashtags import normalise
from scraper.errors import PageRefused


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to fetch.

    Attributes:
        kind: what it is to its source: ``tag``, ``post``, ``profile``, ``location``, ``search``, ``file``.
        value: a hashtag, an address, a name, a word; with ``kind`` and ``cursor`` it identifies the target.
        topic: the topic that is collected for, or None.
        query_tag: the hashtag that led here, in normal form, or None.
        cursor: where in a list the page begins, as the source gave it; None is the first page.
    """

    kind: str
    value: str
    topic: str | None = None
    query_tag: str | None = None
    cursor: str | None = None

    def at(self, cursor: str) -> Target:
        """Return the same list from another page on."""
        return replace(self, cursor=cursor)

    def towards(self, kind: str, value: str) -> Target:
        """Return something else to fetch that this target led to, for the same topic and hashtag."""
        return Target(kind, value, self.topic, self.query_tag)


def hashtag_targets(topic: str | None, hashtags: Sequence[str]) -> tuple[Target, ...]:
    """Return the list of posts under each different hashtag; what is not a hashtag is left out."""
    wanted = dict.fromkeys(hashtag for raw in hashtags if (hashtag := normalise(raw)))
    return tuple(Target("tag", hashtag, topic, hashtag) for hashtag in wanted)


def demand_kind(source: str, target: Target, kinds: Collection[str]) -> None:
    """Return when a source fetches targets of this kind.

    Raises:
        PageRefused: it does not; the message names the kinds that it fetches.
    """
    if target.kind not in kinds:
        raise PageRefused(f"{source} has no targets of kind {target.kind!r}; it has {', '.join(kinds)}")


@dataclass(frozen=True, slots=True)
class FoundPost:
    """A post as a platform shows it.

    Attributes:
        post_id: the platform's own id, the same under every address of the post.
        caption: the text, hashtags where they stood.
        author: the account's name as it is, or None.
        time: ISO 8601 with an offset, or None.
        hashtags: those that stand beside the caption (a tag field); those inside it are found later.
        pictures: addresses of its photographs, or of files for a source that reads folders; best first.
        licence: name of the licence the platform states, or None.
        attribution: who has to be named under that licence, or None.
    """

    post_id: str
    caption: str
    author: str | None = None
    time: str | None = None
    hashtags: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    licence: str | None = None
    attribution: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What one target held.

    Attributes:
        posts: in the order of the page.
        targets: what to fetch next because of it: posts it links to, its next page.
        n_bytes: bytes that came over the network for it, 0 when unknown; counts against the budget.
    """

    posts: tuple[FoundPost, ...] = ()
    targets: tuple[Target, ...] = ()
    n_bytes: int = 0


class PageSource(Protocol):
    """A platform, a folder or a recording that posts are collected from."""

    @property
    def name(self) -> str:
        """The word for ``--source``; stands as ``source`` in every post."""
        ...

    def targets(self, topic: str | None, hashtags: Sequence[str]) -> tuple[Target, ...]:
        """Return what to begin with for a topic's hashtags (or words)."""
        ...

    def address(self, target: Target) -> str | None:
        """Return the address that ``fetch`` would open first, for robots.txt and the rate; None without network."""
        ...

    def fetch(self, target: Target) -> Page:
        """Return what the target holds.

        Raises:
            LoginWall: the platform wants an account before it shows more.
            TooManyRequests: the platform asks to slow down, with the seconds it named.
            PageRefused: forbidden by the platform (401, 403, 410, X-Robots-Tag); will not change by itself.
            PageBroken: not what such a page looks like; kept for a look, and the crawl goes on.
            PageUnreachable: the network failed or took too long; worth another try later.
        """
        ...

    def picture(self, address: str) -> bytes:
        """Return a photograph's bytes, within the size and time bounds; raises as :meth:`fetch` does."""
        ...

    def close(self) -> None:
        """Give back what the source holds: a browser, a connection."""
        ...


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """What a server sent, whole.

    Attributes:
        address: where it came from in the end, after redirects.
        status: HTTP status; 200 to 299 unless more was asked for.
        headers: names in lower case; several values of one name are joined by commas.
        body: decoded from its transfer and content encodings.
        cookies: the ``Set-Cookie`` headers, each by itself.
    """

    address: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()


class WebClient(Protocol):
    """Fetches within bounds of size and time, over http and https, and from public addresses alone."""

    def get(
        self,
        address: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        any_status: bool = False,
    ) -> WebAnswer:
        """Return what a GET gives; redirects are followed within bounds, each hop admitted by robots.txt and rate.

        Args:
            address: http or https; the query string is part of it.
            headers: sent besides the client's own.
            max_bytes: bound of the decoded body in place of the client's own.
            any_status: whether statuses from 300 up are answers too; 429 never is.

        Raises:
            LoginWall: 401.
            TooManyRequests: 429, or 503 with Retry-After.
            PageRefused: another 4xx, an X-Robots-Tag that forbids, robots.txt on the way of a redirect, or an address
                that is not public.
            PageBroken: larger than allowed, or broken in its encoding.
            PageUnreachable: another 5xx, no connection, or too slow.
        """
        ...

    def exchange(
        self, method: str, address: str, *, headers: Mapping[str, str], body: bytes, max_bytes: int
    ) -> WebAnswer:
        """Return the answer to one request, whatever its status but 429; a redirect is an answer, too.

        For a library that keeps its own session: redirects and cookies are left to it. Raises as :meth:`get`.
        """
        ...
