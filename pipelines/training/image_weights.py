"""Learns how much each thing that a picture says counts, from the few posts that have one.

Conditional logit (McFadden 1974) over the vocabulary: the hidden hashtags should have high probability under the
softmax of text score + weights . picture signals. A handful of weights that are not negative is all that some hundred
posts can carry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from core.errors import BadInput, DataError
from core.ports import ImageClassifier
from core.posts import Post
from core.query import ImageEvidence
from pipelines.corpus.questions import IMAGE_TASKS, Question, image_question
from recommend.assemble import Groundwork
from recommend.ranker import TEXT_KINDS, ImageWeights, Ranker, text_kind
from recommend.signals.base import without_image
from recommend.signals.pictures import PICTURE_SIGNALS

Floats = NDArray[np.float32]
Weigh = Callable[[Sequence[Question]], dict[str, ImageWeights]]

START = np.array([signal.first_weight for signal in PICTURE_SIGNALS])
"""Where the search begins, and what is used where no post has a picture."""
TEXT_START = 0.3
"""The same beside a text, whose trees know more than a picture's class."""
TOP_TEXT = 400
"""Candidates kept beside a text; otherwise the trees would have to score the whole vocabulary."""


@dataclass(frozen=True, slots=True)
class _Example:
    """One post: (n_features, n) signals of its candidates, fixed part first, and which of them were hidden."""

    features: Floats
    hidden: NDArray[np.int64]


def fit_image_weights(
    ground: Groundwork, ranker: Ranker, asked: Sequence[Question], *, pull: float
) -> dict[str, ImageWeights]:
    """Return weights by kind of text, and "none" for pictures alone.

    Args:
        ground: what signals are computed with.
        ranker: whose trees score the text.
        asked: questions with pictures; with and without text.
        pull: strength of the pull towards the start, per question.
    """
    examples: dict[str, list[_Example]] = {"none": [], **{kind: [] for kind in TEXT_KINDS}}
    for question in asked:
        kind = text_kind(len(question.query.words), len(question.query.seeds)) or "none"
        example = _example(ground, ranker, question, kind)
        if example is not None:
            examples[kind].append(example)
    weights: dict[str, ImageWeights] = {}
    alone = _fit(examples["none"], np.array([1.0, *START]), pull)
    weights["none"] = ImageWeights(float(alone[0]), alone[1:].astype(np.float32))
    texts = [example for kind in ("caption", "both") for example in examples[kind]]
    beside = _fit(texts, np.array([1.0, *(START * TEXT_START)]), pull)
    # Only the order counts, so the text's own scale stays 1 and the picture's is relative to it.
    relative = (beside[1:] / max(float(beside[0]), 1e-3)).astype(np.float32)
    for kind in TEXT_KINDS:
        weights[kind] = ImageWeights(0.0, relative)
    return weights


def left_out_weights(
    posts: Sequence[Post],
    classifier: ImageClassifier,
    weigh: Weigh,
) -> tuple[dict[str, ImageWeights], dict[str, Any]]:
    """Return the weights of all posts, and by source those learnt without it, with which the source is measured."""
    asked = picture_questions(posts, classifier)
    by_source = {
        source: {
            kind: weights.to_dict()
            for kind, weights in weigh([question for question in asked if question.source != source]).items()
        }
        for source in sorted({question.source for question in asked})
    }
    return weigh(asked), by_source


def picture_questions(posts: Sequence[Post], classifier: ImageClassifier) -> list[Question]:
    """Return every question with a picture that ``posts`` can be asked; pictures are classified one by one."""
    found: list[Question] = []
    for post in posts:
        evidence = see(post, classifier)
        for task in IMAGE_TASKS:
            question = image_question(post, task, evidence)
            if question is not None:
                found.append(question)
    return found


def see(post: Post, classifier: ImageClassifier) -> ImageEvidence:
    """Return what the classifier sees in a post's picture.

    Raises:
        DataError: it is not a readable picture; the message names the file.
    """
    assert post.image is not None
    try:
        pixels = classifier.prepare(post.image.read_bytes())
    except BadInput as error:
        raise DataError(f"{post.image}: {error} Remove or replace the file.") from error
    return classifier.evidence(pixels[None])[0]


def _example(ground: Groundwork, ranker: Ranker, question: Question, kind: str) -> _Example | None:
    query, knowledge, log_prior = question.query, ground.knowledge, ground.catalogue.log_prior
    assert query.image is not None
    text = ground.text.signals(query)
    signals = ground.pictures.signals(query.image, text.mixture, text, "soft")
    if kind == "none":
        rows = np.arange(len(knowledge.tags))
        fixed = log_prior
    else:
        chosen = ground.text.signals(without_image(query)).candidates()
        chosen.update(np.argsort(-(log_prior + START @ signals.dense), kind="stable")[:TOP_TEXT].tolist())
        seeds = set(knowledge.known_tags(query.seeds).tolist())
        rows = np.array(sorted(chosen - seeds), dtype=np.int64)
        fixed = ranker.text_scores(kind, ground.text.table(text, rows))
    hidden = np.flatnonzero(np.isin(rows, knowledge.known_tags(question.hidden)))
    if not len(hidden):
        return None
    return _Example(np.concatenate([fixed[None], signals.dense[:, rows]]), hidden)


def _fit(examples: Sequence[_Example], start: NDArray[np.float64], pull: float) -> NDArray[np.float64]:
    """Return the weights, none negative, that make hidden hashtags most probable; ``start`` without examples."""
    if not examples:
        return start
    bounds = [(0.0, None)] * len(start)
    found = minimize(_loss, start, args=(examples, start, pull), jac=True, method="L-BFGS-B", bounds=bounds)
    weights: NDArray[np.float64] = found.x
    return weights


def _loss(
    weights: NDArray[np.float64], examples: Sequence[_Example], start: NDArray[np.float64], pull: float
) -> tuple[float, NDArray[np.float64]]:
    """Return the mean surprise, in nats, of hidden hashtags plus the pull to ``start``, and the gradient of both."""
    total, gradient = 0.0, np.zeros_like(weights)
    for example in examples:
        logits = weights @ example.features
        log_p = logits - logsumexp(logits)
        total -= float(log_p[example.hidden].mean())
        gradient += example.features @ np.exp(log_p) - example.features[:, example.hidden].mean(axis=1)
    distance = weights - start
    n = len(examples)
    return total / n + pull * float(distance @ distance), gradient / n + 2 * pull * distance


def with_image_weights(ranker: Ranker, plain: dict[str, Any]) -> Ranker:
    """Return ``ranker`` with the picture weights of one entry of ``left_out_weights``' second result."""
    weights = {kind: ImageWeights.from_dict(entry) for kind, entry in plain.items()}
    return ranker.with_image(weights)
