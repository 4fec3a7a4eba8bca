"""Text signals, each against its formula computed one hashtag at a time."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.query import Options
from core.text.caption import caption_words
from embeddings.cooccurrence import TokenisedPost
from recommend.knowledge.opening import Knowledge
from recommend.signals.base import TextSignals, without_image
from recommend.signals.facts import SAID_SMOOTHING, TopicSure
from recommend.signals.text import (
    BEHIND,
    COLUMNS,
    INPUT_OF,
    SEED_LIFT_SMOOTHING,
    TEXT_SIGNALS,
    WORD_LIFT_SMOOTHING,
    SignalMaker,
    TopicGain,
    best_share,
)
from tests.support.tiny_world import DOG, TinyWorld, ask, tokenised_posts

CAPTION = "my golden retriever ran over the golden beach"
SEEDS = ("beach", "dog", "neverheardof")
POSTS = tokenised_posts()
WORDS_USED = list(dict.fromkeys(caption_words(CAPTION)))


@pytest.fixture(scope="module")
def maker(tiny_world: TinyWorld) -> SignalMaker:
    """Signals of the small world."""
    return SignalMaker(tiny_world.engine.knowledge)


@pytest.fixture(scope="module")
def signals(maker: SignalMaker) -> TextSignals:
    """Those of a caption and three seeds, one of them unknown."""
    return maker.signals(ask(CAPTION, SEEDS))


def pair_count(first: str, second: str) -> int:
    """Return the posts that carry both hashtags, as a bundle keeps it: nothing below 2."""
    n = sum(first in post.hashtags and second in post.hashtags for post in POSTS)
    return n if n >= 2 and first != second else 0


def said_count(word: str, tag: str) -> int:
    """Return the posts whose caption has the word and that carry the hashtag; nothing below 2."""
    n = sum(word in post.words and tag in post.hashtags for post in POSTS)
    return n if n >= 2 else 0


def uses(tag: str) -> int:
    """Return the posts that carry the hashtag."""
    return sum(tag in post.hashtags for post in POSTS)


def word_uses(word: str) -> int:
    """Return the posts whose caption has the word."""
    return sum(word in post.words for post in POSTS)


def kept_words() -> list[str]:
    """Return the caption's words that three posts have."""
    return [word for word in WORDS_USED if word_uses(word) >= 3]


def every_signal(signals: TextSignals) -> NDArray[np.float32]:
    """Return (n_signals, n_tags) all that there are."""
    return np.stack([signals.column(signal.name) for signal in TEXT_SIGNALS])


def test_every_signal_says_what_it_is() -> None:
    """A name of its own, the input that it speaks for, a formula and its source."""
    names = [signal.name for signal in TEXT_SIGNALS]
    assert len(set(names)) == len(names)
    assert not any(name.endswith(BEHIND) for name in names)
    for signal in TEXT_SIGNALS:
        assert signal.speaks_for in ("caption", "seeds", "text", "popularity"), signal.name
        assert signal.source, signal.name
        formulas = [vars(signal).get(method) for method in ("compute", "value", "values")]
        assert any(formula is not None and formula.__doc__.startswith("Return ") for formula in formulas), signal.name


def check(knowledge: Knowledge, column: NDArray[np.float32], wanted: dict[str, float]) -> None:
    """Compare a column with values by hashtag."""
    assert column.tolist() == pytest.approx([wanted[tag] for tag in knowledge.tags], abs=1e-4)


def test_the_best_share_of_a_seed_equals_its_formula(tiny_world: TinyWorld, signals: TextSignals) -> None:
    """Highest count(s, t) / (n_s + 5) of the known seeds."""
    knowledge = tiny_world.engine.knowledge
    wanted = {
        tag: max(pair_count(seed, tag) / (uses(seed) + 5.0) for seed in SEEDS if seed in knowledge.tag_row)
        for tag in knowledge.tags
    }
    check(knowledge, signals.column("seed_share_best"), wanted)


def test_the_best_share_of_nothing_is_nothing(tiny_world: TinyWorld) -> None:
    """Without rows all is 0, and more rows never lower it."""
    whole = tiny_world.engine.knowledge.counts.whole
    none = best_share(whole.tag_tag, whole.tag_posts, np.zeros(0, np.int64), 5.0)
    assert none.tolist() == [0.0] * len(whole.tag_posts)
    first, both = (best_share(whole.tag_tag, whole.tag_posts, np.array(rows), 5.0) for rows in ([0], [0, 1]))
    assert (both >= first).all()


def test_the_lift_of_seeds_equals_its_formula(tiny_world: TinyWorld, signals: TextSignals) -> None:
    """Sum over seeds of log((c + k p) / ((n + k) p)), evidence for a hashtag only."""
    knowledge, k = tiny_world.engine.knowledge, SEED_LIFT_SMOOTHING
    wanted = {}
    for tag in knowledge.tags:
        prior = uses(tag) / len(POSTS)
        gains = [
            math.log((pair_count(seed, tag) + k * prior) / ((uses(seed) + k) * prior))
            for seed in SEEDS
            if seed in knowledge.tag_row and pair_count(seed, tag)
        ]
        wanted[tag] = sum(max(0.0, gain) for gain in gains)
    check(knowledge, signals.column("seed_lift"), wanted)


def test_the_lift_of_words_equals_its_formula(tiny_world: TinyWorld, signals: TextSignals) -> None:
    """The same against use in captioned posts, over the root of the number of known words."""
    knowledge, k = tiny_world.engine.knowledge, WORD_LIFT_SMOOTHING
    captioned = [post for post in POSTS if len(post.words) >= 3]
    wanted = {}
    for tag in knowledge.tags:
        prior = (sum(tag in post.hashtags for post in captioned) + 0.5) / (len(captioned) + 1)
        gains = [
            math.log((said_count(word, tag) + k * prior) / ((word_uses(word) + k) * prior))
            for word in kept_words()
            if said_count(word, tag)
        ]
        wanted[tag] = sum(max(0.0, gain) for gain in gains) / math.sqrt(len(kept_words()))
    check(knowledge, signals.column("word_lift"), wanted)


def test_the_best_share_of_a_word_equals_its_formula(tiny_world: TinyWorld, signals: TextSignals) -> None:
    """Highest count(w, t) / (n_w + 10)."""
    knowledge = tiny_world.engine.knowledge
    wanted = {
        tag: max(said_count(word, tag) / (word_uses(word) + 10.0) for word in kept_words()) for tag in knowledge.tags
    }
    check(knowledge, signals.column("word_share_best"), wanted)


def test_meanings_are_cosines_to_the_mean(maker: SignalMaker, signals: TextSignals) -> None:
    """Of the known seeds, and of the caption's known words; what has no meaning is like nothing."""
    row, half = maker.knowledge.tag_row, math.sqrt(0.5)
    tags = ("puppy", "waves", "pizza", "love")
    assert [float(signals.column("seed_meaning")[row[tag]]) for tag in tags] == pytest.approx(
        [half, half, 0.0, 0.0], abs=1e-3
    )
    told = maker.signals(ask("waves and pasta by evening"))
    assert [float(told.column("word_meaning")[row[tag]]) for tag in tags] == pytest.approx(
        [0.0, half, half, 0.0], abs=1e-3
    )


def test_the_lift_of_pairs_is_that_of_two_words_in_a_row(tiny_world: TinyWorld, signals: TextSignals) -> None:
    """By the formula of words, not shared out among them."""
    knowledge, k = tiny_world.engine.knowledge, WORD_LIFT_SMOOTHING
    captioned = [post for post in POSTS if len(post.words) >= 3]

    def has(post: TokenisedPost, pair: tuple[str, str]) -> bool:
        return pair in pairwise(post.words)

    words = caption_words(CAPTION)
    pairs = [pair for pair in pairwise(words) if sum(has(post, pair) for post in POSTS) >= 3]
    assert ("golden", "retriever") in pairs
    wanted = {}
    for tag in knowledge.tags:
        prior = (sum(tag in post.hashtags for post in captioned) + 0.5) / (len(captioned) + 1)
        wanted[tag] = 0.0
        for pair in pairs:
            uses_of_pair = sum(has(post, pair) for post in POSTS)
            both = sum(has(post, pair) and tag in post.hashtags for post in POSTS)
            if both >= 2:
                wanted[tag] += max(0.0, math.log((both + k * prior) / ((uses_of_pair + k) * prior)))
    check(knowledge, signals.column("pair_lift"), wanted)


def test_what_the_caption_spells_out_is_said(tiny_world: TinyWorld, signals: TextSignals) -> None:
    """With the share of captions that say it and carry it, and the number of words it takes."""
    knowledge = tiny_world.engine.knowledge
    said = {knowledge.tags[row]: place for row, place in signals.said.items()}
    assert said == {"goldenretriever": (1, 2), "beach": (7, 1)}
    row = knowledge.tag_row["goldenretriever"]
    assert signals.column("said_words")[row] == 2.0
    saying = [post for post in POSTS if len(post.words) >= 3 and "golden retriever" in " ".join(post.words)]
    using = sum("goldenretriever" in post.hashtags for post in saying)
    general = knowledge.habits.said_and_used.sum() / knowledge.habits.said.sum()
    wanted = (using + SAID_SMOOTHING * general) / (len(saying) + SAID_SMOOTHING)
    assert float(signals.column("said")[row]) == pytest.approx(wanted, abs=1e-5)
    assert np.count_nonzero(signals.column("said")) == len(said)


def test_the_context_is_a_distribution_over_hashtags(tiny_world: TinyWorld, signals: TextSignals) -> None:
    """Log softmax of what caption, seeds and bias say."""
    logits = (
        signals.column("caption_says") + signals.column("seeds_say") + tiny_world.engine.knowledge.context.bias
    ).astype(np.float64)
    wanted = logits - np.log(np.exp(logits).sum())
    np.testing.assert_allclose(signals.column("context"), wanted, atol=1e-4)
    assert float(np.exp(signals.column("topics").astype(np.float64)).sum()) == pytest.approx(1.0, abs=1e-3)


def test_inputs_that_are_absent_leave_their_columns_empty(maker: SignalMaker) -> None:
    """Every column of seeds without seeds, every column of the caption without one."""
    for query, group in ((ask(CAPTION), "seeds"), (ask("", SEEDS), "caption")):
        signals = maker.signals(query)
        absent = [signal.name for signal in TEXT_SIGNALS if signal.speaks_for == group]
        assert absent
        for name in absent:
            assert not signals.column(name).any(), name


def test_a_picture_changes_no_text_signal(maker: SignalMaker) -> None:
    """Else it could not be told what each input brought; only the mixture of topics is the picture's."""
    alone, beside = maker.signals(ask(CAPTION, SEEDS)), maker.signals(ask(CAPTION, SEEDS, DOG))
    assert np.array_equal(every_signal(alone), every_signal(beside))
    assert (alone.mixture.origin, beside.mixture.origin) == ("text", "image")
    assert without_image(ask(CAPTION, SEEDS, DOG)) == ask(CAPTION, SEEDS)


def test_order_of_seeds_and_repeated_words_do_not_matter(maker: SignalMaker) -> None:
    """A post is a set of hashtags, and a word said twice is no more evidence."""
    first, other = maker.signals(ask("", SEEDS)), maker.signals(ask("", SEEDS[::-1]))
    np.testing.assert_allclose(every_signal(first), every_signal(other), atol=1e-5)
    once, twice = maker.signals(ask("dog barking")), maker.signals(ask("dog barking dog"))
    for name in ("word_share", "word_share_best", "word_lift", "context"):
        np.testing.assert_allclose(once.column(name), twice.column(name), atol=1e-6)


def test_a_given_topic_moves_its_own_hashtags_up(maker: SignalMaker) -> None:
    """Against the same text with another topic; routing global ignores it."""
    knowledge = maker.knowledge
    food, pets = (maker.signals(ask("golden", options=Options(topic=topic))) for topic in ("food", "pets"))
    gain = food.column("topics") - pets.column("topics")
    assert gain[knowledge.tag_row["pasta"]] > 0 > gain[knowledge.tag_row["dog"]]
    unrouted_food, unrouted_pets = (
        maker.signals(ask("golden", options=Options(topic=topic, routing="global"))).column("topics")
        for topic in ("food", "pets")
    )
    assert np.array_equal(unrouted_food, unrouted_pets)


def test_the_table_holds_every_column_of_the_candidates(maker: SignalMaker, signals: TextSignals) -> None:
    """Signals, facts of hashtag and query, and distances to the best candidate."""
    candidates = np.array([5, 2, 9], dtype=np.int64)
    table = maker.table(signals, candidates)
    assert table.shape == (3, len(COLUMNS))
    assert table.dtype == np.float32
    behind = [signal.name for signal in TEXT_SIGNALS if signal.behind]
    assert behind == ["seed_share", "word_share", "word_lift", "context"]
    assert len(COLUMNS) == len(set(COLUMNS)) == len(TEXT_SIGNALS) - 1 + len(behind)
    column = dict(zip(COLUMNS, table.T, strict=True))
    assert set(column) == {signal.name for signal in TEXT_SIGNALS} - {"topics"} | {f"{name}_behind" for name in behind}
    for name in {signal.name for signal in TEXT_SIGNALS} - {"topics"}:
        assert column[name].tolist() == signals.column(name)[candidates].tolist()
    gain = (signals.column("topics") - signals.column("context"))[candidates]
    assert column[TopicGain.name].tolist() == gain.tolist()
    for name in behind:
        np.testing.assert_allclose(column[f"{name}_behind"], column[name] - column[name].max(), atol=1e-6)
        assert INPUT_OF[f"{name}_behind"] == INPUT_OF[name]
    tags = [maker.knowledge.tags[row] for row in candidates]
    assert column["letters"].tolist() == [len(tag) for tag in tags]
    assert column["log_prior"].tolist() == pytest.approx([math.log(uses(tag) / len(POSTS)) for tag in tags], abs=1e-5)
    assert column["n_words"].tolist() == [len(WORDS_USED)] * 3
    assert (column["n_seeds"].tolist(), column["n_unknown_seeds"].tolist()) == ([2.0] * 3, [1.0] * 3)
    assert column["topic_sure"].tolist() == pytest.approx([float(signals.mixture.topics.max())] * 3)
    assert maker.table(signals, candidates[:0]).shape == (0, len(COLUMNS))


def test_a_table_of_fewer_columns_holds_the_same_values(maker: SignalMaker, signals: TextSignals) -> None:
    """In the order asked, as a ranker that was trained with other signals names them."""
    candidates, some = np.arange(9), ("context_behind", "letters", "seed_share")
    whole = maker.table(signals, candidates)
    assert np.array_equal(
        maker.table(signals, candidates, some), whole[:, [COLUMNS.index("context_behind"), COLUMNS.index("letters"), 0]]
    )


def test_without_topics_the_ranker_sees_neither_gain_nor_sureness(maker: SignalMaker) -> None:
    """Routing global is the same pipeline with the global table alone."""
    table = maker.table(maker.signals(ask("golden", SEEDS, options=Options(routing="global"))), np.arange(9))
    np.testing.assert_allclose(table[:, COLUMNS.index(TopicGain.name)], 0, atol=1e-5)
    assert not table[:, COLUMNS.index(TopicSure.name)].any()


@given(caption=st.text(max_size=60), seeds=st.lists(st.text(min_size=1, max_size=8), max_size=4, unique=True))
def test_any_text_gives_finite_signals(maker: SignalMaker, caption: str, seeds: list[str]) -> None:
    """Emoji, other scripts, half surrogates."""
    signals = maker.signals(ask(caption, seeds))
    assert np.isfinite(every_signal(signals)).all()
    assert np.isfinite(maker.table(signals, np.arange(len(maker.knowledge.tags)))).all()


def test_the_posts_counted_here_are_those_of_the_bundle(tiny_world: TinyWorld) -> None:
    """The twins above count what the bundle counted."""
    knowledge = tiny_world.engine.knowledge
    assert all(isinstance(post, TokenisedPost) for post in POSTS)
    counted = Counter(tag for post in POSTS for tag in post.hashtags)
    assert [counted[tag] for tag in knowledge.tags] == knowledge.counts.whole.tag_posts.tolist()
