"""Who is measured: the recommender in each of its ways, and the tables that the published methods are run with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from core.errors import BundleError
from core.ports import Recommender
from core.query import Options, Query, Routing
from embeddings.glove import GloveConfig, fit_glove, glove_table
from embeddings.glove_pairs import count_pairs
from embeddings.table import EmbeddingTable, open_table, save_table
from embeddings.tokens import post_tokens, word_token
from embeddings.word2vec import PUBLISHED, fit_word2vec
from pipelines.evaluation.scoreboard import Ranker
from recommend.baselines.method import Corpus

LEARNT = "tagsmith"
HARD = "tagsmith, hard routing"
GLOBAL = "tagsmith, global table"
SHIPPED = "tagsmith, as answered by default"
BATCH_QUERIES = 64
N_THREADS = 2
WINDOW = 10
"""GloVe's, to either side, as published."""
MIN_PAIR_WEIGHT = 1.0
GLOVE = GloveConfig(dimensions=100, epochs=30, x_max=10.0)
"""As published but for x_max: a hundred is for billions of words; chosen on val posts."""


class ScoringRecommender(Recommender, Protocol):
    """A recommender that also tells its order by score alone."""

    def rank(self, queries: Sequence[Query], k: int) -> list[list[str]]:
        """Return the k best hashtags of each query by score, without what diversity changes."""
        ...


class ByScore:
    """The recommender's order by score, by one routing."""

    def __init__(self, recommender: ScoringRecommender, routing: Routing) -> None:
        """Ask ``recommender`` with ``routing``."""
        self._recommender = recommender
        self._routing = routing

    def rank(self, queries: Sequence[Query], k: int) -> list[list[str]]:
        """Return for each query the k hashtags of highest score."""
        asked = [replace(query, options=replace(query.options, routing=self._routing)) for query in queries]
        return _in_threads(lambda batch: self._recommender.rank(batch, k), asked)


class AsAnswered:
    """The recommender's answers as a request without options gets them: diversity, abstaining and all."""

    def __init__(self, recommender: Recommender) -> None:
        """Ask ``recommender``."""
        self._recommender = recommender

    def rank(self, queries: Sequence[Query], k: int) -> list[list[str]]:
        """Return the first ``k`` hashtags of each answer."""
        asked = [replace(query, options=Options(explain=False)) for query in queries]

        def ask(batch: Sequence[Query]) -> list[list[str]]:
            answers = self._recommender.recommend(batch)
            return [[suggestion.hashtag for suggestion in answer.suggestions[:k]] for answer in answers]

        return _in_threads(ask, asked)


def ways_of(recommender: ScoringRecommender) -> dict[str, Ranker]:
    """Return the recommender in each of its ways, by name."""
    return {
        LEARNT: ByScore(recommender, "soft"),
        HARD: ByScore(recommender, "hard"),
        GLOBAL: ByScore(recommender, "global"),
        SHIPPED: AsAnswered(recommender),
    }


def published_tables(corpus: Corpus, cache: Path, note: Callable[[str], None]) -> dict[str, EmbeddingTable]:
    """Return Word2Vec with the published settings and GloVe, trained on ``corpus`` or found in ``cache``.

    Args:
        corpus: training posts.
        cache: keeps each table under a hash of posts and settings.
        note: tells a person what takes a while.
    """
    words = [*corpus.tags, *map(word_token, corpus.counts.words)]
    posts = [post_tokens(post.hashtags, post.words) for post in corpus.posts]
    digest = hashlib.sha256("\n".join(" ".join(tokens) for tokens in posts).encode("utf-8", "surrogatepass"))

    def word2vec() -> EmbeddingTable:
        return fit_word2vec(posts, words, len(corpus.tags), PUBLISHED)

    def glove() -> EmbeddingTable:
        row_of = {word: row for row, word in enumerate(words)}
        rows = ([row_of[token] for token in tokens if token in row_of] for tokens in posts)
        with TemporaryDirectory(dir=cache) as folder:
            pairs = count_pairs(rows, len(words), Path(folder) / "pairs", window=WINDOW, min_weight=MIN_PAIR_WEIGHT)
            parameters, _ = fit_glove(pairs, GLOVE)
        return glove_table(parameters, words, corpus.counts.whole.tag_posts)

    wanted = {
        "Word2Vec as published": (repr(PUBLISHED), word2vec),
        "GloVe": (repr((GLOVE, WINDOW, MIN_PAIR_WEIGHT)), glove),
    }
    cache.mkdir(parents=True, exist_ok=True)
    return {
        name: _kept(
            cache / hashlib.sha256(f"{digest.hexdigest()} {settings}".encode()).hexdigest()[:16], name, fit, note
        )
        for name, (settings, fit) in wanted.items()
    }


def _in_threads(ask: Callable[[Sequence[Query]], list[list[str]]], queries: Sequence[Query]) -> list[list[str]]:
    """Return all answers in order; a query's answer does not depend on its batch, so batches may run side by side."""
    batches = [queries[start : start + BATCH_QUERIES] for start in range(0, len(queries), BATCH_QUERIES)]
    with ThreadPoolExecutor(N_THREADS) as pool:
        return [ranked for lists in pool.map(ask, batches) for ranked in lists]


def _kept(folder: Path, name: str, fit: Callable[[], EmbeddingTable], note: Callable[[str], None]) -> EmbeddingTable:
    """Return the table in ``folder``, trained first where there is none or a broken one."""
    try:
        return open_table(folder)
    except BundleError:
        note(f"training {name} for comparison")
        save_table(fit(), folder, row_format="float16")
        return open_table(folder)
