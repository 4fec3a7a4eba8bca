"""Weights of what pictures say: right gradients, planted weights found, sources left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from core.posts import Post
from core.query import Query
from pipelines.corpus.questions import Question
from pipelines.training.image_weights import (
    START,
    _Example,
    _fit,
    _loss,
    fit_image_weights,
    left_out_weights,
    picture_questions,
    see,
    with_image_weights,
)
from recommend.assemble import lay_groundwork
from recommend.ranker import TEXT_KINDS, ImageWeights, open_ranker
from recommend.signals.pictures import IMAGE_SIGNALS
from tests.support.fakes import BROKEN_PHOTO, PHOTO, FakeClassifier
from tests.support.tiny_posts import pictured_posts
from tests.support.tiny_world import DOG, TinyWorld, look

N_FEATURES = 1 + len(IMAGE_SIGNALS)


def example(chance: np.random.Generator, n: int = 9, n_hidden: int = 2) -> _Example:
    """Return a random post."""
    features = chance.normal(size=(N_FEATURES, n)).astype(np.float32)
    return _Example(features, np.sort(chance.choice(n, n_hidden, replace=False)))


@given(seed=st.integers(0, 200), pull=st.sampled_from([0.0, 0.02, 1.0]))
def test_the_gradient_is_that_of_finite_differences(seed: int, pull: float) -> None:
    """In every direction, for any posts."""
    chance = np.random.default_rng(seed)
    examples = [example(chance) for _ in range(3)]
    start, weights = np.ones(N_FEATURES), chance.random(N_FEATURES)
    _, gradient = _loss(weights, examples, start, pull)
    step = 1e-5
    for place in range(N_FEATURES):
        aside = np.zeros(N_FEATURES)
        aside[place] = step
        up, _ = _loss(weights + aside, examples, start, pull)
        down, _ = _loss(weights - aside, examples, start, pull)
        assert gradient[place] == pytest.approx((up - down) / (2 * step), abs=1e-4)


def test_the_loss_is_the_mean_surprise_of_what_was_hidden() -> None:
    """Plus the pull, written out for one post."""
    one = example(np.random.default_rng(1))
    weights, start = np.full(N_FEATURES, 0.5), np.ones(N_FEATURES)
    logits = weights @ one.features.astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum()
    wanted = -float(np.mean(np.log(p[one.hidden]))) + 0.1 * N_FEATURES * 0.25
    assert _loss(weights, [one], start, 0.1)[0] == pytest.approx(wanted, abs=1e-6)


def test_planted_weights_are_found_and_never_negative() -> None:
    """What tells the hidden ones gets weight, what contradicts them gets none."""
    chance = np.random.default_rng(2)
    examples = []
    for _ in range(60):
        one = example(chance, n=20, n_hidden=1)
        score = 3 * one.features[2] - 3 * one.features[3]
        examples.append(_Example(one.features, np.array([int(score.argmax())])))
    found = _fit(examples, np.full(N_FEATURES, 0.3), 0.001)
    assert found[2] == max(found) > 1.0
    assert found[3] == 0.0
    assert min(found) >= 0.0


def test_without_posts_the_start_is_kept() -> None:
    """And a strong pull keeps near it."""
    start = np.arange(N_FEATURES, dtype=np.float64)
    assert _fit([], start, 0.1).tolist() == start.tolist()
    near = _fit([example(np.random.default_rng(3))], start, 1e4)
    np.testing.assert_allclose(near, start, atol=1e-3)


def weigh(world: TinyWorld, asked: list[Question], pull: float = 0.02) -> dict[str, ImageWeights]:
    """Return weights learnt in the small world."""
    ground = lay_groundwork(world.learnt, world.classifier, runtime="onnx", threads=1)
    return fit_image_weights(ground, open_ranker(world.bundle.root), asked, pull=pull)


def question(tag: str, number: int, words: tuple[str, ...] = ()) -> Question:
    """Return a picture of one class whose post hides one hashtag."""
    topic = "pets" if number < 300 else "food"
    return Question("image", tag, "album", None, Query(words=words, image=look(topic, (number, 0.8))), (tag,))


def test_pictures_that_are_named_teach_to_name(tiny_world: TinyWorld) -> None:
    """The class's own hashtag is what was hidden: its signal gains; where it never is, it does not."""
    named = [question("carbonara", 959), question("pizza", 963), question("goldenretriever", 207)] * 4
    foreign = [question("sunset", 959), question("monday", 963), question("waves", 207)] * 4
    place = IMAGE_SIGNALS.index("named")
    assert weigh(tiny_world, named)["none"].weights[place] > START[place]
    assert weigh(tiny_world, foreign)["none"].weights[place] < START[place]


def test_every_kind_of_text_gets_weights(tiny_world: TinyWorld) -> None:
    """With or without posts; beside a text there is no weight of popularity."""
    for asked in ([], [question("pizza", 963), question("pizza", 963, ("baked", "dough", "crust"))]):
        weights = weigh(tiny_world, asked)
        assert set(weights) == {"none", *TEXT_KINDS}
        assert all(one.weights.shape == (len(IMAGE_SIGNALS),) and one.weights.min() >= 0 for one in weights.values())
        assert [weights[kind].prior for kind in TEXT_KINDS] == [0.0] * 3
        assert weigh(tiny_world, [])["none"].prior == 1.0


def test_posts_whose_hashtags_are_unknown_teach_nothing(tiny_world: TinyWorld) -> None:
    """The start is kept."""
    weights = weigh(tiny_world, [question("neverheardof", 963)])
    assert weights["none"].weights.tolist() == pytest.approx(START.tolist())


def test_weights_without_a_source_have_not_seen_it(tiny_world: TinyWorld, tmp_path: Path) -> None:
    """Each source is left out of its own, and nothing is left out of the whole."""
    posts = pictured_posts(tmp_path, 3, 1)
    seen: list[set[str]] = []

    def note(asked: object) -> dict[str, ImageWeights]:
        seen.append({one.source for one in asked})  # type: ignore[attr-defined]
        return {"none": ImageWeights(float(len(seen)), np.ones(len(IMAGE_SIGNALS), np.float32))}

    whole, by_source = left_out_weights(posts, tiny_world.engine.classifier, note)
    everyone = {"album0", "album1", "album2"}
    assert seen == [everyone - {"album0"}, everyone - {"album1"}, everyone - {"album2"}, everyone]
    assert whole["none"].prior == 4.0
    assert by_source["album1"] == {"none": {"prior": 2.0, "weights": [1.0] * len(IMAGE_SIGNALS)}}
    ranker = with_image_weights(open_ranker(tiny_world.bundle.root), by_source["album1"])
    assert ranker.prior_scores(np.ones(1, np.float32)).tolist() == [2.0]


def test_each_picture_is_asked_in_every_way_it_can_be(tiny_world: TinyWorld, tmp_path: Path) -> None:
    """By itself, with its caption, with seeds; a post without a caption by itself alone."""
    posts = pictured_posts(tmp_path, 1, 1)
    posts[1] = replace(posts[1], caption="")
    asked = picture_questions(posts, tiny_world.engine.classifier)
    ways = {post.post_id: [one.task for one in asked if one.post_id == post.post_id] for post in posts}
    assert ways[posts[0].post_id] == ["image", "image_caption", "image_caption_seeds"]
    assert ways[posts[1].post_id] == ["image"]
    assert all(one.query.image is not None for one in asked)


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    """Not just refused; among hundreds it must be found."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(PHOTO)
    post = Post("one", "walks", "", ("dog",), image=path)
    assert see(post, FakeClassifier()).topics.shape == DOG.topics.shape
    path.write_bytes(BROKEN_PHOTO)
    with pytest.raises(DataError, match=r"photo\.jpg: .*Remove or replace"):
        see(post, FakeClassifier())
