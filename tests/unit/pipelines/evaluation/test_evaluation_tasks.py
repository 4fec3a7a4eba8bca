"""Evaluation by task: the same questions for all, ratios over posts, and pictures judged by who did not learn them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.posts import Post
from core.query import Query
from core.suggestions import Answer, Parts, Popularity, Suggestion
from pipelines.corpus.questions import Question, caption_question, tags_question
from pipelines.evaluation.contenders import GLOBAL, HARD, LEARNT, N_THREADS, SHIPPED, ways_of
from pipelines.evaluation.pictures import WITHOUT_PICTURE, LeftOut, PictureTakenAway, image_figures, measure_images
from pipelines.evaluation.text import REFERENCE, Measured, measure, pooled_ratio, routing_figures, task_figures
from pipelines.workshop.progress import SilentProgress
from tests.support.fakes import PHOTO, FakeClassifier


class ToyRecommender:
    """Finds every hidden hashtag by soft routing, half of them by others; its default answers come in reverse."""

    def __init__(self, tags: Sequence[str] = ("aa", "bb", "cc", "dd")) -> None:
        self._tags = list(tags)
        self._lock = threading.Lock()
        self.asked: list[Query] = []

    def rank(self, queries: Sequence[Query], k: int) -> list[list[str]]:
        """Return the known hashtags that are no seeds, fewer with another routing than soft."""
        with self._lock:
            self.asked.extend(queries)
        kept = {"soft": 4, "hard": 2, "global": 3}
        return [
            [tag for tag in self._tags if tag not in query.seeds][: min(k, kept[query.options.routing])]
            for query in queries
        ]

    def recommend(self, queries: Sequence[Query]) -> list[Answer]:
        """Return the same hashtags, last first."""
        popularity = Popularity(3, "niche", 0.1)
        return [
            Answer(
                tuple(Suggestion(tag, tag, 0.0, None, Parts(), (), popularity) for tag in reversed(ranked)),
                (),
                (),
                "low",
                abstain=False,
            )
            for ranked in self.rank(queries, 20)
        ]


POSTS = [
    Post(
        f"p{number}",
        "insta" if number % 2 else "flickr",
        "what a lovely dd day",
        ("aa", "bb", "cc", "dd", f"x{number}"),
    )
    for number in range(150)
]


def measured(task: str) -> Measured:
    """Return one task measured with the toy recommender in all ways, and a reference that knows one hashtag."""
    make = tags_question if task == "tags" else caption_question
    asked = [question for post in POSTS if (question := make(post)) is not None]
    rankers = ways_of(ToyRecommender()) | {
        REFERENCE[task]: ToyRecommender(("aa", "no", "noo")),
        "popularity": ToyRecommender(("bb",)),
    }
    return measure(asked, rankers, {}, n_resamples=50, seed=0, progress=SilentProgress())


def test_queries_keep_their_order_through_threads() -> None:
    """More queries than one batch, several threads, and each answer in its place."""
    queries = [Query(seeds=(tag,)) for _ in range(100) for tag in ("aa", "bb")]
    assert N_THREADS > 1
    for ranked, query in zip(ways_of(ToyRecommender())[LEARNT].rank(queries, 10), queries, strict=True):
        assert query.seeds[0] not in ranked
        assert len(ranked) == 3


def test_each_way_asks_what_its_name_says() -> None:
    """Soft, hard and global by score, and the default answer as a request without options gets it."""
    ways = ways_of(ToyRecommender())
    query = [Query(seeds=("zz",))]
    assert [len(ways[name].rank(query, 10)[0]) for name in (LEARNT, HARD, GLOBAL)] == [4, 2, 3]
    assert ways[SHIPPED].rank(query, 2)[0] == ["dd", "cc"]


def test_a_task_has_every_table() -> None:
    """All posts, ratios to the reference, sources, topics, bands, and the caption's own words apart."""
    found = task_figures(measured("caption"), "caption", {"aa": 1000, "bb": 3}, lambda case: "pets")
    assert found["posts"] == 150
    assert found["methods"][LEARNT]["nDCG@10"]["value"] > found["methods"][REFERENCE["caption"]]["nDCG@10"]["value"]
    assert found["ratio to both sums"][LEARNT]["ratio"]["value"] > 1
    assert set(found["by_source"]) == {"insta", "flickr"}
    assert list(found["by_topic"]) == ["pets"]
    assert set(found["by_frequency"]) == {"1000 posts and more", "under 10 posts", "not in the vocabulary"}
    assert found["in_the_caption"]["in the caption"]["recall"]["value"] == 1.0


def test_routing_stands_side_by_side_per_topic() -> None:
    """Soft first, then hard and global, and soft's ratio to each."""
    found = routing_figures({"tags": measured("tags")}, lambda case: "pets")["tags"]
    assert list(found["by_topic"]["pets"]) == ["posts", "nDCG@10", HARD, GLOBAL]
    assert found["soft against others"][HARD]["ratio"]["low"] > 1


def test_pooled_ratios_draw_a_posts_questions_together() -> None:
    """Over both tasks, a post is one draw; the value is that of all questions' sums."""
    both = [measured("tags"), measured("caption")]
    found = pooled_ratio(both, LEARNT, GLOBAL, n_resamples=50, seed=0)
    sums = [sum(one.board.values(name).sum() for one in both) for name in (LEARNT, GLOBAL)]
    assert found.value == pytest.approx(sums[0] / sums[1])
    assert found.low <= found.value <= found.high


def test_each_source_is_asked_of_who_did_not_learn_it() -> None:
    """Questions are parted by source, and the answers come back in order."""
    questions = [
        Question("image", str(n), source, None, Query(seeds=("zz",)), ("aa",)) for n, source in enumerate("abab")
    ]
    recommenders = {"a": ToyRecommender(("from_a",)), "b": ToyRecommender(("from_b",))}
    ranked = LeftOut(questions, recommenders.__getitem__).rank([question.query for question in questions], 10)
    assert ranked == [["from_a"], ["from_b"], ["from_a"], ["from_b"]]


def test_taking_the_picture_away_leaves_the_words() -> None:
    """The same query without its picture is asked."""
    toy = ToyRecommender()
    image = FakeClassifier().evidence(np.zeros((1, 3, 4, 4), dtype=np.float32))[0]
    PictureTakenAway(toy).rank([Query(words=("lovely",), image=image)], 5)
    assert toy.asked == [Query(words=("lovely",))]


def test_image_tasks_are_measured_beside_the_fallback(tmp_path: Path) -> None:
    """Pictures alone against popularity in topics, with a caption against the caption alone, origins apart."""
    photo = tmp_path / "a.jpg"
    photo.write_bytes(PHOTO)
    posts = [
        Post(f"m{number}", "blog", "what a lovely day out", ("aa", "dd"), image=photo, tag_origin=origin)
        for number, origin in enumerate(["inline", "frontmatter", "inline"])
    ]
    fallback, popularity = ToyRecommender(("dd",)), ToyRecommender(("zz", "aa"))
    named = _Named(fallback)
    found = measure_images(
        posts, FakeClassifier(), lambda source: ToyRecommender(), named, popularity, n_resamples=20, seed=0
    )
    assert list(found) == ["image", "image_caption", "image_caption_seeds"]
    figures = image_figures(found["image"], named.name)
    assert set(figures["ratio to fallback"]) == {"all", "inline", "frontmatter"}
    assert figures["ratio to fallback"]["all"]["nDCG@10"]["value"] > 1
    assert found["image_caption"].ratio(WITHOUT_PICTURE).value == 1.0


class _Named:
    """A ranker with a name."""

    name = "fallback"

    def __init__(self, ranker: ToyRecommender) -> None:
        self._ranker = ranker

    def rank(self, queries: Sequence[Query], k: int) -> list[list[str]]:
        """Return what the ranker does."""
        return self._ranker.rank(queries, k)
