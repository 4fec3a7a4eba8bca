"""Questions made of posts: seeded by the post, asking for what they hide."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.posts import Post
from core.text.caption import caption_words
from pipelines.corpus.questions import IMAGE_TASKS, Question, caption_question, image_question, questions, tags_question
from tests.support.tiny_world import DOG

TAGS = ("dog", "puppy", "pet", "love", "walk", "sun")
CAPTION = "my dog ran along the beach #dog"

POSTS = st.builds(
    Post,
    post_id=st.text(min_size=1, max_size=6),
    source=st.just("walks"),
    caption=st.one_of(st.just(CAPTION), st.text(max_size=30)),
    hashtags=st.lists(st.sampled_from(TAGS), max_size=6, unique=True).map(tuple),
    query_tag=st.sampled_from(TAGS),
    topic=st.sampled_from([None, "pets"]),
)


def post(**changes: object) -> Post:
    """Return a post with six hashtags and a caption."""
    plain: dict[str, object] = {"post_id": "one", "source": "walks", "caption": CAPTION, "hashtags": TAGS}
    return Post(**{**plain, **changes})  # type: ignore[arg-type]


def check(question: Question, of: Post) -> None:
    """Nothing hidden is shown, and what is shown is the post's."""
    shown = question.query.seeds
    assert question.hidden
    assert not set(shown) & set(question.hidden)
    assert sorted((*shown, *question.hidden)) == sorted(of.hashtags)
    assert (question.post_id, question.source, question.topic) == (of.post_id, of.source, of.topic)
    assert question.query.options.topic is None


@given(POSTS, st.integers(0, 5))
def test_questions_about_hashtags_show_1_to_3_of_4_or_more(of: Post, draw: int) -> None:
    """And no caption; the same for everyone."""
    question = tags_question(of, draw)
    assert (question is None) == (len(of.hashtags) < 4)
    if question is not None:
        check(question, of)
        assert 1 <= len(question.query.seeds) <= 3
        assert question.query.words == ()
        assert question == tags_question(of, draw)


@given(POSTS, st.integers(0, 5))
def test_questions_about_captions_show_all_words_and_0_to_2_hashtags(of: Post, draw: int) -> None:
    """Of captions with three words; one hashtag stays hidden."""
    question = caption_question(of, draw)
    words = caption_words(of.caption)
    assert (question is None) == (len(words) < 3 or not of.hashtags)
    if question is not None:
        check(question, of)
        assert len(question.query.seeds) <= min(2, len(of.hashtags) - 1)
        assert question.query.words == words
        assert question == caption_question(of, draw)


def test_the_number_of_seeds_can_be_bounded() -> None:
    """None at all, or some at least where the post has enough."""
    bare = [caption_question(post(post_id=str(n)), most_seeds=0) for n in range(20)]
    assert {len(one.query.seeds) for one in bare if one} == {0}
    some = [caption_question(post(post_id=str(n)), least_seeds=1) for n in range(40)]
    assert {len(one.query.seeds) for one in some if one} == {1, 2}
    lone = caption_question(post(hashtags=("dog",)), least_seeds=1)
    assert lone is not None
    assert lone.query.seeds == ()


def test_posts_and_draws_are_asked_differently() -> None:
    """Every number of seeds comes up, and every hashtag is hidden now and then."""
    asked = [tags_question(post(post_id=f"post {n}")) for n in range(60)]
    assert {len(one.query.seeds) for one in asked if one} == {1, 2, 3}
    assert set(Counter(tag for one in asked if one for tag in one.hidden)) == set(TAGS)
    assert len({one.query.seeds for draw in range(6) if (one := tags_question(post(), draw))}) > 1


@pytest.mark.parametrize("task", IMAGE_TASKS)
def test_questions_about_pictures_show_what_their_task_says(task: str) -> None:
    """The picture; with it the caption; with both some seeds."""
    seeds_seen = set()
    for number in range(30):
        of = post(post_id=str(number), tag_origin="inline")
        question = image_question(of, task, DOG)
        assert question is not None
        check(question, of)
        assert question.query.image is DOG
        assert (question.query.words == ()) == (task == "image")
        assert (question.task, question.tag_origin) == (task, "inline")
        seeds_seen.add(len(question.query.seeds))
    assert seeds_seen == ({0, 1, 2} if task == "image_caption_seeds" else {0})


def test_pictures_without_caption_or_hashtags_are_asked_less() -> None:
    """What is missing cannot be shown, or found."""
    short = post(caption="two words")
    assert [image_question(short, task, DOG) is None for task in IMAGE_TASKS] == [False, True, True]
    assert [image_question(post(hashtags=()), task, DOG) for task in IMAGE_TASKS] == [None] * 3


def test_posts_that_cannot_be_asked_are_left_out() -> None:
    """The order of the others stays."""
    posts = [post(post_id="a"), post(post_id="b", hashtags=("dog",)), post(post_id="c")]
    assert [one.post_id for one in questions(posts, tags_question)] == ["a", "c"]
