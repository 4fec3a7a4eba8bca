"""Baselines: one contract over all of them, on posts that can be checked by eye, and what each does of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from core.errors import DataError
from core.query import Options, Query
from embeddings.cooccurrence import TokenisedPost, tags_given_seeds, tags_given_words
from embeddings.nearest import NearestWords
from embeddings.table import EmbeddingTable, build_table, log_prior_of
from embeddings.tokens import query_tokens, word_token
from recommend.baselines.conditional_sums import BothSums, SeedSum, WordSum
from recommend.baselines.ease import Ease
from recommend.baselines.in_out import InOut
from recommend.baselines.mean_vector import MeanVectorCosine
from recommend.baselines.method import Baseline, Corpus, build_corpus
from recommend.baselines.nearest_posts import NearestPosts
from recommend.baselines.promotion import CooccurrencePromotion
from recommend.baselines.registry import fit_baselines

PETS = ("dog", "puppy", "cute", "doglife")
FOOD = ("pizza", "cheese", "yum")


def toy_posts() -> list[TokenisedPost]:
    """Return posts about dogs and, twice as many, about pizza; every one is different."""
    posts = []
    for number in range(5):
        posts.append(TokenisedPost((*PETS[:3], f"p{number}"), ("my", "puppy", "barks"), f"a{number}"))
        posts.append(TokenisedPost(("dog", "doglife", f"d{number}"), ("walk", "my"), f"a{number}"))
    for number in range(20):
        posts.append(TokenisedPost((*FOOD, f"f{number}"), ("my", "pizza", "tonight"), f"b{number}"))
    return posts


def toy_corpus() -> Corpus:
    """Return the toy posts with their topics: the first ten pets, the rest food."""
    weights = np.zeros((30, 2))
    weights[:10, 0] = weights[10:, 1] = 1.0
    return build_corpus(toy_posts(), ["pets", "food"], weights)


CORPUS = toy_corpus()


def toy_table(*, outputs: bool = True) -> EmbeddingTable:
    """Return vectors that point one way for pets and another for food, with a little noise."""
    generator = np.random.default_rng(0)
    words = [word_token(word) for word in CORPUS.counts.words]
    pets = {*PETS, "w:puppy", "w:barks", "w:walk"}
    directions = np.array([[1.0, 0.0, 0.1] if token in pets else [0.0, 1.0, 0.1] for token in [*CORPUS.tags, *words]])
    inputs = directions + generator.normal(scale=0.05, size=directions.shape)
    prior = log_prior_of(CORPUS.counts.whole.tag_posts)
    return build_table([*CORPUS.tags, *words], inputs, 4 * inputs[: len(CORPUS.tags)] if outputs else None, prior)


def toy_mixture(queries: Sequence[Query]) -> np.ndarray:
    """Return pets for queries with something of pets, food for others."""
    rows = [[0.9, 0.1] if {*query.seeds, *query.words} & {*PETS, "barks"} else [0.1, 0.9] for query in queries]
    return np.array(rows, dtype=np.float32)


BASELINES = fit_baselines(CORPUS, mixture=toy_mixture, tables={"word2vec": toy_table()})
QUERIES = [
    Query(seeds=("dog",)),
    Query(words=("my", "puppy", "barks")),
    Query(words=("pizza", "tonight"), seeds=("cheese",)),
    Query(seeds=("unheardof",), words=("zzz",)),
    Query(seeds=("dog", "puppy"), options=Options(exclude=("cute",))),
    Query(seeds=("dog", "dog2", "pizza"), words=("walk",)),
]


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda baseline: baseline.name)
class TestBaseline:
    """What every baseline promises."""

    def test_seeds_are_never_suggested_back(self, baseline: Baseline) -> None:
        """What the query already has is no suggestion."""
        for query, ranked in zip(QUERIES, baseline.rank(QUERIES, 20), strict=True):
            assert not set(query.seeds) & set(ranked)

    def test_exclusions_are_respected(self, baseline: Baseline) -> None:
        """An excluded hashtag does not come, however well it fits."""
        assert "cute" not in baseline.rank([QUERIES[4]], 20)[0]

    def test_a_batch_scores_as_each_alone(self, baseline: Baseline) -> None:
        """One query's scores do not depend on its neighbours in the batch."""
        batch = baseline.score(QUERIES)
        for row, query in enumerate(QUERIES):
            np.testing.assert_allclose(batch[row], baseline.score([query])[0], atol=1e-5)

    def test_scores_are_finite_and_of_every_hashtag(self, baseline: Baseline) -> None:
        """A row a query, a column a hashtag, no NaN, for what is unknown too."""
        scores = baseline.score(QUERIES)
        assert scores.shape == (len(QUERIES), len(CORPUS.tags))
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()

    def test_asking_twice_answers_the_same(self, baseline: Baseline) -> None:
        """Nothing is learnt or drawn when asked."""
        assert baseline.rank(QUERIES, 5) == baseline.rank(QUERIES, 5)

    def test_lists_are_of_known_hashtags_without_repetition(self, baseline: Baseline) -> None:
        """Never an invented hashtag, never one twice; the best k head the best k + 1."""
        for short, longer in zip(baseline.rank(QUERIES, 2), baseline.rank(QUERIES, 3), strict=True):
            assert len(set(longer)) == len(longer) == 3
            assert set(longer) <= set(CORPUS.tags)
            assert longer[:2] == short


BY_SEED = {"character n-grams of seeds": "doglife"}
NOT_BY_SEED = {"popularity", "literal caption words and phrases", "sum of P(tag given word)"}


@pytest.mark.parametrize("baseline", [b for b in BASELINES if b.name not in NOT_BY_SEED], ids=lambda b: b.name)
def test_a_dog_brings_what_stands_with_dogs(baseline: Baseline) -> None:
    """Given dog, the first suggestion is of pets although food is used more."""
    first = baseline.rank([Query(seeds=("dog",))], 1)[0][0]
    assert first == BY_SEED.get(baseline.name, first)
    assert first in PETS


NOT_BY_WORD = {"popularity", "character n-grams of seeds", "sum of P(tag given seed)", "EASE"}
NOT_BY_WORD |= {"co-occurrence with promotion"}


@pytest.mark.parametrize("baseline", [b for b in BASELINES if b.name not in NOT_BY_WORD], ids=lambda b: b.name)
def test_a_caption_brings_what_stands_with_its_words(baseline: Baseline) -> None:
    """Given a caption of dogs, the first suggestion is of pets although food is used more."""
    assert baseline.rank([Query(words=("puppy", "barks"))], 1)[0][0] in PETS


def test_methods_without_evidence_fall_back_on_popularity() -> None:
    """Ties go to the more popular hashtag, so a method that knows nothing answers as popularity does."""
    popular = BASELINES[0].rank([QUERIES[3]], 3)
    for baseline in BASELINES:
        if baseline.name.startswith(("sum", "both", "EASE", "50", "literal", "co-occ")):
            assert baseline.rank([QUERIES[3]], 3) == popular


def test_hard_routing_answers_from_the_best_topic_alone() -> None:
    """Beside food's own seed, a query that is routed to pets gets nothing that only food posts carry."""
    hard = next(baseline for baseline in BASELINES if baseline.name.endswith("hard routing"))
    query = Query(seeds=("dog",), words=("pizza", "tonight", "cheese"))
    ranked = hard.rank([query], 3)[0]
    assert set(ranked) == set(PETS) - {"dog"}


def test_copies_are_counted_once() -> None:
    """A post pasted a hundred times is one post."""
    corpus = build_corpus([*toy_posts(), *[toy_posts()[0]] * 100])
    assert corpus.counts.whole.n_posts == CORPUS.counts.whole.n_posts == 30


def test_sums_equal_the_plain_functions() -> None:
    """The sparse products are those of the two conditional probabilities, query by query."""
    seeds, words = SeedSum(CORPUS), WordSum(CORPUS)
    both = BothSums(seeds, words).score(QUERIES)
    for row, query in enumerate(QUERIES):
        by_seed = tags_given_seeds(CORPUS.counts.whole, CORPUS.counts.tag_ids(query.seeds))
        by_word = tags_given_words(CORPUS.counts.whole, CORPUS.counts.word_ids(query.words))
        np.testing.assert_allclose(both[row], by_seed + by_word, atol=1e-6)


def test_vector_methods_equal_the_slow_scores() -> None:
    """Batched products give what scoring query by query gives."""
    table = toy_table()
    ids = [table.ids(query_tokens(query)) for query in QUERIES]
    nearest = NearestWords(table)
    np.testing.assert_allclose(MeanVectorCosine(table, "c").score(QUERIES), nearest.cosine(ids), atol=1e-5)
    np.testing.assert_allclose(InOut(table, "i").score(QUERIES), nearest.in_out(ids), atol=1e-5)


def test_in_out_needs_output_vectors() -> None:
    """Refused when made, not when asked."""
    with pytest.raises(DataError, match="output vectors"):
        InOut(toy_table(outputs=False), "i")


def test_nearest_posts_equal_a_search_through_all() -> None:
    """Fifty neighbours of thirty posts are all with a positive cosine, summed by loops."""
    whole = CORPUS.counts.whole
    idf = {tag: np.log(30 / n) + 1 for tag, n in zip(CORPUS.tags, whole.tag_posts, strict=True)}
    idf |= {word_token(w): np.log(30 / n) + 1 for w, n in zip(CORPUS.counts.words, whole.word_posts, strict=True)}

    def vector(hashtags: Sequence[str], words: Sequence[str]) -> dict[str, float]:
        tokens = {token for token in [*hashtags, *map(word_token, words)] if token in idf}
        length = np.sqrt(sum(idf[token] ** 2 for token in tokens))
        return {token: idf[token] / length for token in tokens}

    query = QUERIES[5]
    expected = dict.fromkeys(CORPUS.tags, 0.0)
    asked = vector(query.seeds, query.words)
    for post in CORPUS.posts:
        cosine = sum(value * asked.get(token, 0.0) for token, value in vector(post.hashtags, post.words).items())
        for tag in post.hashtags:
            if tag in expected:
                expected[tag] += cosine
    found = NearestPosts(CORPUS).score([query])[0]
    np.testing.assert_allclose(found, [expected[tag] for tag in CORPUS.tags], atol=1e-5)


def test_ease_solves_its_own_least_squares() -> None:
    """Each column of B is the ridge regression of one hashtag on all others (Steck 2019, equation 3)."""
    ridge = 2.0
    incidence = np.array([[float(tag in post.hashtags) for tag in CORPUS.tags] for post in CORPUS.posts])
    scores = Ease(CORPUS, ridge=ridge).score([Query(seeds=(tag,)) for tag in CORPUS.tags])
    for target in range(len(CORPUS.tags)):
        others = [column for column in range(len(CORPUS.tags)) if column != target]
        x = incidence[:, others]
        weights = np.linalg.solve(x.T @ x + ridge * np.eye(len(others)), x.T @ incidence[:, target])
        np.testing.assert_allclose(scores[others, target], weights, atol=1e-5)


def test_ease_leaves_rare_hashtags_alone() -> None:
    """Beyond the most used hashtags every score is zero."""
    scores = Ease(CORPUS, n_frequent=2).score([Query(seeds=(CORPUS.tags[0],))])
    assert scores[0, 1] != 0
    assert not scores[0, 2:].any()


def test_promotion_can_be_checked_by_hand() -> None:
    """One seed and its three candidates, ranked by use and then by name, by the formulas of the paper."""
    counts = CORPUS.counts
    ids = counts.tag_ids(["dog", "cute", "doglife", "puppy"])
    assert counts.whole.tag_posts[ids].tolist() == [10, 5, 5, 5]
    scores = CooccurrencePromotion(CORPUS).score([Query(seeds=("dog",))])[0]
    stable = 9 / (9 + abs(9 - np.log(10)))
    descriptive = 11 / (11 + abs(11 - np.log(5)))
    by_hand = [5 / 10 * 4 / (4 + rank - 1) * stable * descriptive for rank in (1, 2, 3)]
    np.testing.assert_allclose(scores[ids[1:]], by_hand, rtol=1e-5)
    assert np.count_nonzero(scores) == 3
