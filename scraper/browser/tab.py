"""One tab: opens addresses, decides about every request that its page makes, and returns the page once it is there."""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from scraper.browser.chromium import BROWSER_TROUBLE, Chromium
from scraper.browser.devtools import CommandRefused, DevTools, DevToolsEvent
from scraper.browser.page_watch import MAX_PAGE_BYTES, PageWatch
from scraper.browser.site_profile import SiteProfile
from scraper.errors import CrawlError, PageBroken, PageRefused, PageUnreachable
from scraper.web.client import REDIRECTS, lower_names

QUIET_S = 0.8
"""A page without a request under way and without news for so long has shown all that it will show by itself."""
LOOK_S = 0.1
"""How often a page is looked at while nothing happens on its network."""
MAX_CHARACTERS = 16 * 1024 * 1024
"""Length of a page as the browser holds it."""

# What a page may load. Pictures are fetched by the crawl, one a post; the rest is of no use for reading.
_LOADED = frozenset({"Document", "Script", "Stylesheet", "XHR", "Fetch", "Preflight"})
_READ = """
const page = document.documentElement.outerHTML;
const banner = arguments[1].find(button => document.querySelector(button)) ?? null;
return [page.length > arguments[0] ? null : page, location.href, banner];
"""
_SCROLL = "window.scrollTo(0, document.documentElement.scrollHeight);"
# Pages may not open windows nor ask whether they may be left, and nobody looks at their icon.
_TAME = """
window.open = () => null;
window.addEventListener('beforeunload', event => event.stopImmediatePropagation(), true);
document.addEventListener('DOMContentLoaded', () => {
  document.querySelectorAll('link[rel~=icon], link[rel=apple-touch-icon], link[rel=manifest]').forEach(e => e.remove());
  document.head.insertAdjacentHTML('beforeend', '<link rel="icon" href="data:,">');
});
"""
_ANSWERED_PAGES = {"urlPattern": "*", "resourceType": "Document", "requestStage": "Response"}
# Headers that say how the bytes travelled, which they have done when they are handed on.
_OF_THE_WIRE = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_CHUNK = 256 * 1024

T = TypeVar("T")


class Tab:
    """A tab of a running browser; what its page asks for while nobody waits for it is held until someone does.

    Args:
        browser: opens the tab, which is empty at first.
        profile: the site; other hosts are not reached.
        admit: is asked before the page goes on to another page: waits for its turn, raises to forbid.
        permit: is asked before the page loads anything else: raises to forbid.
        timeout_s: longest wait for a page, waiting for a turn apart.
        max_bytes: decoded bytes of a page and what it loads.
        clock: seconds.
    """

    def __init__(
        self,
        browser: Chromium,
        profile: SiteProfile,
        *,
        admit: Callable[[str], None],
        permit: Callable[[str], None],
        timeout_s: float,
        max_bytes: int = MAX_PAGE_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._browser = browser
        self._driver = browser.driver
        self._profile = profile
        self._admit = admit
        self._permit = permit
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._clock = clock
        self._expected: str | None = None
        self._n_bytes_before = 0
        self._pressed = False
        self._handle = browser.new_tab()
        self._driver.set_script_timeout(timeout_s)
        self._watch = PageWatch(self._handle, profile.host, max_bytes=max_bytes)
        self._channel = DevTools(browser.port, self._handle, clock)
        browser.guard.hold(self._channel.socket)
        for domain in ("Network", "Page", "Inspector"):
            self._channel.call(f"{domain}.enable")
        self._channel.call("Page.setLifecycleEventsEnabled", enabled=True)
        self._channel.call("Page.addScriptToEvaluateOnNewDocument", source=_TAME)
        self._channel.call("Network.setBypassServiceWorker", bypass=True)
        self._channel.call("Network.setBlockedURLs", urls=["ws://*", "wss://*"])
        self._channel.call("Fetch.enable", patterns=[{"urlPattern": "*"}, _ANSWERED_PAGES])

    @property
    def n_bytes(self) -> int:
        """Bytes that came over the network since the last address was opened or the page was scrolled."""
        return self._watch.n_bytes - self._n_bytes_before

    def set_cookies(self, cookies: tuple[dict[str, Any], ...]) -> None:
        """Give the browser cookies."""
        self._channel.call("Network.setCookies", cookies=list(cookies))

    def open(self, address: str) -> None:
        """Go to an address and return when its page can be read; the crawl has admitted it already."""
        self._take_over()
        self._pass_by()
        self._watch = PageWatch(self._handle, self._profile.host, max_bytes=self._max_bytes)
        self._expected, self._n_bytes_before, self._pressed = address, 0, False
        self._driver.get(address)
        self.wait(lambda: True if self._watch.ready else None)

    def scroll(self) -> None:
        """Go to the end of the page, where lists without an end load more."""
        self._take_over()
        self._n_bytes_before = self._watch.n_bytes
        self._driver.execute_script(_SCROLL)

    def content(self) -> tuple[str, str]:
        """Return the page as it is now, and its address; a consent banner is closed first."""
        self._take_over()
        html, address, banner = self._driver.execute_script(_READ, MAX_CHARACTERS, self._profile.consent)
        if html is None:
            raise PageBroken(f"a page of {self._profile.host} has more than {MAX_CHARACTERS // 1_000_000} M characters")
        if banner is not None and not self._pressed:
            self._press(banner)
        return str(html), str(address)

    def wait(self, look: Callable[[], T | None]) -> T | None:
        """Return what ``look`` finds as soon as it finds it, or None once the page is quiet without it.

        ``look`` is called whenever the network did something and now and then in between.

        Raises:
            PageUnreachable: it takes longer than allowed; and whatever went wrong with the page.
        """
        self._deadline = self._clock() + self._timeout_s
        news, event = self._clock(), self._channel.next_event(self._clock())
        while True:
            while event is not None:
                self._answer(event)
                news = self._clock()
                self._watch.demand()
                event = self._channel.next_event(self._clock())
            found = look()
            if found is not None:
                return found
            now = self._clock()
            if self._watch.ready and self._watch.quiet and now - news > QUIET_S:
                return None
            if now >= self._deadline:
                raise self._too_slow()
            event = self._channel.next_event(min(self._deadline, now + LOOK_S))

    def clear(self) -> None:
        """Leave the page: what nobody waits for is not asked for."""
        self._channel.send("Page.navigate", url="about:blank")
        self._pass_by()

    def settle(self) -> bool:
        """Have the page load nothing more, and return whether it still answers."""
        try:
            self._channel.send("Page.stopLoading")
            self._channel.call("Runtime.evaluate", expression="1")
            self._pass_by()
        except PageUnreachable:
            return False
        return True

    def close(self) -> None:
        """Close the tab."""
        self._browser.close_tab(self._handle)
        # In this order: without a channel the browser would let everything through.
        self._channel.close()

    def _too_slow(self) -> PageUnreachable:
        return PageUnreachable(f"a page of {self._profile.host} took longer than {self._timeout_s:.0f} s")

    def _take_over(self) -> None:
        self._browser.focus(self._handle)

    def _pass_by(self) -> None:
        """Deal with what the page still wanted: it gets nothing more."""
        while (event := self._channel.next_event(self._clock())) is not None:
            if event.method == "Fetch.requestPaused":
                self._refuse(event)

    def _answer(self, event: DevToolsEvent) -> None:
        """Deal with one event; a request that is refused tells the watch, where it was the page's own."""
        if event.method != "Fetch.requestPaused":
            self._watch.see(event.method, event.params)
            return
        is_page = event.params.get("resourceType") == "Document" and event.params.get("frameId") == self._handle
        try:
            if "responseStatusCode" in event.params:
                self._take_page(event.params)
            else:
                self._judge(event.params, is_page=is_page)
                self._channel.send("Fetch.continueRequest", requestId=event.params["requestId"])
        except CrawlError as problem:
            self._refuse(event)
            if is_page or not isinstance(problem, PageRefused):
                self._watch.fail(problem)

    def _take_page(self, params: Mapping[str, Any]) -> None:
        """Give the browser a page's HTML once it is here whole: what it would parse meanwhile could overwhelm it."""
        request, status = params["requestId"], params["responseStatusCode"]
        headers = [header for header in params.get("responseHeaders", []) if isinstance(header, dict)]
        if status in REDIRECTS:
            self._channel.send("Fetch.continueRequest", requestId=request)
            return
        named = lower_names((header["name"], header["value"]) for header in headers)
        self._watch.judge_page(status, named, params["request"]["url"])
        body = self._read_body(request)
        self._watch.judge_whole(len(body), named)
        self._channel.send(
            "Fetch.fulfillRequest",
            requestId=request,
            responseCode=status,
            responseHeaders=[header for header in headers if header["name"].lower() not in _OF_THE_WIRE],
            body=base64.b64encode(body).decode(),
        )

    def _read_body(self, request: str) -> bytes:
        body = bytearray()
        try:
            stream = self._channel.call("Fetch.takeResponseBodyAsStream", requestId=request, until=self._deadline)
            ended = False
            while not ended:
                part = self._channel.call("IO.read", handle=stream["stream"], size=_CHUNK, until=self._deadline)
                data = part["data"]
                body += base64.b64decode(data) if part.get("base64Encoded") else data.encode()
                ended = part.get("eof", False)
                self._watch.judge_size(len(body))
        except CommandRefused as error:
            raise PageBroken(f"a page of {self._profile.host} ends in the middle") from error
        except PageUnreachable as error:
            raise self._too_slow() from error
        return bytes(body)

    def _judge(self, params: Mapping[str, Any], *, is_page: bool) -> None:
        address = params["request"]["url"]
        parts = urlsplit(address)
        kind = params.get("resourceType")
        if kind not in _LOADED or (kind == "Document" and not is_page):
            raise PageRefused("of no use for reading")
        if parts.scheme not in ("http", "https") or not self._profile.allows(parts.hostname or ""):
            raise PageRefused(f"a page of {self._profile.host} leads to another site")
        if not is_page:
            self._permit(address)
        elif self._expected is not None:
            self._expected = None
        else:
            begun = self._clock()
            self._admit(address)
            self._deadline += self._clock() - begun

    def _refuse(self, event: DevToolsEvent) -> None:
        request = event.params["requestId"]
        if event.params.get("resourceType") == "Document" and event.params.get("frameId") != self._handle:
            # A frame that fails shows a page about it, which costs more than the page around it; this shows nothing.
            self._channel.send("Fetch.fulfillRequest", requestId=request, responseCode=204)
        else:
            self._channel.send("Fetch.failRequest", requestId=request, errorReason="BlockedByClient")

    def _press(self, button: str) -> None:
        self._pressed = True
        # Hidden or covered, it is in nobody's way: pages are read without being looked at.
        with contextlib.suppress(*BROWSER_TROUBLE):
            self._driver.find_element("css selector", button).click()
