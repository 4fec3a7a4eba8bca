"""Lists that load more when a reader scrolls: taken part by part, each going on where the last one ended.

A target's cursor says where a part begins: an address, where the page names one for going on, or the number of posts
before it. As long as a list's tab is open, going on is scrolling. Later, an address is opened; a number means scrolling
again from the top, because the site offers no other way.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from scraper.browser.post_pages import ListPage, read_list
from scraper.browser.site_profile import SiteProfile
from scraper.browser.tab import Tab
from scraper.errors import CrawlError, LoginWall, TooManyRequests
from scraper.port import Page, Target

MAX_LISTS = 8
"""Lists whose tabs stay open between their parts: a topic's seven hashtags and one more."""
_AT, _AFTER = "at:", "after:"


def address_in(cursor: str | None) -> str | None:
    """Return the address that a cursor names, or None."""
    return cursor.removeprefix(_AT) if cursor is not None and cursor.startswith(_AT) else None


@dataclass(slots=True)
class _OpenList:
    """A list in its tab.

    Attributes:
        tab: where it is shown.
        cursor: of the target that goes on with it, or None.
        seen: addresses of posts that were handed out.
        troubled: whether something failed on the way here, so that an end may be none.
    """

    tab: Tab
    cursor: str | None = None
    seen: set[str] = field(default_factory=set)
    troubled: bool = False


class ScrolledLists:
    """The lists of one site, each in its tab.

    Args:
        profile: the site.
        new_tab: opens an empty tab.
        drop: takes a tab that is done with, or stuck.
        admit: waits for the site's turn before a list is scrolled once more within a fetch.
    """

    def __init__(
        self,
        profile: SiteProfile,
        new_tab: Callable[[], Tab],
        drop: Callable[[Tab], None],
        admit: Callable[[str], None],
    ) -> None:
        self._profile = profile
        self._new_tab = new_tab
        self._drop = drop
        self._admit = admit
        self._held: OrderedDict[str, _OpenList] = OrderedDict()

    def fetch(self, target: Target, address: str) -> Page:
        """Return the part of a list that a target's cursor points to; ``address`` is where to open it anew."""
        held = self._held.pop(target.value, None)
        if held is not None and held.cursor != target.cursor:
            self._drop(held.tab)
            held = None
        if held is not None:
            page = self._scroll_on(held, target)
            if page is not None:
                return page
            self._drop(held.tab)
        return self._open(target, address)

    def forget(self) -> None:
        """Forget all tabs, because their browser is gone."""
        self._held.clear()

    def _scroll_on(self, held: _OpenList, target: Target) -> Page | None:
        """Return the next part of an open list, or None when the tab does not get there."""
        with self._on_trouble(held, target):
            held.tab.scroll()
            known = len(held.seen)
            listing, new = self._look_for_more(held)
        if len(held.seen) == known and not listing.at_end and (held.troubled or listing.onward):
            return None
        return self._part(held, target, listing, new, held.tab.n_bytes)

    def _open(self, target: Target, address: str) -> Page:
        """Return the part of a list that a cursor points to, in a new tab."""
        held = _OpenList(self._new_tab())
        with self._on_trouble(held, target):
            held.tab.open(address)
            listing, new = self._look_for_more(held)
            n_bytes = held.tab.n_bytes
            behind = _number_in(target.cursor)
            # Posts that were handed out before are handed out again: the crawl knows them.
            while len(held.seen) <= behind and not listing.at_end:
                known = len(held.seen)
                self._admit(address)
                held.tab.scroll()
                listing, more = self._look_for_more(held)
                new += more
                n_bytes += held.tab.n_bytes
                if len(held.seen) == known:
                    break
        return self._part(held, target, listing, new, n_bytes)

    def _look_for_more(self, held: _OpenList) -> tuple[ListPage, tuple[str, ...]]:
        """Return the list as soon as it shows a new post or its end, or else as it is once it is quiet."""

        def look() -> ListPage | None:
            listing = read_list(*held.tab.content(), self._profile)
            return listing if listing.at_end or not held.seen.issuperset(listing.posts) else None

        listing = held.tab.wait(look) or read_list(*held.tab.content(), self._profile)
        new = tuple(post for post in listing.posts if post not in held.seen)
        if not new and listing.walled:
            raise LoginWall(f"{self._profile.name} shows no more of a list without an account")
        held.seen.update(new)
        return listing, new

    def _part(self, held: _OpenList, target: Target, listing: ListPage, new: tuple[str, ...], n_bytes: int) -> Page:
        posts = tuple(target.towards("post", post) for post in new)
        if listing.at_end or not new:
            self._drop(held.tab)
            return Page(targets=posts, n_bytes=n_bytes)
        held.cursor = f"{_AT}{listing.onward}" if listing.onward else f"{_AFTER}{len(held.seen)}"
        held.troubled = False
        self._keep(target.value, held)
        return Page(targets=(*posts, target.at(held.cursor)), n_bytes=n_bytes)

    def _keep(self, hashtag: str, held: _OpenList) -> None:
        self._held[hashtag] = held
        while len(self._held) > MAX_LISTS:
            self._drop(self._held.popitem(last=False)[1].tab)

    @contextlib.contextmanager
    def _on_trouble(self, held: _OpenList, target: Target) -> Iterator[None]:
        """Keep a tab that was asked to slow down, and close one that fails otherwise."""
        try:
            yield
        except TooManyRequests:
            if held.cursor is not None and held.cursor == target.cursor:
                held.troubled = True
                self._keep(target.value, held)
            else:
                self._drop(held.tab)
            raise
        except CrawlError:
            self._drop(held.tab)
            raise


def _number_in(cursor: str | None) -> int:
    """Return how many posts of a list lie before a cursor, 0 for an address or for what this source did not write."""
    number = (cursor or "").removeprefix(_AFTER)
    return int(number) if number.isascii() and number.isdigit() else 0
