"""What can go wrong while a page is fetched, told apart by what the crawl does about it.

CrawlError
├── LoginWall        stops the crawl, which keeps its state
├── TooManyRequests  waits, or stops the crawl
├── PageRefused      leaves the page out for good
├── PageBroken       leaves the page out and keeps it for a look
├── PageUnreachable  tries the page again later
└── HostBusy         stops the crawl, which keeps its state
"""

from __future__ import annotations

from core.errors import TagsmithError


class CrawlError(TagsmithError):
    """A page could not be fetched."""


class LoginWall(CrawlError):
    """The platform wants an account before it shows more."""


class TooManyRequests(CrawlError):
    """The platform asks to slow down.

    Attributes:
        retry_after_s: seconds to wait as the platform named them, or None.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PageRefused(CrawlError):
    """The page is forbidden, gone or not to be indexed."""


class PageBroken(CrawlError):
    """The page does not look as such a page does.

    Attributes:
        content: the bytes that came, for somebody to look at, or None where they are not at hand.
    """

    def __init__(self, message: str, *, content: bytes | None = None) -> None:
        super().__init__(message)
        self.content = content


class PageUnreachable(CrawlError):
    """The network failed or took too long."""


class HostBusy(CrawlError):
    """Another crawl of this installation is at work on the host."""
