"""What the sources have in common that are asked for licensed photographs by a word."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from core.text.hashtags import normalise
from scraper.errors import PageBroken
from scraper.licences import demand_codes
from scraper.port import Target, WebAnswer
from scraper.sources import SourceOptions
from scraper.web.addresses import server_address

KIND = "search"


class PhotographSearch:
    """The half of a ``PageSource`` that is the same for every search; a subclass adds ``address`` and ``fetch``.

    It asks ``options.instance`` for photographs under ``options.licences``, ``options.page_size`` a page.

    Attributes:
        DEFAULT_INSTANCE: the server that is asked where the operator names none.
        MAX_PAGE: photographs a page, the most that the API gives to those without an account.

    Raises:
        InvalidOption: a licence is unknown, or the instance is not the address of a server.
    """

    DEFAULT_INSTANCE: ClassVar[str]
    MAX_PAGE: ClassVar[int]

    def __init__(self, options: SourceOptions) -> None:
        self._web = options.web
        self._base = server_address(options.instance or self.DEFAULT_INSTANCE)
        self._allowed = demand_codes(options.licences)
        self._limit = max(1, min(options.page_size, self.MAX_PAGE))

    def targets(self, topic: str | None, hashtags: Sequence[str]) -> tuple[Target, ...]:
        """Return one search for each different word; a word of several parts counts under the hashtag they make."""
        words = dict.fromkeys(word.strip() for word in hashtags if word.strip())
        return tuple(Target(KIND, word, topic, normalise("".join(word.split()))) for word in words)

    def picture(self, address: str) -> bytes:
        """Return a photograph's bytes."""
        return self._web.get(address).body

    def close(self) -> None:
        """Do nothing: the web client belongs to the crawl."""


def json_of(answer: WebAnswer) -> Any:
    """Return the JSON that an API sent.

    Raises:
        PageBroken: the answer is not JSON.
    """
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise PageBroken("the answer to the search is not JSON", content=answer.body) from error
