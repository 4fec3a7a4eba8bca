"""What became of a page, from the browser's network events: status, headers, size, readiness, failure.

A pure reader of events: the same events give the same verdict, with or without a browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scraper.errors import CrawlError, PageBroken, PageUnreachable
from scraper.web.client import judge, lower_names
from scraper.web.robots import demand_indexing

MAX_PAGE_BYTES = 32 * 1024 * 1024
"""Decoded bytes of a page and all that it loads."""
MAX_DOCUMENT_BYTES = 8 * 1024 * 1024
"""Decoded bytes of its HTML."""
MAX_REQUESTS = 500
"""Requests that one page may make."""

# Chromium's names for answers that are not a page, whatever the network did (net/base/net_error_list.h).
_BROKEN = (
    "ABORTED",  # a download, which is refused
    "CONTENT_DECODING",
    "CONTENT_LENGTH_MISMATCH",
    "INCOMPLETE_CHUNKED_ENCODING",
    "INVALID_CHUNKED_ENCODING",
    "INVALID_HTTP_RESPONSE",
    "INVALID_RESPONSE",
    "RESPONSE_HEADERS",
    "TOO_MANY_REDIRECTS",
    "UNSAFE_REDIRECT",
)
_PAGES = ("text/html", "application/xhtml+xml")


class PageWatch:
    """One page from the moment it is asked for.

    Args:
        frame: id of the tab's main frame, where the page is shown.
        host: the site, for messages.
        max_bytes: decoded bytes that the page and what it loads may have together.

    Attributes:
        ready: whether the page can be read.
    """

    def __init__(self, frame: str, host: str, *, max_bytes: int = MAX_PAGE_BYTES) -> None:
        self._frame = frame
        self._host = host
        self._max_bytes = max_bytes
        self._loader: str | None = None
        self._known: set[str] = set()
        self._open: set[str] = set()
        self._sizes: dict[str, int] = {}
        self._decoded = 0
        self._n_requests = 0
        self._problem: CrawlError | None = None
        self.ready = False

    @property
    def quiet(self) -> bool:
        """Whether none of the page's requests is under way."""
        return not self._open

    @property
    def n_bytes(self) -> int:
        """Bytes that came over the network; decoded ones of what has not come to its end yet."""
        return sum(self._sizes.values())

    def fail(self, problem: CrawlError) -> None:
        """Have :meth:`demand` raise this, unless something else went wrong before."""
        self._problem = self._problem or problem

    def demand(self) -> None:
        """Return when nothing is wrong so far; raise what is wrong otherwise, as ``PageSource.fetch`` does."""
        if self._problem is not None:
            raise self._problem

    def see(self, method: str, params: Mapping[str, Any]) -> None:
        """Take note of one event."""
        request = params.get("requestId", "")
        if method == "Network.requestWillBeSent":
            self._asked(request, params)
        elif method == "Network.responseReceived":
            self._answered(params)
        elif method == "Network.dataReceived" and request in self._known:
            n_bytes = max(params.get("dataLength", 0), params.get("encodedDataLength", 0))
            self._sizes[request] = self._sizes.get(request, 0) + n_bytes
            self._decoded += n_bytes
            if self._decoded > self._max_bytes:
                self.fail(PageBroken(f"a page of {self._host} loads more than {self._max_bytes / 1e6:.0f} MB"))
        elif method == "Network.loadingFinished":
            self._open.discard(request)
            if request in self._known:
                self._sizes[request] = max(0, round(params.get("encodedDataLength", 0)))
        elif method == "Network.loadingFailed":
            self._open.discard(request)
            # What comes for it after this is the browser's own page about the failure.
            self._known.discard(request)
            if request == self._loader and not self.ready:
                self.fail(self._failure(params.get("errorText", "")))
        elif method == "Page.lifecycleEvent" and params.get("loaderId") == self._loader:
            self.ready = self.ready or params.get("name") in ("DOMContentLoaded", "load")
        elif method in ("Inspector.targetCrashed", "Inspector.detached"):
            self.fail(PageUnreachable(f"a page of {self._host} brought the browser down"))

    def _asked(self, request: str, params: Mapping[str, Any]) -> None:
        if not params.get("request", {}).get("url", "").startswith(("http://", "https://")):
            return
        if params.get("type") == "Document" and params.get("frameId") == self._frame:
            # The page, or another one in its place: what was loaded for the one before does not keep it waiting.
            self._loader, self.ready = request, False
            self._open.clear()
        self._known.add(request)
        self._open.add(request)
        self._n_requests += 1
        if self._n_requests > MAX_REQUESTS:
            self.fail(PageBroken(f"a page of {self._host} makes more than {MAX_REQUESTS} requests"))

    def judge_page(self, status: int, headers: Mapping[str, str], address: str) -> None:
        """Return when an answer is a page to be read.

        Args:
            status: of HTTP.
            headers: names in lower case.
            address: where it came from.

        Raises:
            CrawlError: it is not, as ``PageSource.fetch`` says.
        """
        judge(status, headers, address)
        demand_indexing(headers)
        if headers.get("content-type", "").partition(";")[0].strip().lower() not in _PAGES:
            raise PageBroken(f"{self._host} sent something else than a page")
        self.judge_size(_declared(headers))

    def judge_size(self, n_bytes: int) -> None:
        """Return when a page's HTML may have so many bytes; raise PageBroken otherwise."""
        if n_bytes > MAX_DOCUMENT_BYTES:
            raise PageBroken(f"a page of {self._host} is larger than {MAX_DOCUMENT_BYTES / 1e6:.0f} MB")

    def judge_whole(self, n_bytes: int, headers: Mapping[str, str]) -> None:
        """Return when so many bytes are all that was announced; raise PageBroken otherwise."""
        if not headers.get("content-encoding") and n_bytes < _declared(headers):
            raise PageBroken(f"a page of {self._host} ends in the middle")

    def _answered(self, params: Mapping[str, Any]) -> None:
        """Look at what a page's script asked for: a login wall or a request to slow down may stand there alone."""
        if params.get("type") not in ("XHR", "Fetch"):
            return
        response = params.get("response", {})
        status = response.get("status", 0)
        # DevTools separates several values of one name by line ends.
        values = ((str(name), str(value).replace("\n", ", ")) for name, value in response.get("headers", {}).items())
        try:
            judge(status, lower_names(values), response.get("url", ""), any_status=status != 401)
        except CrawlError as problem:
            self.fail(problem)

    def _failure(self, text: str) -> CrawlError:
        name = text.removeprefix("net::ERR_")
        if name.startswith(_BROKEN):
            return PageBroken(f"{self._host} sent no page that can be shown ({name})")
        return PageUnreachable(f"{self._host} cannot be reached ({name or 'no reason given'})")


def _declared(headers: Mapping[str, str]) -> int:
    declared = headers.get("content-length", "")
    return int(declared) if declared.isascii() and declared.isdigit() and len(declared) < 16 else 0
