"""What a bundle knows about words, hashtags and classes, opened and ready to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import BundleCorrupt
from embeddings.array_folder import open_array
from embeddings.context import ContextEmbedding
from embeddings.cooccurrence import Counts, open_post_counts
from embeddings.nearest import NearestWords, unit_rows
from embeddings.overlay import open_overlay
from embeddings.table import EmbeddingTable, open_table
from embeddings.tag_habits import TagHabits, open_habits
from recommend.knowledge.class_words import class_label, class_terms
from recommend.knowledge.spelling import SpellingIndex

Floats = NDArray[np.float32]

SELDOM_FORM = 0.25
"""Of a class's name and its plural, the one with less than this share of the other's posts does not name it: nobody
tags a dinner #foods."""


@dataclass(frozen=True, slots=True)
class TopicOutputs:
    """The rows in which a topic's table differs from the global one.

    Attributes:
        rows: (r,) hashtags, rising.
        outputs: (r, d) float32 output vectors of these rows.
        bias: (r,) float32 biases of these rows.
    """

    rows: NDArray[np.int32]
    outputs: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Everything that signals are computed from. Safe to share between threads.

    Attributes:
        tags: the vocabulary, most used first; a hashtag's row is its index here.
        tag_row: hashtag -> row.
        topics: names, in the order of every topic axis.
        counts: what is used together, whole and per topic.
        habits: use in captioned posts and beside the hashtag's own words.
        context: the global context embedding.
        topic_tables: one for each topic.
        topic_head: (d + 1, n_topics + 1) float32 softmax regression from context to topic; the last column is none.
        word2vec: the table of the published scorers; caption words are prefixed as in ``embeddings.context``.
        nearest: scores over ``word2vec``.
        tag_meanings: (n_tags, m) float32 unit rows in a general word space; a zero row where nothing is known.
        class_meanings: (n_classes, m) float32 unit rows of ImageNet classes in the same space.
        meaning: the table of that space; caption words are prefixed as in ``embeddings.context``.
        class_labels: what each class is called in answers.
        class_tags: for each class the rows of the hashtags that name it or its family.
        spelling: how alike hashtags are written.
    """

    tags: tuple[str, ...]
    tag_row: Mapping[str, int]
    topics: tuple[str, ...]
    counts: Counts
    habits: TagHabits
    context: ContextEmbedding
    topic_tables: tuple[TopicOutputs, ...]
    topic_head: Floats
    word2vec: EmbeddingTable
    nearest: NearestWords
    tag_meanings: Floats
    class_meanings: Floats
    meaning: EmbeddingTable
    class_labels: tuple[str, ...]
    class_tags: tuple[NDArray[np.int64], ...]
    spelling: SpellingIndex

    def known_tags(self, tags: tuple[str, ...]) -> NDArray[np.int64]:
        """Return the rows of the hashtags that are in the vocabulary, in order."""
        return np.array([self.tag_row[tag] for tag in tags if tag in self.tag_row], dtype=np.int64)


def open_knowledge(folder: Path, topics: tuple[str, ...], class_names: tuple[str, ...]) -> Knowledge:
    """Return what lies in ``folder``: ``counts``, ``habits``, ``tables`` and ``topic_head.npy``.

    Args:
        folder: a bundle, or the result of the stage that learns embeddings.
        topics: of the classifier that the tables were made for.
        class_names: its ImageNet classes, synonyms separated by commas.

    Raises:
        BundleCorrupt: a file is missing, broken or does not fit the others.
        BundleMismatch: one was written by another format version.
    """
    counts = open_post_counts(folder / "counts")
    base = open_table(folder / "tables" / "global")
    tables = [open_overlay(base, folder / "tables" / f"topic-{topic}").delta for topic in topics]
    word2vec = open_table(folder / "tables" / "word2vec")
    meaning = open_table(folder / "tables" / "meaning")
    _check_fit(folder, counts, topics, (base, word2vec, meaning), len(counts.tags) + len(class_names))
    meanings = unit_rows(meaning.take_input(np.arange(len(counts.tags) + len(class_names))))
    tag_row = {tag: row for row, tag in enumerate(counts.tags)}
    terms = tuple(class_terms(number, name) for number, name in enumerate(class_names))
    context = ContextEmbedding(base)
    return Knowledge(
        tags=counts.tags,
        tag_row=tag_row,
        topics=topics,
        counts=counts,
        habits=open_habits(folder / "habits", len(counts.tags)),
        context=context,
        topic_tables=tuple(
            TopicOutputs(
                table.output_rows,
                table.outputs.dense(),
                context.bias[table.output_rows] if table.output_bias is None else np.array(table.output_bias),
            )
            for table in tables
        ),
        topic_head=open_array(folder / "topic_head.npy", (base.dimensions + 1, len(topics) + 1), ("float32",)),
        word2vec=word2vec,
        nearest=NearestWords(word2vec),
        tag_meanings=meanings[: len(counts.tags)],
        class_meanings=meanings[len(counts.tags) :],
        meaning=meaning,
        class_labels=tuple(map(class_label, class_names)),
        class_tags=tuple(_tags_of(names, counts, tag_row) for names in terms),
        spelling=SpellingIndex(counts.tags),
    )


def _check_fit(
    folder: Path, counts: Counts, topics: tuple[str, ...], tables: tuple[EmbeddingTable, ...], n_meanings: int
) -> None:
    """Refuse parts that were made for another vocabulary, other topics or other classes.

    Raises:
        BundleCorrupt: they do not fit together.
    """
    n_tags = len(counts.tags)
    fits = counts.topics == topics and all(table.words[:n_tags] == counts.tags for table in tables)
    if not fits or any(table.n_outputs != n_tags for table in tables) or len(tables[-1].words) < n_meanings:
        raise BundleCorrupt(f"the counts and tables in {folder} were not made together; restore them or train again")


def _tags_of(terms: tuple[str, ...], counts: Counts, tag_row: Mapping[str, int]) -> NDArray[np.int64]:
    """Return the rows of the hashtags that spell a term or its plural, without the form that people seldom use."""
    rows: dict[int, None] = {}
    for term in terms:
        joined = term.replace(" ", "")
        forms = [tag_row[form] for form in (joined, f"{joined}s") if form in tag_row]
        uses = counts.whole.tag_posts[forms]
        rows |= dict.fromkeys(row for row, n in zip(forms, uses, strict=True) if n >= SELDOM_FORM * uses.max())
    return np.array(list(rows), dtype=np.int64)
