"""From a query to scored candidates: which hashtags are looked at, what each scores, and what each input brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import NothingToGoOn
from core.query import Query
from core.suggestions import Parts
from embeddings.tokens import word_token
from recommend.catalogue.lookups import Catalogue
from recommend.knowledge.opening import Knowledge
from recommend.language import TagLanguages, caption_language
from recommend.ranker import EACH_INPUT_MORE, Part, Ranker, text_kind
from recommend.safety import Blocked, allowed_mask, withheld
from recommend.signals.base import TextSignals, best_rows
from recommend.signals.pictures import ImageSignalMaker, ImageSignals
from recommend.signals.text import SignalMaker
from recommend.workspace import NO_OWN_TAGS, OwnTags, own_tags

Floats = NDArray[np.float32]

IMAGE_CANDIDATES = 100
GENERAL_CANDIDATES = 4
"""The general list is drawn from this many times the hashtags that are shown."""
GUESSED_LANGUAGE = 0.3
"""Share of the penalty for another language than the caption seems to be in: captions in other languages carry English
hashtags as often as English ones do."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one answer is computed from.

    Attributes:
        query: what was asked.
        text: its text signals.
        image: the picture's signals, or None without a picture.
        image_weighted: (len(IMAGE_SIGNALS), n_tags) the picture's signals times their weights, or None.
    """

    query: Query
    text: TextSignals
    image: ImageSignals | None
    image_weighted: Floats | None

    @property
    def kind(self) -> str | None:
        """Which trees rank the query; None where there is no text."""
        return text_kind(len(self.query.words), len(self.query.seeds))


@dataclass(frozen=True, slots=True)
class Scored:
    """Candidates of one query with their scores.

    Attributes:
        rows: (n,) hashtags, rising.
        scores: (n,) float32, finite.
        leanings: (n,) float32 what the workspace's feedback brought, part of the scores but not of ``parts``.
        own: what the workspace likes beside them.
        zero: what is added to every score when it is answered, for the number of inputs; it counts to popularity.
        parts: (n, len(Part)) float64 that add up to the scores without ``leanings``, or None where the learnt ranker
            splits the scores of those that are shown.
        table: (n, n_columns) the trees' input, empty without a text; for the learnt ranker.
        penalties: (n,) what the hashtags' languages brought; for the learnt ranker.
    """

    rows: NDArray[np.int64]
    scores: Floats
    leanings: Floats
    own: OwnTags = NO_OWN_TAGS
    zero: float = 0.0
    parts: NDArray[np.float64] | None = None
    table: Floats | None = None
    penalties: Floats | None = None


class Scoring:
    """Finds and scores the candidates of a query. Safe to share between threads.

    Args:
        knowledge: of the bundle.
        ranker: the learnt one.
        catalogue: popularity and topics of hashtags.
        text: what caption and seeds say.
        pictures: what pictures say.
        languages: of the hashtags.
        blocked: hashtag in normal form to the category that it is never suggested for, or None.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        ranker: Ranker,
        catalogue: Catalogue,
        text: SignalMaker,
        pictures: ImageSignalMaker,
        languages: TagLanguages,
        blocked: Blocked,
    ) -> None:
        self._knowledge = knowledge
        self._ranker = ranker
        self._catalogue = catalogue
        self._languages = languages
        self._blocked = blocked
        self._allowed = allowed_mask(knowledge.tags, blocked)
        self._text = text
        self._pictures = pictures

    def read(self, query: Query) -> Evidence:
        """Return the signals of a query.

        Raises:
            NothingToGoOn: it has no picture, no word and no seed.
            InvalidOption: it names an unknown topic.
        """
        if not query.words and not query.seeds and query.image is None:
            raise NothingToGoOn("there is no picture, no caption word and no seed to go on; give at least one of them")
        text = self._text.signals(query)
        if query.image is None:
            return Evidence(query, text, None, None)
        image = self._pictures.signals(query.image, text.mixture, text, query.options.routing)
        kind = text_kind(len(query.words), len(query.seeds))
        return Evidence(query, text, image, self._ranker.weighted_image(kind, image.dense))

    def score(self, evidence: Evidence) -> Scored:
        """Return all candidates scored, without seeds and what must not be suggested."""
        query, text, image, kind = evidence.query, evidence.text, evidence.image, evidence.kind
        if query.options.scorer != "learned" and kind is not None:
            rows, parts = published_scores(self._knowledge, query, text)
            kept = self._permitted(query, rows)
            scores = parts[kept].sum(axis=1).astype(np.float32)
            return Scored(rows[kept], scores, np.zeros_like(scores), parts=parts[kept])
        candidates = text.candidates() if kind else set()
        if image is not None:
            alone = self._ranker.prior_scores(self._catalogue.log_prior) + self._ranker.image_scores(None, image.dense)
            candidates.update(best_rows(alone, IMAGE_CANDIDATES))
            candidates.update(image.named_by)
        # A pin is shown whatever is known of it, so it is scored beside the others where it is known at all.
        candidates.update(self._knowledge.known_tags(query.options.pin).tolist())
        candidates.update(self._liked(query).tolist())
        rows = np.array(sorted(candidates), dtype=np.int64)
        rows = rows[self._permitted(query, rows)]
        table = None
        if kind:
            table = self._text.table(text, rows, self._ranker.columns)
            scores = self._ranker.text_scores(kind, table)
        else:
            scores = self._ranker.prior_scores(self._catalogue.log_prior[rows])
        if image is not None:
            scores = scores + self._ranker.image_scores(kind, image.dense[:, rows])
        penalties = self._language_penalties(query)[rows]
        leanings, own, zero = self._leaned(query, rows, scores + penalties)
        return Scored(rows, scores + penalties + leanings, leanings, own, zero, table=table, penalties=penalties)

    def general(self, query: Query, n_shown: int) -> Scored:
        """Return the safe general list: what is used most with and without captions, and belongs to no topic."""
        prior = self._text.general_prior
        used_most = np.argsort(-prior, kind="stable")[: GENERAL_CANDIDATES * n_shown]
        topicless = [row for row in used_most.tolist() if self._catalogue.topic_of(row) is None]
        known = np.concatenate([self._knowledge.known_tags(query.options.pin), self._liked(query)])
        rows = np.union1d(topicless, known).astype(np.int64)
        rows = rows[self._permitted(query, rows)]
        parts = np.zeros((len(rows), len(Part)))
        parts[:, Part.POPULARITY] = prior[rows]
        leanings, own, zero = self._leaned(query, rows, prior[rows])
        return Scored(rows, prior[rows] + leanings, leanings, own, zero, parts=parts)

    def parts(self, evidence: Evidence, scored: Scored, indices: Sequence[int]) -> list[Parts]:
        """Return the parts, which add up to the score, of the candidates at ``indices``."""
        at = np.array(indices, dtype=np.int64)
        if not at.size:
            return []
        parts = self._learnt_parts(evidence, scored, at) if scored.parts is None else scored.parts[at]
        return [
            Parts(
                image=float(row[Part.IMAGE]),
                caption=float(row[Part.CAPTION]),
                seeds=float(row[Part.SEEDS]),
                popularity=float(row[Part.POPULARITY]),
                workspace=float(scored.leanings[index]),
            )
            for index, row in zip(indices, parts, strict=True)
        ]

    def _learnt_parts(self, evidence: Evidence, scored: Scored, at: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (len(at), len(Part)) what each input brought to the score of the learnt ranker."""
        assert scored.penalties is not None, "the learnt ranker's scores hold them"
        query, image, kind, rows = evidence.query, evidence.image, evidence.kind, scored.rows[at]
        if kind:
            assert scored.table is not None, "a text has a table"
            parts = self._ranker.text_parts(kind, scored.table[at])
        else:
            parts = np.zeros((len(at), len(Part)))
            parts[:, Part.POPULARITY] = self._ranker.prior_scores(self._catalogue.log_prior[rows])
        if image is not None:
            parts[:, Part.IMAGE] += self._ranker.image_scores(kind, image.dense[:, rows])
        # The language comes from the caption, or from the caller, whose word is no input of the post.
        comes_from = Part.CAPTION if query.words and query.options.language is None else Part.POPULARITY
        parts[:, comes_from] += scored.penalties[at]
        return parts

    def _leaned(self, query: Query, rows: NDArray[np.int64], scores: Floats) -> tuple[Floats, OwnTags, float]:
        """Return what feedback adds to ``scores`` of ``rows``, what the workspace likes beside them, and their zero."""
        tags = self._knowledge.tags
        leanings = np.array([query.workspace.get(tags[row], 0.0) for row in rows.tolist()], np.float32)
        own = own_tags(query, self._knowledge.tag_row, self._blocked, scores)
        n_inputs = bool(query.words) + bool(query.seeds) + (query.image is not None)
        return leanings, own, EACH_INPUT_MORE * (n_inputs - 1)

    def _liked(self, query: Query) -> NDArray[np.int64]:
        """Return the rows of what the workspace came to like: whatever else is said of them, they are looked at."""
        return self._knowledge.known_tags(tuple(tag for tag, value in query.workspace.items() if value > 0))

    def _permitted(self, query: Query, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return (n,) bool: which of ``rows`` may be answered; seeds may where they are pinned."""
        given = {self._knowledge.tag_row.get(tag) for tag in withheld(query)}
        fresh = np.array([row not in given for row in rows.tolist()], dtype=bool)
        permitted: NDArray[np.bool_] = self._allowed[rows] & fresh
        return permitted

    def _language_penalties(self, query: Query) -> Floats:
        """Return (n_tags,) what hashtags of other languages lose, 0 or below."""
        if query.options.language is not None:
            return self._languages.penalty(query.options.language)
        return np.float32(GUESSED_LANGUAGE) * self._languages.penalty(caption_language(query.words))


def published_scores(
    knowledge: Knowledge, query: Query, text: TextSignals
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the hashtags that can be answered and, (n, len(Part)), what each input brings to the score of each.

    ``cosine`` is the cosine to the mean of the input vectors of caption words and seeds; ``in_out`` sums each one's
    softmax. Both are sums over the tokens of one Word2Vec table, so their parts are exact. With routing ``hard`` only
    hashtags that posts of the best topic use are answered; the picture does no more than name that topic.
    """
    table, nearest = knowledge.word2vec, knowledge.nearest
    words = table.ids(map(word_token, dict.fromkeys(query.words)))
    seeds = table.ids(query.seeds)
    n_tags = len(knowledge.tags)
    rows = np.arange(n_tags)
    if query.options.routing == "hard":
        best = knowledge.counts.by_topic[int(text.mixture.topics.argmax())]
        used = np.flatnonzero(best.tag_posts)
        rows = used if len(used) else rows
    parts = np.zeros((n_tags, len(Part)))
    if query.options.scorer == "in_out":
        parts[:, Part.CAPTION], parts[:, Part.SEEDS] = nearest.in_out([words, seeds])
    elif len(words) + len(seeds):
        by_words, by_seeds = (table.take_input(ids).sum(axis=0) for ids in (words, seeds))
        length = max(float(np.linalg.norm(by_words + by_seeds)), 1e-9)
        parts[:, Part.CAPTION] = nearest.unit_inputs @ (by_words / length)
        parts[:, Part.SEEDS] = nearest.unit_inputs @ (by_seeds / length)
    return rows, parts[rows]
