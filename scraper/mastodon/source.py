"""Public hashtag timelines and trends of a Mastodon or Pixelfed instance, through Mastodon.py.

Mastodon shows both without an account unless the instance closed them; Pixelfed shows hashtag timelines to accounts
only, so it needs a file with an access token. One instance is asked, for one hashtag at a time, and what it knows of
the others comes with it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from mastodon import Mastodon, MastodonError
from mastodon.errors import MastodonAPIError, MastodonRatelimitError, MastodonServerError

from core.errors import InvalidOption
from scraper.errors import CrawlError, LoginWall, PageBroken, PageRefused, PageUnreachable, TooManyRequests
from scraper.foreign_json import as_object
from scraper.mastodon.posts import last_id, posts_of, ranked_tags
from scraper.port import Page, Target, demand_kind, hashtag_targets
from scraper.sources import SourceOptions
from scraper.top_hashtags import RankedHashtag
from scraper.web.addresses import server_address
from scraper.web.requests_adapter import WebAdapter, web_session

DEFAULT_INSTANCE = "https://mastodon.social"
MAX_PAGE = 40
"""Statuses a page, the most that both give (https://docs.joinmastodon.org/methods/timelines/)."""
SPOKEN_VERSION = "4.0.0"
"""The first that gives hashtag timelines, trends and search without an account; Pixelfed follows it."""
MAX_ANSWER_BYTES = 8 * 1024 * 1024
_MAX_TOKEN_BYTES = 4096

_Answer = TypeVar("_Answer")


class MastodonSource:
    """A ``PageSource`` over one instance's API; also says which hashtags the instance puts first.

    It asks ``options.instance`` (mastodon.social where none is named), with the access token in ``options.cookies`` if
    that is given.

    Raises:
        InvalidOption: the instance is not the address of a server, or the file holds no token.
    """

    name = "mastodon"

    def __init__(self, options: SourceOptions) -> None:
        self._web = options.web
        self._base = server_address(options.instance or DEFAULT_INSTANCE)
        self._host = urlsplit(self._base).hostname or ""
        self._limit = max(1, min(options.page_size, MAX_PAGE))
        self._adapter = WebAdapter(options.web, max_bytes=MAX_ANSWER_BYTES)
        self._api = Mastodon(
            api_base_url=self._base,
            access_token=None if options.cookies is None else _token(options.cookies),
            session=web_session(self._adapter),
            user_agent=options.user_agent,
            request_timeout=options.page_timeout_s,
            ratelimit_method="throw",
            # Left to itself Mastodon.py asks every instance which version it runs, and does so without end where the
            # answer is not Mastodon's own.
            mastodon_version=SPOKEN_VERSION,
            version_check_mode="created",
        )

    def targets(self, topic: str | None, hashtags: Sequence[str]) -> tuple[Target, ...]:
        """Return one timeline for each hashtag; what is not a hashtag is left out."""
        return hashtag_targets(topic, hashtags)

    def address(self, target: Target) -> str | None:
        """Return the address of the timeline's page, as Mastodon.py writes it."""
        older = "" if target.cursor is None else f"max_id={quote(target.cursor, safe='')}&"
        return f"{self._base}/api/v1/timelines/tag/{quote(target.value)}?{older}limit={self._limit}"

    def fetch(self, target: Target) -> Page:
        """Return a page of a hashtag's timeline and the target of the next, older one."""
        demand_kind(self.name, target, ("tag",))
        statuses = self._ask(lambda: self._api.timeline_hashtag(target.value, limit=self._limit, max_id=target.cursor))
        posts = posts_of(statuses, host=self._host)
        older = last_id(statuses)
        # A page may be short because the instance filters it; the end is an empty page, or one that repeats itself.
        onward = () if older is None or older == target.cursor else (target.at(older),)
        return Page(posts, onward, self._adapter.n_bytes)

    def ranked_hashtags(self, word: str) -> Sequence[RankedHashtag]:
        """Return the hashtags that the instance's search finds for a word, with their use a day; for "" its trends."""
        if not word:
            tags = self._ask(lambda: self._api.trending_tags(limit=20))
        else:
            found = self._ask(lambda: self._api.search_v2(word, resolve=False, result_type="hashtags", limit=MAX_PAGE))
            tags = as_object(found).get("hashtags")
        return ranked_tags(tags)

    def picture(self, address: str) -> bytes:
        """Return a photograph's bytes."""
        return self._web.get(address).body

    def close(self) -> None:
        """Give back the session."""
        self._api.session.close()

    def _ask(self, question: Callable[[], _Answer]) -> _Answer:
        self._adapter.begin()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # which version an instance runs concerns nobody here
                return question()
        except MastodonError as error:
            raise self._adapter.failure or crawl_error(error) from error
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            # Mastodon.py builds its own types without checking what the answer is.
            raise PageBroken(f"the answer is not that of an instance ({type(error).__name__})") from error


def crawl_error(error: MastodonError) -> CrawlError:
    """Return what an error of Mastodon.py means for the crawl."""
    if isinstance(error, MastodonRatelimitError):
        return TooManyRequests("the instance asks to slow down")
    status = next((value for value in error.args if isinstance(value, int)), None)
    if isinstance(error, MastodonServerError) or (status is not None and status >= 500):
        return PageUnreachable(f"the instance has a fault of its own (HTTP {status})")
    if status in (401, 403, 422):
        return LoginWall(
            f"the instance shows this to accounts only (HTTP {status}); name a file with an access token of yours, "
            "or another instance"
        )
    if status is not None:
        return PageRefused(f"the instance does not give this (HTTP {status})")
    if isinstance(error, MastodonAPIError):
        return PageBroken("the answer is not JSON")
    return PageUnreachable(f"the instance could not be asked ({type(error).__name__})")


def _token(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_TOKEN_BYTES + 1)
        token: Any = content.decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidOption(f"{path} holds no access token; write it as one line of ASCII", field="cookies") from error
    if not token or len(content) > _MAX_TOKEN_BYTES or any(sign.isspace() for sign in token):
        raise InvalidOption(f"{path} holds no access token; write it as one line of ASCII", field="cookies")
    return str(token)
