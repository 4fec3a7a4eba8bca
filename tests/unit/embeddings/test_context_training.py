"""Fitting the context embedding: losses against plain ones, and planted structure found again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from embeddings.context import GRAM, TOPIC, WORD, ContextEmbedding, join, log_softmax
from embeddings.context_corpus import Batch, ContextConfig, Corpus, EpochSampler, TopicTablesConfig, prepare_corpus
from embeddings.context_training import ContextFit, ContextNetwork, softmax_loss
from embeddings.cooccurrence import TokenisedPost
from embeddings.table import log_prior_of

pytestmark = pytest.mark.train

TAGS = ("dog", "puppy", "cat", "kitten", "sea", "waves", "love")
WORDS = ("bark", "purr", "swim")
TOPICS = ("pets", "beach")
CONFIG = ContextConfig(
    dimensions=8,
    epochs=25,
    batch_posts=16,
    learning_rate=0.05,
    n_buckets=13,
    max_seeds=2,
    word_dropout=0.2,
    topic_shown=0.3,
)
SEED = 5
CONTINUED = TopicTablesConfig(epochs=6, learning_rate=0.05, pull=1e-4, min_posts=5.0, head_epochs=20)
KINDS = (("dog", "puppy", "bark"), ("cat", "kitten", "purr"), ("sea", "waves", "swim"))
POSTS = [
    TokenisedPost((first, second, *(("love",) if n % 3 == 0 else ())), (word, "seldom") if n % 4 else ())
    for n in range(24)
    for first, second, word in KINDS
]
SHARES = np.array([[0, 1] if "sea" in post.hashtags else [1, 0] for post in POSTS], np.float32)
SHARES[::5] = 0


def corpus_of(posts: list[TokenisedPost] = POSTS, shares: object = SHARES) -> Corpus:
    """Return posts as numbers."""
    return prepare_corpus(posts, TAGS, WORDS, np.asarray(shares, dtype=np.float32), CONFIG.n_buckets)


def new_fit(config: ContextConfig = CONFIG, seed: int = SEED) -> ContextFit:
    """Return a fit that has not begun."""
    return ContextFit(corpus_of(), TAGS, WORDS, TOPICS, config, seed)


@pytest.fixture(scope="module")
def fitted() -> ContextFit:
    """A fit of the planted posts."""
    fit = new_fit()
    fit.fit()
    return fit


def a_batch(targets: list[tuple[int, int]], n_posts: int) -> Batch:
    """Return a batch with the given (place, target) pairs; targets of a post share its weight."""
    places = np.array([place for place, _ in targets], dtype=np.int64)
    per_post = np.bincount(places, minlength=n_posts) if len(targets) else np.zeros(n_posts)
    none = np.zeros(0, np.int64)
    return Batch(
        none,
        none,
        np.zeros(0, np.float32),
        np.zeros((n_posts, 2), np.float32),
        places,
        np.array([target for _, target in targets], dtype=np.int64),
        np.array([1 / per_post[place] for place in places], np.float32),
        np.arange(n_posts),
    )


@given(
    hidden=st.lists(st.lists(st.integers(0, 4), max_size=3, unique=True), min_size=1, max_size=5),
    seed=st.integers(0, 50),
    shared=st.booleans(),
)
def test_the_loss_equals_plain_cross_entropy(hidden: list[list[int]], seed: int, shared: bool) -> None:
    """Against equal shares over the hidden hashtags, averaged over posts by their weight."""
    chance = np.random.default_rng(seed)
    logits = torch.tensor(chance.normal(size=(len(hidden), 5)) * 3)
    share = chance.random(len(hidden)).astype(np.float32) if shared else None
    weights = [0.0 if not tags else (1.0 if share is None else float(share[n])) for n, tags in enumerate(hidden)]
    wanted = torch.zeros((len(hidden), 5), dtype=torch.float64)
    for place, tags in enumerate(hidden):
        for tag in tags:
            wanted[place, tag] = 1 / len(tags)
    each = torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
    expected = sum(w * float(one) for w, one in zip(weights, each, strict=True)) / max(1.0, sum(weights))
    batch = a_batch([(place, tag) for place, tags in enumerate(hidden) for tag in tags], len(hidden))
    assert float(softmax_loss(logits.float(), batch, share)) == pytest.approx(expected, abs=1e-4)


def test_contexts_are_those_that_serving_computes(fitted: ContextFit) -> None:
    """The same tokens, the same vector: in training from own rows and grams, in serving from the table."""
    corpus, embedding = corpus_of(), ContextEmbedding(fitted.table())
    sampler = EpochSampler(corpus, replace(CONFIG, topic_shown=0.0))
    (batch, *_) = sampler.batches(sampler.usable, np.random.default_rng(0))
    with torch.no_grad():
        contexts = fitted._network.contexts(corpus, batch).numpy()
    for place in range(len(batch.posts)):
        shown = [corpus.tokens[token] for token in batch.token[batch.place == place]]
        words = [token.removeprefix(WORD) for token in shown if token.startswith(WORD)]
        tags = [token for token in shown if not token.startswith(WORD)]
        wanted = join(embedding.word_vectors(words), embedding.tag_vectors(tags))
        np.testing.assert_allclose(contexts[place], wanted, atol=1e-4)


def test_what_goes_together_is_found(fitted: ContextFit) -> None:
    """Its pair for a hashtag, the pair for a word, a spelling for what was never seen."""
    embedding = ContextEmbedding(fitted.table())
    for first, second, word in KINDS:
        seeded = log_softmax(embedding.logits(join(embedding.tag_vectors([first]))))
        others = [n for n, tag in enumerate(TAGS) if tag not in (first, second, "love")]
        assert seeded[TAGS.index(second)] > max(seeded[n] for n in others) + 1
        worded = log_softmax(embedding.logits(join(embedding.word_vectors([word]))))
        assert {TAGS[n] for n in np.argsort(-worded)[:2]} == {first, second}
    near = log_softmax(embedding.logits(join(embedding.tag_vectors(["puppys"]))))
    assert near[TAGS.index("dog")] > near[TAGS.index("sea")]


def test_the_table_holds_hashtags_words_topics_and_buckets(fitted: ContextFit) -> None:
    """In this order, with the prior of the corpus."""
    table = fitted.table()
    expected = [*TAGS, *(WORD + word for word in WORDS), *(TOPIC + topic for topic in TOPICS)]
    assert table.words == (*expected, *(f"{GRAM}{n}" for n in range(CONFIG.n_buckets)))
    uses = np.array([sum(tag in post.hashtags for post in POSTS) for tag in TAGS])
    np.testing.assert_allclose(table.log_prior, log_prior_of(uses), atol=1e-6)


def test_fits_repeat() -> None:
    """The same posts and numbers give the same table, to the last bit; another seed another one."""
    quick = replace(CONFIG, epochs=2)
    fits = [new_fit(quick), new_fit(quick), new_fit(quick, seed=6)]
    for fit in fits:
        fit.fit()
    one, again, other = (fit.table().dense_input() for fit in fits)
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("batch_posts", [3, 7, 8, 36, 72, 100])
def test_any_number_of_steps_can_be_fitted(batch_posts: int) -> None:
    """One step in all, two, ten, and more."""
    fit = new_fit(replace(CONFIG, epochs=1, batch_posts=batch_posts))
    fit.fit()
    assert np.isfinite(fit.table().dense_input()).all()


def test_progress_is_told_once_an_epoch() -> None:
    """Whatever the number of batches."""
    told: list[int] = []
    new_fit(replace(CONFIG, epochs=3)).fit(told.append)
    assert told == [1, 1, 1]


def test_a_topic_moves_its_own_rows_alone(fitted: ContextFit) -> None:
    """Towards its hashtags; a strong pull leaves them where they were, and a high limit moves none."""
    base = fitted.table()
    delta = fitted.continue_topic(TOPICS.index("beach"), base, CONTINUED)
    used = np.array([sum(tag in p.hashtags and s[1] > 0 for p, s in zip(POSTS, SHARES, strict=True)) for tag in TAGS])
    assert set(delta.output_rows.tolist()) <= set(np.flatnonzero(used >= 5).tolist())
    assert TAGS.index("sea") in delta.output_rows
    assert delta.input_rows.size == 0
    assert delta.output_bias is not None
    assert base.output_bias is not None
    row = delta.output_rows.tolist().index(TAGS.index("sea"))
    assert delta.output_bias[row] > base.output_bias[TAGS.index("sea")]

    def moved(config: TopicTablesConfig) -> float:
        found = fitted.continue_topic(1, base, config)
        return float(np.abs(found.outputs.dense() - base.dense_output()[found.output_rows]).sum())

    assert moved(replace(CONTINUED, pull=10.0)) < 0.2 * moved(CONTINUED)
    assert fitted.continue_topic(1, base, replace(CONTINUED, min_posts=1e9)).output_rows.size == 0


def test_the_topic_head_knows_topics_and_none(fitted: ContextFit) -> None:
    """Of a word of the beach the beach; rows are contexts and a bias, columns topics and none."""
    head, embedding = fitted.topic_head(CONTINUED), ContextEmbedding(fitted.table())
    assert head.shape == (CONFIG.dimensions + 1, len(TOPICS) + 1)

    def probabilities(context: object) -> list[float]:
        values: list[float] = np.exp(log_softmax(context @ head[:-1] + head[-1])).tolist()  # type: ignore[operator]
        return values

    for words, tags, column in ((["swim"], ["waves"], 1), (["bark"], ["puppy"], 0)):
        both = join(embedding.word_vectors(words), embedding.tag_vectors(tags))
        assert int(np.argmax(probabilities(both))) == column


def test_topics_and_posts_that_show_nothing_do_no_harm() -> None:
    """Silent captions, one post alone, no post of a topic, contexts that all show a topic."""
    posts = [TokenisedPost(("dog",), ("bark",)), TokenisedPost(("sea",), ()), TokenisedPost((), ())]
    shares = np.array([[1, 0], [0, 0], [0, 0]], np.float32)
    config = replace(CONFIG, word_dropout=1.0, topic_shown=1.0, batch_posts=1, epochs=2)
    fit = ContextFit(corpus_of(posts, shares), TAGS, WORDS, TOPICS, config, SEED)
    fit.fit()
    base = fit.table()
    assert fit.continue_topic(1, base, CONTINUED).output_rows.size == 0
    assert np.isfinite(fit.continue_topic(0, base, replace(CONTINUED, min_posts=0.5)).outputs.dense()).all()
    assert np.isfinite(fit.topic_head(CONTINUED)).all()


def test_without_grams_rare_tokens_have_no_vector() -> None:
    """And common ones their own alone."""
    config = replace(CONFIG, n_buckets=0)
    corpus = prepare_corpus(POSTS, TAGS, WORDS, SHARES, 0)
    network = ContextNetwork(len(TAGS) + len(WORDS), len(TOPICS), log_prior_of(np.ones(len(TAGS))), config, SEED)
    rare = corpus.tokens.index(WORD + "seldom")
    known = corpus.tokens.index("dog")
    vectors = network.token_vectors(corpus, np.array([rare, known]))
    assert not vectors[0].detach().numpy().any()
    assert np.array_equal(vectors[1].detach().numpy(), network.own[0].detach().numpy())
