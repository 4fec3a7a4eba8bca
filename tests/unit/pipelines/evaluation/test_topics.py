"""Figures of the classifier: those that can be checked by eye, and that agree with what training measures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.query import ImageEvidence
from models.labelled.topic_folder import LabelledPicture, TopicFolder
from models.labelled.topic_metrics import score_topics
from models.labelled.topic_predictions import topic_probabilities
from pipelines.evaluation.topics import topic_figures

TOPICS = ("art", "food", "pets")


def picture(*topics: str) -> LabelledPicture:
    """Return a picture of some topics."""
    return LabelledPicture(Path("x.jpg"), topics, "someone", "test")


def seen(*probabilities: float) -> ImageEvidence:
    """Return evidence with topic probabilities."""
    empty = np.zeros(0)
    return ImageEvidence(np.array(probabilities, dtype=np.float32), empty.astype(np.int32), empty.astype(np.float32))


PICTURES = [picture("art"), picture("art", "pets"), picture("food"), picture("food")]
SEEN = [seen(0.82, 0.1, 0.08), seen(0.1, 0.17, 0.73), seen(0.53, 0.37, 0.1), seen(0.1, 0.27, 0.63)]
FOLDER = TopicFolder(TOPICS, tuple(PICTURES))
FOUND = topic_figures(FOLDER, PICTURES, SEEN, seed=0)


def test_a_label_among_the_first_is_right() -> None:
    """Two of four by the first topic, all by the first two; a picture of two topics is right by either."""
    assert FOUND.overall["top-1"].value == 0.5
    assert FOUND.overall["top-2"].value == 1.0


def test_the_macro_average_gives_topics_the_same_voice() -> None:
    """Art 2 of 2, food 0 of 2, pets 1 of 1."""
    assert FOUND.overall["macro top-1"].value == pytest.approx(2 / 3)


def test_topics_have_rows_of_their_own() -> None:
    """Number of pictures and shares that are right."""
    assert {name: row["pictures"] for name, row in FOUND.by_topic.items()} == {"art": 2, "food": 2, "pets": 1}
    assert FOUND.by_topic["food"]["top-1"]["value"] == 0.0


def test_figures_agree_with_those_of_training() -> None:
    """The same pictures are worth the same wherever they are scored."""
    theirs = score_topics(topic_probabilities(SEEN), FOLDER.label_matrix(PICTURES))
    ours = FOUND.overall
    assert (ours["top-1"].value, ours["top-2"].value) == (theirs.top1, theirs.top2)
    assert ours["macro top-1"].value == pytest.approx(theirs.macro_top1)
    assert ours["ECE"].value == pytest.approx(theirs.ece, abs=1e-6)


def test_a_row_tells_how_many_pictures_stand_behind_it() -> None:
    """A figure without its number is worth little."""
    assert FOUND.row(4)["pictures"] == 4
    assert FOUND.confusion["labels"] == list(TOPICS)
