"""What can go wrong while a page is fetched, told apart by what the crawl does about it."""

from __future__ import annotations

from core.errors import TagsmithError


class CrawlError(TagsmithError):
    """A page could not be had."""


class LoginWall(CrawlError):
    """The platform wants an account before it shows more: the crawl stops and keeps its state."""


class TooManyRequests(CrawlError):
    """The platform asks to slow down.

    Attributes:
        retry_after_s: seconds to wait as the platform named them, or None.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PageRefused(CrawlError):
    """Forbidden, gone or not to be indexed: left out for good."""


class PageBroken(CrawlError):
    """Not what such a page looks like: left out, counted and kept aside for a look.

    Attributes:
        content: what came, for the look, or None where it is not at hand.
    """

    def __init__(self, message: str, *, content: bytes | None = None) -> None:
        super().__init__(message)
        self.content = content


class PageUnreachable(CrawlError):
    """The network failed or took too long: tried again later."""


class HostBusy(CrawlError):
    """Another crawl of this installation is at work on the host: this one stops and keeps its state."""
