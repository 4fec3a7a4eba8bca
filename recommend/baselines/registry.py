"""All baselines, in the order in which tables of figures list them."""

from __future__ import annotations

from collections.abc import Mapping

from embeddings.table import EmbeddingTable
from recommend.baselines.character_ngrams import CharacterNgrams
from recommend.baselines.conditional_sums import BothSums, SeedSum, WordSum
from recommend.baselines.ease import Ease
from recommend.baselines.hard_topic import HardTopic
from recommend.baselines.in_out import InOut
from recommend.baselines.literal_phrases import LiteralPhrases
from recommend.baselines.mean_vector import MeanVectorCosine
from recommend.baselines.method import Baseline, Corpus, TopicMixture
from recommend.baselines.nearest_posts import NearestPosts
from recommend.baselines.popularity import Popularity
from recommend.baselines.promotion import CooccurrencePromotion
from recommend.baselines.topic_popularity import TopicPopularity


def fit_baselines(
    corpus: Corpus, *, mixture: TopicMixture | None = None, tables: Mapping[str, EmbeddingTable] | None = None
) -> tuple[Baseline, ...]:
    """Return every baseline, fitted.

    Args:
        corpus: training posts; its counts must be by topic when there is a ``mixture``.
        mixture: gives the topics of queries; without it there is no popularity in topics and no hard routing.
        tables: by name (``word2vec``, ``glove``), each scored by cosine and, with output vectors, in-out.
    """
    seeds, words = SeedSum(corpus), WordSum(corpus)
    fitted: list[Baseline] = [Popularity(corpus)]
    if mixture is not None:
        fitted.append(TopicPopularity(corpus, mixture))
    for name, table in (tables or {}).items():
        cosine = MeanVectorCosine(table, f"{name}, mean vector cosine")
        fitted.append(cosine)
        if mixture is not None:
            fitted.append(HardTopic(corpus, cosine, mixture))
        if table.has_outputs:
            fitted.append(InOut(table, f"{name}, in-out"))
    fitted += [
        CharacterNgrams(corpus),
        LiteralPhrases(corpus),
        seeds,
        words,
        BothSums(seeds, words),
        NearestPosts(corpus),
        Ease(corpus),
        CooccurrencePromotion(corpus),
    ]
    return tuple(fitted)
