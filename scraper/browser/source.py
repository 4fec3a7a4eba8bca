"""Explore pages and post pages of a photo-sharing site, read in a real headless browser.

Sites that build their pages with scripts show nothing to a plain request, and load a list's next part when a reader
scrolls. This source scrolls, one part a fetch, keeps a list's tab open between its parts, and opens posts in a tab of
their own. What it cannot continue (after a restart, or with too many lists at once) it opens where the page said that
it goes on, or else scrolls again down to where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from scraper.browser.chromium import BROWSER_TROUBLE, BrowserNeeds, Chromium
from scraper.browser.login_cookies import read_login_cookies
from scraper.browser.page_watch import MAX_PAGE_BYTES
from scraper.browser.post_pages import read_post
from scraper.browser.scrolling import ScrolledLists, address_in
from scraper.browser.site_profile import SiteProfile, read_profile, shipped_profile
from scraper.browser.tab import Tab
from scraper.errors import CrawlError, PageBroken, PageRefused, PageUnreachable
from scraper.port import FoundPost, Page, Target, demand_kind, hashtag_targets
from scraper.sources import SourceOptions
from scraper.web.addresses import server_address

DEFAULT_SITE = "https://www.instagram.com"
FRESH_AFTER = 1000
"""Pages after which the browser is started anew: browsers grow with use."""


class BrowserSource:
    """A ``PageSource`` over one site's pages; the browser starts with the first fetch.

    Args:
        options: ``instance`` is the site, ``files`` its description where none is shipped, ``cookies`` a cookies.txt.
        max_bytes: largest size of one page with all that it loads, decoded.
        start: starts a browser.

    Raises:
        InvalidOption: the site is not known, or a file cannot be read.
    """

    name = "browser"

    def __init__(
        self,
        options: SourceOptions,
        *,
        max_bytes: int = MAX_PAGE_BYTES,
        start: Callable[[BrowserNeeds], Chromium] = Chromium,
    ) -> None:
        self._options = options
        self._profile = _profile(options)
        self._max_bytes = max_bytes
        self._start = start
        self._cookies = () if options.cookies is None else read_login_cookies(options.cookies, self._profile.allows)
        self._n_fetches = 0
        self._browser: Chromium | None = None
        self._post_tab: Tab | None = None
        self._spare: Tab | None = None
        self._lists = ScrolledLists(self._profile, self._new_tab, self._drop, options.admit)

    def targets(self, topic: str | None, hashtags: Sequence[str]) -> tuple[Target, ...]:
        """Return one explore page for each hashtag; what is not a hashtag is left out."""
        return hashtag_targets(topic, hashtags)

    def address(self, target: Target) -> str:
        """Return the address of the explore page, or of the post."""
        if target.kind == "tag":
            return address_in(target.cursor) or self._profile.list_address(target.value)
        return self._profile.post_address(target.value)

    def fetch(self, target: Target) -> Page:
        """Return a part of a list with the posts it links to, or the post of a page."""
        demand_kind(self.name, target, ("tag", "post"))
        if not self._profile.allows(urlsplit(self.address(target)).hostname or ""):
            raise PageRefused(f"this page is not one of {self._profile.name}")
        self._n_fetches += 1
        if self._n_fetches % FRESH_AFTER == 0:
            self._stop()
        try:
            if target.kind == "tag":
                return self._lists.fetch(target, self.address(target))
            return self._fetch_post(target)
        except BROWSER_TROUBLE as error:
            self._stop()
            raise PageUnreachable(
                f"the browser got stuck on a page of {self._profile.name} and is started anew ({type(error).__name__})"
            ) from error

    def picture(self, address: str) -> bytes:
        """Return a photograph's bytes."""
        return self._options.web.get(address).body

    def close(self) -> None:
        """End the browser."""
        self._stop()

    # ---- posts -------------------------------------------------------------------------------------

    def _fetch_post(self, target: Target) -> Page:
        tab = self._post_tab = self._post_tab or self._new_tab()
        problem: PageBroken | None = None

        def look() -> FoundPost | None:
            nonlocal problem
            try:
                return read_post(*tab.content(), self._profile)
            except PageBroken as error:
                problem = error
                return None

        try:
            tab.open(self.address(target))
            found = tab.wait(look)
            if found is None:
                raise problem or PageBroken(f"a post page of {self._profile.name} shows no post")
            page = Page(posts=(found,), n_bytes=tab.n_bytes)
            tab.clear()
            return page
        except CrawlError:
            if not tab.settle():
                self._stop()
            raise

    # ---- the browser -------------------------------------------------------------------------------

    def _new_tab(self) -> Tab:
        if self._spare is not None:
            spare, self._spare = self._spare, None
            return spare
        fresh = self._browser is None
        browser = self._browser = self._browser or self._start(
            BrowserNeeds(self._options.user_agent, (self._profile.host, *self._profile.hosts), self._options.headless)
        )
        tab = Tab(
            browser,
            self._profile,
            admit=self._options.admit,
            permit=self._options.permit or self._options.admit,
            timeout_s=self._options.page_timeout_s,
            max_bytes=self._max_bytes,
        )
        if fresh and self._cookies:
            tab.set_cookies(self._cookies)
        return tab

    def _drop(self, tab: Tab) -> None:
        """Put a tab aside for the next page, or end the whole browser where the tab does not answer any more."""
        if not tab.settle():
            self._stop()
        elif self._spare is None:
            tab.clear()
            self._spare = tab
        else:
            tab.close()

    def _stop(self) -> None:
        browser, self._browser = self._browser, None
        self._post_tab = self._spare = None
        self._lists.forget()
        if browser is not None:
            browser.kill()


def _profile(options: SourceOptions) -> SiteProfile:
    """Return the site's profile, at the address that the operator names."""
    if options.files is None:
        return shipped_profile(options.instance or DEFAULT_SITE)
    profile = read_profile(options.files)
    if options.instance is None:
        return profile
    return replace(profile, address=server_address(options.instance))
