"""The learnt rankers: gradient-boosted trees over text signals, a weighted sum over picture signals.

Which trees are asked depends on which inputs there are. Their score is split exactly: TreeSHAP (Lundberg et al. 2020,
"From local explanations to global understanding with explainable AI for trees") gives each column its part, columns
belong to inputs, and the base value and the columns of absent inputs count to popularity, because without the input
they are the same for every post.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import BundleCorrupt
from recommend.lean_lightgbm import lightgbm
from recommend.signals.pictures import IMAGE_SIGNALS
from recommend.signals.text import COLUMNS, GROUPS, NAMES

Floats = NDArray[np.float32]

TEXT_KINDS = ("seeds", "caption", "both")
PART_NAMES = ("image", "caption", "seeds", "popularity")
RANKER_FILE = "ranker.json"
_TREE_SIZES = re.compile(rb"^tree_sizes=([0-9 ]+)\n+", re.MULTILINE)
EACH_INPUT_MORE = 3.0
"""What an answer's scores gain by each input beyond the first. Scores that are learnt for ranking have no zero of their
own, and those of the trees that see caption and seeds lay so low that without one of the two every third hashtag that
cited it had a higher score. On val posts the most that one gained so was 2.63 (ADR 5)."""
_CAPTION = np.array([group == "caption" for group in GROUPS])
_SEEDS = np.array([group == "seeds" for group in GROUPS])
_TEXT = np.array([group == "text" for group in GROUPS])
_CAPTION_SAYS, _SEEDS_SAY = NAMES.index("caption_says"), NAMES.index("seeds_say")


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


class Ranker:
    """Scores candidates and splits their scores. Safe to share between threads."""

    def __init__(self, trees: Mapping[str, lightgbm.Booster], image: Mapping[str, ImageWeights]) -> None:
        """Rank with ``trees`` by kind of text, and ``image`` weights by kind of text or "none"."""
        self._trees = trees
        self._image = image

    def with_image(self, image: Mapping[str, ImageWeights]) -> Ranker:
        """Return the same trees beside other picture weights."""
        return Ranker(self._trees, image)

    def text_scores(self, kind: str, table: Floats) -> Floats:
        """Return (n,) scores of (n, len(COLUMNS)) text signals."""
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
        """Return (n, 4) what each of ``PART_NAMES`` brought to ``text_scores``; rows add up to them."""
        shap = np.asarray(self._trees[kind].predict(table, pred_contrib=True, num_threads=1), dtype=np.float64)
        columns = shap[:, :-1]
        by_caption, by_seeds = columns[:, _CAPTION].sum(axis=1), columns[:, _SEEDS].sum(axis=1)
        shared = columns[:, _TEXT].sum(axis=1)
        if kind == "both":
            caption, seeds = (np.maximum(table[:, place], 0) + 1e-6 for place in (_CAPTION_SAYS, _SEEDS_SAY))
            by_caption += shared * caption / (caption + seeds)
            by_seeds += shared * seeds / (caption + seeds)
        elif kind == "caption":
            by_caption, by_seeds = by_caption + shared, np.zeros_like(by_seeds)
        else:
            by_caption, by_seeds = np.zeros_like(by_caption), by_seeds + shared
        popularity = shap.sum(axis=1) - by_caption - by_seeds
        return np.stack([np.zeros_like(popularity), by_caption, by_seeds, popularity], axis=1)

    def save(self, folder: Path) -> None:
        """Write the trees as LightGBM's text and the rest as JSON into ``folder``."""
        for kind, trees in self._trees.items():
            (folder / trees_file(kind)).write_text(trees.model_to_string(), encoding="utf-8")
        image = {kind: {"prior": one.prior, "weights": one.weights.tolist()} for kind, one in self._image.items()}
        plain = {"columns": list(COLUMNS), "image_signals": list(IMAGE_SIGNALS), "image": image}
        (folder / RANKER_FILE).write_text(json.dumps(plain, indent=1), encoding="utf-8")


def open_ranker(folder: Path) -> Ranker:
    """Return the ranker in ``folder``.

    Raises:
        BundleCorrupt: a file is missing or broken, or made for other signals than this program computes.
    """
    try:
        plain = json.loads((folder / RANKER_FILE).read_text(encoding="utf-8"))
        if plain["columns"] != list(COLUMNS) or plain["image_signals"] != list(IMAGE_SIGNALS):
            raise BundleCorrupt(
                f"{folder / RANKER_FILE} ranks by other signals than this program computes; train again"
            )
        image = {
            kind: ImageWeights(float(one["prior"]), np.array(one["weights"], dtype=np.float32))
            for kind in (*TEXT_KINDS, "none")
            for one in [plain["image"][kind]]
        }
        trees = {
            kind: lightgbm.Booster(model_str=_whole_trees((folder / trees_file(kind)).read_text(encoding="utf-8")))
            for kind in TEXT_KINDS
        }
    except (OSError, ValueError, KeyError, TypeError, lightgbm.basic.LightGBMError) as error:
        raise BundleCorrupt(f"the ranker in {folder} is damaged ({type(error).__name__}); train again") from error
    return Ranker(trees, image)


def _whole_trees(text: str) -> str:
    """Return LightGBM's text when each tree lies where its head says: elsewhere LightGBM ends the process.

    Raises:
        ValueError: one does not.
    """
    content = text.encode()
    head = _TREE_SIZES.search(content)
    if head is None:
        raise ValueError("no list of tree sizes")
    place = head.end()
    for number, size in enumerate(head.group(1).split()):
        if not content.startswith(b"Tree=%d\n" % number, place):
            raise ValueError(f"no tree {number} where it should be")
        place += int(size)
    if not content.startswith(b"end of trees", place):
        raise ValueError("no end where it should be")
    return text
