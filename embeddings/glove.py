"""GloVe (Pennington, Socher, Manning 2014), in NumPy.

Vectors are fitted to logarithms of co-occurrence weights X by weighted least squares:

    J = 1/2 sum over pairs (i, j) of f(X_ij) (w_i · c_j + b_i + d_j - log X_ij)²,   f(x) = min(1, (x / x_max)^alpha)

Differences from the reference program: gradients are summed over a batch of pairs before each AdaGrad step (Duchi,
Hazan, Singer 2011), which NumPy does in whole matrices, and the step divides by the root of the squares with the
batch's own included, so that the first steps of frequent words stay as short as everyone's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from core.errors import DataError
from embeddings.glove_pairs import PairFile
from embeddings.pretrained import PretrainedVectors
from embeddings.table import EmbeddingTable, build_table, log_prior_of

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class GloveConfig:
    """How GloVe is trained; x_max and alpha are the paper's.

    Attributes:
        dimensions: length of a vector.
        epochs: passes over the pairs.
        x_max: weight from which a pair counts fully.
        alpha: how fast the influence of rare pairs falls.
        learning_rate: AdaGrad's.
        batch_pairs: pairs whose gradients are summed before a step.
        seed: of first vectors and the order of batches.
    """

    dimensions: int = 100
    epochs: int = 30
    x_max: float = 100.0
    alpha: float = 0.75
    learning_rate: float = 0.05
    batch_pairs: int = 8192
    seed: int = 1


@dataclass(frozen=True, slots=True)
class GloveParameters:
    """What is fitted.

    Attributes:
        main: (n, d + 1) float32; the last column is the bias b.
        context: (n, d + 1) float32; the last column is the bias d.
    """

    main: Vector
    context: Vector


def fit_glove(
    pairs: PairFile, config: GloveConfig, *, start: tuple[Sequence[str], PretrainedVectors] | None = None
) -> tuple[GloveParameters, list[float]]:
    """Return fitted parameters and the mean loss a pair of each epoch, measured before each step.

    Peak memory: 16 n (d + 1) bytes for parameters and AdaGrad's squares, n the vocabulary, plus about
    40 batch_pairs (d + 1) bytes for a batch. It does not grow with the number of pairs, which are read from disk.
    Single-threaded sums in a fixed order: the same arguments give the same parameters.

    Args:
        pairs: co-occurrence weights.
        config: how.
        start: the vocabulary in row order, and vectors to begin with for the words known there.

    Raises:
        DataError: ``start`` has other dimensions or another number of words.
    """
    parameters = _first_parameters(pairs.n_words, config, start)
    # Squares begin at 1, as in the reference program: rare pairs, whose pull is weak, then move little.
    squares = GloveParameters(np.ones_like(parameters.main), np.ones_like(parameters.context))
    generator = np.random.default_rng(config.seed)
    starts = np.arange(0, pairs.n_pairs, config.batch_pairs)
    history = []
    for _ in range(config.epochs):
        total = 0.0
        for first in generator.permutation(starts):
            batch = pairs.read(int(first), min(int(first) + config.batch_pairs, pairs.n_pairs))
            loss, gradients = loss_and_gradients(parameters, *batch, x_max=config.x_max, alpha=config.alpha)
            total += loss
            for values, sums, (rows, gradient) in zip(
                (parameters.main, parameters.context), (squares.main, squares.context), gradients, strict=True
            ):
                _adagrad_step(values, sums, rows, gradient, config.learning_rate)
        history.append(total / pairs.n_pairs)
    return parameters, history


def loss_and_gradients(
    parameters: GloveParameters,
    rows: NDArray[np.int32],
    columns: NDArray[np.int32],
    weights: Vector,
    *,
    x_max: float,
    alpha: float,
) -> tuple[float, tuple[tuple[NDArray[np.int64], Vector], tuple[NDArray[np.int64], Vector]]]:
    """Return J over a batch of pairs and its gradients, summed by word.

    Args:
        parameters: where J is taken.
        rows: (m,) the words i.
        columns: (m,) the words j.
        weights: (m,) X_ij, above 0.
        x_max: see the module.
        alpha: see the module.

    Returns:
        J, and for main and context each the different words of the batch, rising, and their (words, d + 1) gradients.
    """
    main, context = parameters.main[rows], parameters.context[columns]
    importance = np.minimum(1.0, (weights / np.float32(x_max)) ** np.float32(alpha)).astype(np.float32)
    fit = np.einsum("md,md->m", main[:, :-1], context[:, :-1]) + main[:, -1] + context[:, -1]
    error = fit - np.log(weights)
    pull = (importance * error).astype(np.float32)
    # A bias meets a constant 1 on the other side, so its gradient is the pull itself.
    main[:, -1] = 1.0
    context[:, -1] = 1.0
    loss = 0.5 * float((pull * error).sum(dtype=np.float64))
    return loss, (_summed_by_word(rows, pull, context), _summed_by_word(columns, pull, main))


def glove_table(parameters: GloveParameters, words: Sequence[str], uses: NDArray[np.integer]) -> EmbeddingTable:
    """Return the sums of main and context vectors, as the paper recommends, as a table without output vectors.

    Args:
        parameters: what was fitted.
        words: the vocabulary in row order, hashtags first.
        uses: (n_outputs,) uses of the hashtags, for the prior.
    """
    vectors = parameters.main[:, :-1] + parameters.context[:, :-1]
    return build_table(words, vectors, None, log_prior_of(uses))


def _first_parameters(
    n_words: int, config: GloveConfig, start: tuple[Sequence[str], PretrainedVectors] | None
) -> GloveParameters:
    """Return small random parameters, as the reference program's, or ``start``'s vectors where it has any."""
    generator = np.random.default_rng(config.seed)
    shape = (n_words, config.dimensions + 1)
    main, context = ((generator.random(shape, dtype=np.float32) - 0.5) / np.float32(shape[1]) for _ in range(2))
    if start is not None:
        words, known = start
        if len(words) != n_words or known.dimensions != config.dimensions:
            raise DataError(f"pretrained vectors of {known.dimensions} dimensions do not fit {config.dimensions}")
        for row, word in enumerate(words):
            vector = known.get(word)
            if vector is not None:
                # The table is the sum of both sides, so each begins with half.
                main[row, :-1] = vector / 2
                context[row, :-1] = vector / 2
    return GloveParameters(main, context)


def _summed_by_word(words: NDArray[np.int32], pull: Vector, other: Vector) -> tuple[NDArray[np.int64], Vector]:
    """Return the different words, rising, and the sums of ``pull * other`` over each one's pairs."""
    distinct, word_row = np.unique(words, return_inverse=True)
    m = words.shape[0]
    cells = (pull, (word_row, np.arange(m)))
    summed = sp.csr_matrix(cells, shape=(distinct.shape[0], m)) @ other
    return distinct.astype(np.int64), np.asarray(summed, dtype=np.float32)


def _adagrad_step(values: Vector, squares: Vector, rows: NDArray[np.int64], gradient: Vector, rate: float) -> None:
    """Move ``rows`` of ``values`` in place; ``squares`` are AdaGrad's sums of squared gradients."""
    sums = squares[rows] + gradient * gradient
    squares[rows] = sums
    values[rows] -= np.float32(rate) * gradient / np.sqrt(sums)
