"""The learnt rankers: gradient-boosted trees over text signals, a weighted sum over picture signals.

Which trees are asked depends on which inputs there are. Their score is split exactly: TreeSHAP (Lundberg et al. 2020,
"From local explanations to global understanding with explainable AI for trees") gives each column its part, columns
belong to inputs, and the base value and the columns of absent inputs count to popularity, because without the input
they are the same for every post.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import BundleCorrupt
from recommend.lean_lightgbm import lightgbm
from recommend.signals.pictures import IMAGE_SIGNALS
from recommend.signals.text import COLUMNS, INPUT_OF, CaptionSays, SeedsSay
from recommend.tree_text import MOST_BYTES, NotTrees, read_tree_text

Floats = NDArray[np.float32]

TEXT_KINDS = ("seeds", "caption", "both")
RANKER_FILE = "ranker.json"
EACH_INPUT_MORE = 3.0
"""What an answer's scores gain by each input beyond the first. Scores that are learnt for ranking have no zero of their
own, and the trees that see caption and seeds gave such low ones that every third hashtag that cited one of the two had
a higher score without it. On val posts the most that a hashtag gained in that way was 2.63 (ADR 5)."""


class Part(IntEnum):
    """The columns of an array of parts: how much of each score an input brought."""

    IMAGE = 0
    CAPTION = 1
    SEEDS = 2
    POPULARITY = 3


def text_kind(n_words: int, n_seeds: int) -> str | None:
    """Return which trees rank a query with so many caption words and seeds; None where there is no text."""
    if n_words and n_seeds:
        return "both"
    return "caption" if n_words else "seeds" if n_seeds else None


def trees_file(kind: str) -> str:
    """Return the name of the file that holds the trees of one kind."""
    return f"ranker-{kind}.txt"


@dataclass(frozen=True, slots=True)
class ImageWeights:
    """The picture's share of a score, for one kind of text or none.

    Attributes:
        prior: weight of log popularity, which alone ranks what the picture is silent about; 0 beside a text.
        weights: (len(IMAGE_SIGNALS),) float32.
    """

    prior: float
    weights: Floats

    def to_dict(self) -> dict[str, Any]:
        """Return the weights as ``from_dict`` reads them."""
        return {"prior": self.prior, "weights": self.weights.tolist()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], signals: Sequence[str] = IMAGE_SIGNALS) -> ImageWeights:
        """Return the weights of ``to_dict``; a picture signal that ``signals`` does not name weighs nothing."""
        by_name = dict(zip(signals, plain["weights"], strict=True))
        weights = np.array([by_name.get(name, 0.0) for name in IMAGE_SIGNALS], dtype=np.float32)
        return cls(float(plain["prior"]), weights)


class Ranker:
    """Scores candidates and splits their scores. Safe to share between threads.

    Args:
        trees: by kind of text.
        image: picture weights by kind of text, or "none".
        columns: names of the trees' columns, each a key of ``text.INPUT_OF``; an attribute, too.

    Raises:
        ValueError: a column that splitting needs is missing.
    """

    def __init__(
        self,
        trees: Mapping[str, lightgbm.Booster],
        image: Mapping[str, ImageWeights],
        columns: Sequence[str] = COLUMNS,
    ) -> None:
        self.columns = tuple(columns)
        self._trees = trees
        self._image = image
        inputs = np.array([INPUT_OF[name] for name in self.columns])
        self._of_caption, self._of_seeds, self._of_both = (inputs == name for name in ("caption", "seeds", "text"))
        self._caption_says, self._seeds_say = (self.columns.index(signal.name) for signal in (CaptionSays, SeedsSay))

    def with_image(self, image: Mapping[str, ImageWeights]) -> Ranker:
        """Return the same trees beside other picture weights."""
        return Ranker(self._trees, image, self.columns)

    def text_scores(self, kind: str, table: Floats) -> Floats:
        """Return (n,) scores of (n, n_columns) text signals."""
        if not len(table):
            return np.zeros(0, np.float32)
        scores: Floats = np.asarray(self._trees[kind].predict(table, num_threads=1), dtype=np.float32)
        return scores

    def weighted_image(self, kind: str | None, signals: Floats) -> Floats:
        """Return (len(IMAGE_SIGNALS), n) each picture signal times its weight beside that kind of text, or none."""
        weighted: Floats = self._image[kind or "none"].weights[:, None] * signals
        return weighted

    def image_scores(self, kind: str | None, signals: Floats) -> Floats:
        """Return (n,) the picture's part for (len(IMAGE_SIGNALS), n) signals."""
        scores: Floats = self._image[kind or "none"].weights @ signals
        return scores

    def prior_scores(self, log_prior: Floats) -> Floats:
        """Return (n,) popularity's part where there is no text."""
        return np.float32(self._image["none"].prior) * log_prior

    def text_parts(self, kind: str, table: Floats) -> NDArray[np.float64]:
        """Return (n, len(Part)) what each input brought to ``text_scores``; rows add up to them."""
        shap = np.asarray(self._trees[kind].predict(table, pred_contrib=True, num_threads=1), dtype=np.float64)
        columns = shap[:, :-1]
        by_caption, by_seeds = columns[:, self._of_caption].sum(axis=1), columns[:, self._of_seeds].sum(axis=1)
        shared = columns[:, self._of_both].sum(axis=1)
        if kind == "both":
            caption = np.maximum(table[:, self._caption_says], 0) + 1e-6
            seeds = np.maximum(table[:, self._seeds_say], 0) + 1e-6
            by_caption += shared * caption / (caption + seeds)
            by_seeds += shared * seeds / (caption + seeds)
        elif kind == "caption":
            by_caption, by_seeds = by_caption + shared, np.zeros_like(by_seeds)
        else:
            by_caption, by_seeds = np.zeros_like(by_caption), by_seeds + shared
        parts = np.zeros((len(table), len(Part)))
        parts[:, Part.CAPTION], parts[:, Part.SEEDS] = by_caption, by_seeds
        parts[:, Part.POPULARITY] = shap.sum(axis=1) - by_caption - by_seeds
        return parts

    def save(self, folder: Path) -> None:
        """Write the trees as LightGBM's text and the rest as JSON into ``folder``."""
        for kind, trees in self._trees.items():
            (folder / trees_file(kind)).write_text(trees.model_to_string(), encoding="utf-8")
        image = {kind: weights.to_dict() for kind, weights in self._image.items()}
        plain = {"columns": list(self.columns), "image_signals": list(IMAGE_SIGNALS), "image": image}
        (folder / RANKER_FILE).write_text(json.dumps(plain, indent=1), encoding="utf-8")


def open_ranker(folder: Path) -> Ranker:
    """Return the ranker in ``folder``; it may have been trained with fewer signals than there are now.

    Raises:
        BundleCorrupt: a file is missing or broken, or made for signals that this program does not compute.
    """
    file = folder / RANKER_FILE
    try:
        plain = json.loads(file.read_text(encoding="utf-8"))
        columns, signals = plain["columns"], plain["image_signals"]
        if not set(columns) <= set(COLUMNS) or not set(signals) <= set(IMAGE_SIGNALS):
            raise BundleCorrupt(f"{file} ranks by other signals than this program computes; train again")
        image = {kind: ImageWeights.from_dict(plain["image"][kind], signals) for kind in (*TEXT_KINDS, "none")}
        if not all(np.isfinite((weights.prior, *weights.weights)).all() for weights in image.values()):
            raise ValueError("a weight is no number")
        return Ranker({kind: _open_trees(folder / trees_file(kind), columns) for kind in TEXT_KINDS}, image, columns)
    except (OSError, ValueError, KeyError, TypeError, lightgbm.basic.LightGBMError) as error:
        raise BundleCorrupt(f"the ranker in {folder} is damaged ({type(error).__name__}); train again") from error


def _open_trees(file: Path, columns: Sequence[str]) -> lightgbm.Booster:
    """Return the trees in ``file``, which LightGBM sees only once all of them were read and understood here.

    Raises:
        BundleCorrupt: they are not what LightGBM writes, or look at other columns.
        OSError: there is no such file, or it cannot be read.
    """
    try:
        if file.stat().st_size > MOST_BYTES:
            raise NotTrees(f"more than {MOST_BYTES // 1_000_000} MB")
        trees = read_tree_text(file.read_bytes())
    except NotTrees as error:
        raise BundleCorrupt(
            f"the ranker's file {file} is damaged ({error}); restore it, download the bundle again or train again"
        ) from error
    if list(trees.features) != columns:
        raise BundleCorrupt(
            f"{file.parent / RANKER_FILE} names other signals than its trees; restore it or train again"
        )
    return lightgbm.Booster(model_str=trees.text)
