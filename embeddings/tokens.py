"""How hashtags and caption words are named in one vocabulary."""

from __future__ import annotations

from collections.abc import Sequence

from core.query import Query
from embeddings.context import WORD


def word_token(word: str) -> str:
    """Return the token of a caption word; no hashtag holds a colon, so ``dog`` and ``#dog`` stay two tokens."""
    return WORD + word


def post_tokens(hashtags: Sequence[str], words: Sequence[str]) -> list[str]:
    """Return a post's tokens: its caption words in order of use, then its hashtags."""
    return [*map(word_token, words), *hashtags]


def query_tokens(query: Query) -> list[str]:
    """Return a query's tokens, named as a post's."""
    return post_tokens(query.seeds, query.words)
