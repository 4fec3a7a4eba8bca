"""Word2Vec (Mikolov et al. 2013) through gensim, output vectors kept. Training only: serving never loads this file."""

from __future__ import annotations

import importlib
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import DataError, lacking
from embeddings.pretrained import PretrainedVectors
from embeddings.table import EmbeddingTable, build_table, log_prior_of


@dataclass(frozen=True, slots=True)
class Word2VecConfig:
    """How Word2Vec is trained; the defaults are those of the published method.

    Attributes:
        dimensions: length of a vector.
        window: tokens to either side that count as context.
        epochs: passes over the posts.
        skip_gram: predict the context from a word; else the word from the context's mean.
        sample: frequency above which uses are dropped at random; 0 keeps all.
        negatives: noise words drawn for each true one.
        shrink_windows: whether the window is drawn anew, 1 to ``window``, for each word, so that near words count more.
        shuffle: whether each pass has the tokens of a post in a new order, so that a window is a fair sample of it.
        learning_rate: at the start; it falls linearly to 0.0001.
        seed: of first vectors and noise.
    """

    dimensions: int = 300
    window: int = 5
    epochs: int = 30
    skip_gram: bool = False
    sample: float = 1e-3
    negatives: int = 5
    shrink_windows: bool = True
    shuffle: bool = False
    learning_rate: float = 0.025
    seed: int = 1


PUBLISHED = Word2VecConfig()

WHOLE_POST_SKIP_GRAM = Word2VecConfig(
    dimensions=100,
    window=5,
    epochs=20,
    skip_gram=True,
    sample=0.0,
    negatives=10,
    shrink_windows=False,
    shuffle=True,
)
"""What in-out scores want: hashtags have no order, and dropping the frequent ones falsifies the probabilities.

Up to six tokens the window is the whole post; of longer posts each pass takes another five to either side, which keeps
the time linear in the length: all pairs of a caption of 300 words would outweigh a thousand short posts. Measured on
val, in-out scores by seeds gain from the smaller window: nDCG@10 .200 with five, .187 with ten to either side.
"""


def fit_word2vec(
    posts: Sequence[Sequence[str]],
    words: Sequence[str],
    n_outputs: int,
    config: Word2VecConfig = PUBLISHED,
    *,
    start: PretrainedVectors | None = None,
) -> EmbeddingTable:
    """Return input and output vectors of ``words``, trained with one worker: the same arguments, the same table.

    Args:
        posts: each post's tokens; tokens that are not in ``words`` are left out.
        words: the vocabulary, hashtags first; a word that no post uses has zero vectors.
        n_outputs: how many of the first words can be predicted.
        config: how.
        start: input vectors to begin with, for the words it knows: the published second approach.

    Raises:
        DataError: no post uses two of the words, or ``start`` has other dimensions.
        MissingExtra: gensim is not installed.
    """
    if start is not None and start.dimensions != config.dimensions:
        wrong = config.dimensions
        raise DataError(f"the pretrained vectors have {start.dimensions} dimensions: set that, not {wrong}")
    known = set(words)
    sentences = [kept for post in posts if len(kept := [token for token in post if token in known]) > 1]
    if not sentences:
        raise DataError("no post has two words of the vocabulary: collect more posts")
    model = _word2vec_class()(
        vector_size=config.dimensions,
        window=config.window,
        min_count=1,
        workers=1,
        sg=int(config.skip_gram),
        sample=config.sample,
        negative=config.negatives,
        shrink_windows=config.shrink_windows,
        alpha=config.learning_rate,
        seed=config.seed,
    )
    model.build_vocab(sentences)
    row_of: dict[str, int] = model.wv.key_to_index
    if start is not None:
        for word, row in row_of.items():
            vector = start.get(word)
            if vector is not None:
                model.wv.vectors[row] = vector
    ordered = _Reshuffled(sentences, config.seed) if config.shuffle else sentences
    model.train(ordered, total_examples=len(sentences), epochs=config.epochs)
    inputs = np.zeros((len(words), config.dimensions), dtype=np.float32)
    outputs = np.zeros((n_outputs, config.dimensions), dtype=np.float32)
    for row, word in enumerate(words):
        if word in row_of:
            inputs[row] = model.wv.vectors[row_of[word]]
            if row < n_outputs:
                outputs[row] = model.syn1neg[row_of[word]]
    uses = Counter(token for sentence in sentences for token in sentence)
    return build_table(words, inputs, outputs, log_prior_of(np.array([uses[word] for word in words[:n_outputs]])))


class _Reshuffled:
    """Sentences whose tokens stand in another order each time they are gone through."""

    def __init__(self, sentences: list[list[str]], seed: int) -> None:
        self._sentences = sentences
        self._chance = random.Random(seed)

    def __iter__(self) -> Iterator[list[str]]:
        for sentence in self._sentences:
            self._chance.shuffle(sentence)
            yield sentence


def _word2vec_class() -> Any:
    try:
        return importlib.import_module("gensim.models.word2vec").Word2Vec
    except ImportError as error:
        raise lacking("Word2Vec", "gensim", "train") from error
