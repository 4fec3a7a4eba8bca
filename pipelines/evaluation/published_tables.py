"""The tables of the published methods, trained for comparison alone and kept between runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from core.errors import BundleError
from embeddings.glove import GloveSettings, fit_glove, glove_table
from embeddings.glove_pairs import count_pairs
from embeddings.table import EmbeddingTable, open_table, save_table
from embeddings.tokens import post_tokens, word_token
from embeddings.word2vec import PUBLISHED, fit_word2vec
from recommend.baselines.method import Corpus

WINDOW = 10
"""GloVe's, to either side, as published."""

MIN_PAIR_WEIGHT = 1.0
GLOVE = GloveSettings(dimensions=100, epochs=30, x_max=10.0)
"""As published but for x_max: a hundred is for billions of words; chosen on val posts."""


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


def _kept(folder: Path, name: str, fit: Callable[[], EmbeddingTable], note: Callable[[str], None]) -> EmbeddingTable:
    """Return the table in ``folder``, trained first where there is none or a broken one."""
    try:
        return open_table(folder)
    except BundleError:
        note(f"training {name} for comparison")
        save_table(fit(), folder, row_format="float16")
        return open_table(folder)
