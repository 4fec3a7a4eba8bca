"""Instagram through Instaloader: the posts under a hashtag, of a profile, at a place, and single posts.

What is somebody's own is not collected: the feed, stories and saved posts
(``docs/adr/0006-instagram-without-private-lists.md``). Hashtags and places need a login today; Instagram's terms
forbid collecting without its permission, see ``docs/sources.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import instaloader

from scraper.errors import CrawlError, LoginWall, PageBroken, PageRefused
from scraper.instagram.session import read_session
from scraper.instagram.web import HOST, CrawlContext, InstagramAdapter, crawl_error
from scraper.instaloader_posts import found_post, nodes_of, section_nodes, shortcodes_of
from scraper.port import FoundPost, Page, Target, demand_kind, hashtag_targets
from scraper.sources import SourceOptions
from scraper.top_hashtags import RankedHashtag
from scraper.web.addresses import server_address

_Answer = TypeVar("_Answer")
_SECTIONS = {"__a": 1, "__d": "dis"}


class InstagramSource:
    """A ``PageSource`` over Instagram; also says which hashtags its search puts first.

    It asks Instagram, or ``options.instance`` in its place, with Instaloader's session in ``options.cookies`` if one
    is given.

    Raises:
        InvalidOption: the session file holds no session, or the instance is not the address of a server.
    """

    name = "instagram"

    def __init__(self, options: SourceOptions) -> None:
        self._web = options.web
        self._base = server_address(options.instance or f"https://{HOST}")
        self._adapter = InstagramAdapter(options.web, instance=self._base)
        self._context = CrawlContext(self._adapter, timeout_s=options.page_timeout_s)
        if options.cookies is not None:
            self._context.log_in(*read_session(options.cookies))

    def targets(self, topic: str | None, hashtags: Sequence[str]) -> tuple[Target, ...]:
        """Return one list of posts for each hashtag; what is not a hashtag is left out."""
        return hashtag_targets(topic, hashtags)

    def address(self, target: Target) -> str | None:
        """Return the address that Instaloader opens first: lists under a hashtag and posts are queries."""
        value = quote(target.value, safe="")
        paths = {"profile": f"{value.lower()}/", "location": f"explore/locations/{value}/"}
        return f"{self._base}/{paths.get(target.kind, 'graphql/query')}"

    def fetch(self, target: Target) -> Page:
        """Return the posts of one page of a list, or a single post, and the target of the next page."""
        kinds: dict[str, Callable[[Target], Page]] = {
            "tag": self._hashtag,
            "profile": self._profile,
            "location": self._location,
            "post": self._post,
        }
        demand_kind(self.name, target, kinds)
        self._adapter.begin()
        return self._ask(lambda: kinds[target.kind](target), after=target.cursor)

    def ranked_hashtags(self, word: str) -> Sequence[RankedHashtag]:
        """Return the hashtags that Instagram's search puts first for a word, with the number of their posts."""
        if not word:
            raise PageRefused("Instagram publishes no trends; ask for a word")
        self._adapter.begin()
        return self._ask(lambda: _ranked(instaloader.TopSearchResults(self._context, word)), after=None)

    def picture(self, address: str) -> bytes:
        """Return a photograph's bytes; Instagram keeps them elsewhere, and asks nobody who wants them."""
        return self._web.get(address).body

    def close(self) -> None:
        """Give back the session."""
        self._context.close()  # type: ignore[no-untyped-call]

    def _hashtag(self, target: Target) -> Page:
        listing = instaloader.Hashtag(self._context, {"name": target.value}).get_posts_resumable()
        return self._listed(target, listing)

    def _profile(self, target: Target) -> Page:
        if self._context.is_logged_in:
            return self._listed(target, instaloader.Profile.from_username(self._context, target.value).get_posts())
        # Without a login Instagram shows a profile's newest posts alone, and of each but its address.
        visited = {"username": target.value.lower(), "id": ""}  # what stands in the page's address is enough
        shown = instaloader.Profile(self._context, visited).get_posts().freeze()
        codes = shortcodes_of((shown.remaining_data or {}).get("edges"))
        onward = tuple(target.towards("post", code) for code in codes)
        return Page((), onward, self._adapter.n_bytes)

    def _location(self, target: Target) -> Page:
        if not self._context.is_logged_in:
            raise LoginWall("Instagram shows places to accounts only; name Instaloader's session file")
        onward = {} if target.cursor is None else {"max_id": target.cursor}
        answer = self._context.get_json(f"explore/locations/{quote(target.value, safe='')}/", {**_SECTIONS, **onward})
        recent = answer["native_location_data"]["recent"]
        cursor = recent.get("next_max_id") if recent.get("more_available") else None
        return self._page(target, map(found_post, section_nodes(recent.get("sections"))), cursor)

    def _post(self, target: Target) -> Page:
        post = instaloader.Post.from_shortcode(self._context, target.value)
        return self._page(target, [found_post(instaloader.get_json_structure(post)["node"])], None)

    def _listed(self, target: Target, listing: instaloader.NodeIterator[Any]) -> Page:
        """Return the page that a list has at hand; asking it for its first post would not ask Instagram for more."""
        data: Mapping[str, Any] = listing.freeze().remaining_data or {}
        info = data.get("page_info") or {}
        cursor = info.get("end_cursor") if info.get("has_next_page") else None
        return self._page(target, map(found_post, nodes_of(data.get("edges"))), cursor)

    def _page(self, target: Target, posts: Any, cursor: Any) -> Page:
        found: list[FoundPost] = [post for post in posts if post is not None]
        onward: tuple[Target, ...] = ()
        if cursor and str(cursor) != target.cursor:
            onward = (target.at(str(cursor)),)
        return Page(tuple(found), onward, self._adapter.n_bytes)

    def _ask(self, question: Callable[[], _Answer], *, after: str | None) -> _Answer:
        self._context.after = after
        try:
            return question()
        except CrawlError:
            raise
        except (instaloader.InstaloaderException, instaloader.AbortDownloadException) as error:
            raise crawl_error(error) from error
        except (KeyError, IndexError, TypeError, AttributeError, ValueError, AssertionError) as error:
            # Instaloader reads answers without checking what they hold.
            raise PageBroken(f"Instagram's answer is not what Instaloader knows ({type(error).__name__})") from error


def _ranked(results: instaloader.TopSearchResults) -> list[RankedHashtag]:
    ranked = []
    for hashtag in results.get_hashtags():
        node = instaloader.get_json_structure(hashtag)["node"]
        count = node.get("media_count")
        ranked.append(RankedHashtag(str(node["name"]), count if isinstance(count, int) else None))
    return ranked
