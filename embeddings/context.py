"""The context embedding: what a whole post says, as one vector, and which hashtags follow from it.

Every caption word, hashtag and topic has an input vector; the input vectors of a post's context are summed and
divided by the root of their number (x); every hashtag has an output vector o and a bias b, and

    P(t | context) = softmax over the whole vocabulary of o_t . x + b_t.

It is CBOW (Mikolov et al. 2013) with the whole post as window and no sampling. A token's input vector is its own
plus the mean of the vectors of its character n-grams (Bojanowski et al. 2017), so that a token that was never seen
still has one.

All inputs live in one table, told apart by a prefix that no hashtag can have: hashtags as they are, caption words as
``w:dog``, topics as ``t:pets``, buckets of n-grams as ``g:17``. Rows of known tokens hold the whole sum already.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from embeddings.table import WordVectors

Floats = NDArray[np.float32]

WORD, TOPIC, GRAM = "w:", "t:", "g:"
MIN_GRAM, MAX_GRAM = 3, 5


def gram_buckets(token: str, n_buckets: int) -> NDArray[np.int64]:
    """Return the buckets of the 3- to 5-grams of ``<token>``, with repetitions; hashtag and word share them."""
    framed = f"<{token}>"
    return np.array(
        [
            zlib.crc32(framed[start : start + n].encode("utf-8", "surrogatepass")) % n_buckets
            for n in range(MIN_GRAM, MAX_GRAM + 1)
            for start in range(len(framed) - n + 1)
        ],
        dtype=np.int64,
    )


class ContextEmbedding:
    """Context vectors and hashtag scores of one table. Safe to share between threads.

    Keeps the output side as dense float32, 4 n_outputs d bytes; the input side stays mapped.
    """

    def __init__(self, table: WordVectors) -> None:
        """Read what scoring needs; the table holds prefixed rows as the module describes.

        Raises:
            DataError: the table has no output vectors.
        """
        self._table = table
        self._rows = {word: row for row, word in enumerate(table.words)}
        self._n_buckets = sum(word.startswith(GRAM) for word in table.words)
        self._first_bucket = self._rows.get(f"{GRAM}0", 0)
        self._outputs = table.dense_output()
        self._bias = np.zeros(table.n_outputs, np.float32) if table.output_bias is None else table.output_bias

    @property
    def dimensions(self) -> int:
        """Length of a context vector."""
        return self._table.dimensions

    @property
    def outputs(self) -> Floats:
        """(n_tags, d) output vectors."""
        return self._outputs

    @property
    def bias(self) -> Floats:
        """(n_tags,) output biases."""
        return self._bias

    def word_vectors(self, words: Sequence[str]) -> Floats:
        """Return (n_words, d) input vectors of caption words; unknown ones are made of their n-grams."""
        return self._vectors([WORD + word for word in words], words)

    def tag_vectors(self, tags: Sequence[str]) -> Floats:
        """Return (n_tags, d) input vectors of hashtags; unknown ones are made of their n-grams."""
        return self._vectors(tags, tags)

    def topic_vector(self, topics: Mapping[str, float]) -> Floats:
        """Return (d,) the mean of the topics' input vectors, weighted by their probabilities (which sum to 1)."""
        total = np.zeros(self.dimensions, np.float32)
        for topic, probability in topics.items():
            row = self._rows.get(TOPIC + topic)
            if row is not None:
                total += np.float32(probability) * self._table.take_input(np.array([row]))[0]
        return total

    def logits(self, context: Floats) -> Floats:
        """Return (n_tags,) o_t . x + b_t of one context vector x (d,)."""
        scores: Floats = self._outputs @ context + self._bias
        return scores

    def _vectors(self, keys: Sequence[str], spellings: Sequence[str]) -> Floats:
        vectors = np.zeros((len(keys), self.dimensions), np.float32)
        rows = [self._rows.get(key, -1) for key in keys]
        known = [at for at, row in enumerate(rows) if row >= 0]
        if known:
            vectors[known] = self._table.take_input(np.array([rows[at] for at in known]))
        if self._n_buckets:
            for at, row in enumerate(rows):
                if row < 0:
                    buckets = gram_buckets(spellings[at], self._n_buckets) + self._first_bucket
                    if buckets.size:
                        vectors[at] = self._table.take_input(buckets).mean(axis=0)
        return vectors


def join(*parts: Floats) -> Floats:
    """Return (d,) the context vector of input vectors: their sum over the root of their number; zeros without any.

    Args:
        parts: (n, d) each, any n; one row a token.
    """
    n = sum(part.shape[0] for part in parts)
    total: Floats = np.sum([part.sum(axis=0) for part in parts], axis=0, dtype=np.float32)
    return total / np.float32(max(1, n) ** 0.5)


def log_softmax(logits: Floats) -> Floats:
    """Return natural log-probabilities along the last axis, in float32."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p: Floats = (shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))).astype(np.float32)
    return log_p
