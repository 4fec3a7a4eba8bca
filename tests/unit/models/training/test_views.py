"""Random views, noise pictures and groups of sources: made the same from the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from models.classifier.preprocess import Preprocessing
from models.labelled.topic_folder import LabelledPicture, group_by_source, learnable_elsewhere, source_weights
from models.training.augment import random_box, random_view
from models.training.noise_pictures import KINDS, draw_noise_pictures

SPEC = Preprocessing(32, 32, "bicubic", (127.0, 127.0, 127.0), (128.0, 128.0, 128.0))


@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(1, 400), st.floats(0.05, 1.0))
def test_a_crop_stays_inside_the_picture(seed: int, width: int, height: int, smallest: float) -> None:
    """Whatever the shape, the box has some area and lies within."""
    left, top, right, bottom = random_box(np.random.default_rng(seed), width, height, smallest)
    assert 0 <= left < right <= width + 1e-6
    assert 0 <= top < bottom <= height + 1e-6


@given(st.integers(0, 2**32 - 1))
def test_a_view_follows_from_its_seed(seed: int) -> None:
    """The same seed draws the same view, in the shape and range of a prepared picture."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8))
    first, second = (random_view(image, SPEC, np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.shape == (3, 32, 32)
    assert np.abs(first).max() <= 1


def test_views_differ_between_seeds() -> None:
    """Augmentation does something."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8))
    views = {random_view(image, SPEC, np.random.default_rng(seed)).tobytes() for seed in range(20)}
    assert len(views) == 20


def test_noise_pictures_are_of_every_kind_and_repeatable() -> None:
    """The kinds take turns, and the seed decides everything."""
    first, second = (list(draw_noise_pictures(2 * len(KINDS), 4)) for _ in range(2))
    assert [one.tobytes() for one in first] == [one.tobytes() for one in second]
    assert len({one.tobytes() for one in first}) == len(first)
    assert all(one.mode == "RGB" for one in first)


def pictures(*sources: str) -> list[LabelledPicture]:
    """Return one picture a source."""
    return [LabelledPicture(Path(str(n)), ("pets",), source, "train") for n, source in enumerate(sources)]


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=60), st.integers(1, 5))
def test_a_source_is_never_divided(sources: list[str], n_groups: int) -> None:
    """All pictures of one photographer are in one group."""
    groups = group_by_source(pictures(*sources), n_groups)
    assert all(len(set(groups[np.array(sources) == source].tolist())) == 1 for source in set(sources))
    assert set(groups.tolist()) <= set(range(n_groups))


def test_groups_are_about_equally_large() -> None:
    """Large sources are spread before small ones fill the gaps."""
    groups = group_by_source(pictures(*("a" * 6), *("b" * 5), *("c" * 4), *("d" * 3)), 2)
    assert sorted(np.bincount(groups).tolist()) == [9, 9]


def test_full_balance_makes_sources_count_equally() -> None:
    """A photographer with three pictures weighs as much as one with a single one."""
    weights = source_weights(pictures("a", "a", "a", "b"), 1.0)
    assert weights[:3].sum() == pytest.approx(weights[3])
    assert source_weights(pictures("a", "a", "b"), 0.0).tolist() == [1, 1, 1]


def test_the_only_source_of_a_topic_is_no_fair_test() -> None:
    """A picture whose topic nobody else shows is not asked about when its source is left out."""
    labels = np.array([[1, 0], [1, 0], [0, 1], [1, 1]], dtype=np.float32)
    assert learnable_elsewhere(labels, np.array([0, 1, 1, 1])).tolist() == [True, True, False, False]
    assert learnable_elsewhere(labels, np.array([0, 0, 1, 2])).all()
