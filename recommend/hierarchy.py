"""The flagship: topics first, then candidates, signals, ranker, diversity and explanation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.errors import NothingToGoOn
from core.query import Query
from core.suggestions import Answer, Parts, Suggestion
from recommend.catalogue.lookups import Catalogue
from recommend.catalogue.tiers import TIERS
from recommend.confidence import Confidence
from recommend.diversity import apply_mix, number_forms, rerank, with_pins
from recommend.explain import WORKSPACE_REASON, Evidence, reasons
from recommend.knowledge.class_words import shown_name
from recommend.knowledge.opening import Knowledge
from recommend.language import TagLanguages, caption_language
from recommend.notices import ABSTAINED, left_aside, too_few
from recommend.own_tags import UNKNOWN, own_tags
from recommend.published import published_scores
from recommend.ranker import EACH_INPUT_MORE, Ranker, text_kind
from recommend.safety import Blocked, allowed_mask
from recommend.scored import Scored
from recommend.signals.candidates import best_rows, text_candidates
from recommend.signals.pictures import ImageSignalMaker, ImageSignals
from recommend.signals.text import SignalMaker, TextSignals

Floats = NDArray[np.float32]

IMAGE_CANDIDATES = 100
HEAD = 3
"""Diversity looks at this many times the suggestions wanted, and at no fewer than ``LEAST_HEAD``."""
LEAST_HEAD = 40
SHOWN_CLASSES = 5
GUESSED_LANGUAGE = 0.3
"""Share of the penalty for another language than the caption seems to be in: captions in other languages carry English
hashtags as often as English ones do."""


class HierarchicalRecommender:
    """Answers queries from one bundle. Safe to share between threads; a batch answers as each query alone would."""

    def __init__(
        self,
        knowledge: Knowledge,
        ranker: Ranker,
        catalogue: Catalogue,
        languages: TagLanguages,
        confidence: Confidence,
        blocked: Blocked,
    ) -> None:
        """Answer from these parts; what is ``blocked`` is never suggested."""
        self._knowledge = knowledge
        self._ranker = ranker
        self._catalogue = catalogue
        self._languages = languages
        self._confidence = confidence
        self._blocked = blocked
        self._allowed = allowed_mask(knowledge.tags, blocked)
        self._text = SignalMaker(knowledge)
        self._image = ImageSignalMaker(knowledge, catalogue)
        self._forms = number_forms(knowledge.tags)

    def recommend(self, queries: Sequence[Query]) -> list[Answer]:
        """Return one answer a query, in order.

        Raises:
            NothingToGoOn: a query has no picture, no word and no seed.
            InvalidOption: a query names an unknown topic, or its options contradict each other.
        """
        return [self._answer(query) for query in queries]

    def rank(self, queries: Sequence[Query], k: int) -> list[list[str]]:
        """Return the k best hashtags of each query by score alone, as evaluation compares methods."""
        ranked = []
        for query in queries:
            _, _, scored = self._scored(query)
            order = np.argsort(-scored.scores, kind="stable")[:k]
            ranked.append(scored.own.among(scored.named(self._knowledge.tags, order))[:k])
        return ranked

    def _answer(self, query: Query) -> Answer:
        options, knowledge = query.options, self._knowledge
        text, image, scored = self._scored(query)
        order = np.argsort(-scored.scores, kind="stable")
        level, abstain = self._confidence.judge(query, text)
        if abstain:
            scored = self._general(query)
            order = np.argsort(-scored.scores, kind="stable")
        head, rest = np.split(order, [max(LEAST_HEAD, HEAD * options.limit)])
        rows = scored.rows[head]
        diverse = rerank(scored.scores[head], self._unit_outputs(rows), self._forms[rows], options.diversity, len(head))
        picked = np.concatenate([head[diverse], rest])
        ranked = scored.named(knowledge.tags, picked)
        place_of = {tag: place for (tag, _), place in zip(ranked, picked.tolist(), strict=True)}
        tags = with_pins(scored.own.among(ranked), options.pin, options.exclude)
        tiers = [TIERS.index(UNKNOWN.tier) if tag in scored.own.leanings else self._tier(tag) for tag in tags]
        chosen, notices = apply_mix(tiers, options.mix, options.limit, len(dict.fromkeys(options.pin)))
        final = [tags[place] for place in chosen]
        parts = self._parts(query, text, image, scored, [place_of[tag] for tag in final if tag in place_of])
        evidence = Evidence(query, text, image, self._weighted(query, image))
        suggestions = [self._suggestion(tag, scored, place_of, parts, evidence) for tag in final]
        trends = self._catalogue.fresh_trends()
        if trends is not None:
            suggestions = [replace(one, trend=trends.trend(one.hashtag)) for one in suggestions]
        if abstain:
            notices = (*notices, ABSTAINED)
        notices = (*notices, *left_aside(query), *too_few(len(suggestions), options))
        return Answer(
            suggestions=tuple(suggestions),
            topics=self._topics(text, options.routing),
            classes=self._classes(query),
            level=level,
            abstain=abstain,
            warnings=notices,
            trends=None if trends is None else trends.source,
        )

    def _scored(self, query: Query) -> tuple[TextSignals, ImageSignals | None, Scored]:
        """Return the signals of a query and all its candidates scored, without seeds and what must not be suggested."""
        if not query.words and not query.seeds and query.image is None:
            raise NothingToGoOn("there is no picture, no caption word and no seed to go on; give at least one of them")
        text = self._text.signals(query)
        image = None
        if query.image is not None:
            image = self._image.signals(query.image, text.mixture, text, query.options.routing)
        kind = text_kind(len(query.words), len(query.seeds))
        if query.options.scorer != "learned" and kind is not None:
            rows, parts = published_scores(self._knowledge, query, text)
            kept = self._permitted(query, rows)
            scores = parts[kept].sum(axis=1).astype(np.float32)
            table = np.zeros((0, 0), np.float32)
            return text, image, Scored(rows[kept], scores, parts[kept], table, np.zeros_like(scores))
        candidates = text_candidates(text) if kind else set()
        if image is not None:
            alone = self._ranker.prior_scores(self._catalogue.log_prior) + self._ranker.image_scores(None, image.dense)
            candidates.update(best_rows(alone, IMAGE_CANDIDATES))
            candidates.update(image.named_by)
        # A pin is shown whatever is known of it, so it is scored beside the others where it is known at all.
        candidates.update(self._knowledge.known_tags(query.options.pin).tolist())
        candidates.update(self._liked(query).tolist())
        rows = np.array(sorted(candidates), dtype=np.int64)
        rows = rows[self._permitted(query, rows)]
        return text, image, self._learned(query, text, image, rows)

    def _learned(self, query: Query, text: TextSignals, image: ImageSignals | None, rows: NDArray[np.int64]) -> Scored:
        """Return ``rows`` scored by the learnt ranker."""
        kind = text_kind(len(query.words), len(query.seeds))
        table = self._text.table(text, rows) if kind else np.zeros((0, 0), np.float32)
        if kind:
            scores = self._ranker.text_scores(kind, table)
        else:
            scores = self._ranker.prior_scores(self._catalogue.log_prior[rows])
        if image is not None:
            scores = scores + self._ranker.image_scores(kind, image.dense[:, rows])
        scores = scores + self._language_penalty(query)[rows]
        return self._leaned(query, rows, scores, None, table)

    def _general(self, query: Query) -> Scored:
        """Return the safe general list: what is used most with and without captions, and belongs to no topic."""
        scores = self._text.general_prior
        used_most = np.argsort(-scores, kind="stable")[: 4 * max(LEAST_HEAD, query.options.limit)]
        topicless = [row for row in used_most.tolist() if self._catalogue.topic_of(row) is None]
        known = np.concatenate([self._knowledge.known_tags(query.options.pin), self._liked(query)])
        rows = np.union1d(topicless, known).astype(np.int64)
        rows = rows[self._permitted(query, rows)]
        parts = np.zeros((len(rows), 4))
        parts[:, 3] = scores[rows]
        return self._leaned(query, rows, scores[rows], parts, np.zeros((0, 0), np.float32))

    def _liked(self, query: Query) -> NDArray[np.int64]:
        """Return the rows of what the workspace came to like: whatever else is said of them, they are looked at."""
        return self._knowledge.known_tags(tuple(tag for tag, value in query.workspace.items() if value > 0))

    def _leaned(
        self, query: Query, rows: NDArray[np.int64], scores: Floats, parts: NDArray[np.float64] | None, table: Floats
    ) -> Scored:
        """Return ``rows`` with what the workspace's feedback adds to their scores, and what it likes beside them."""
        tags = self._knowledge.tags
        leaning = np.array([query.workspace.get(tags[row], 0.0) for row in rows.tolist()], np.float32)
        own = own_tags(query, self._knowledge.tag_row, self._blocked, scores)
        n_inputs = bool(query.words) + bool(query.seeds) + (query.image is not None)
        return Scored(rows, scores + leaning, parts, table, leaning, own, EACH_INPUT_MORE * (n_inputs - 1))

    def _permitted(self, query: Query, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return (n,) bool: which of ``rows`` may be answered; seeds may where they are pinned."""
        options = query.options
        kept_back = {*query.seeds, *options.exclude}.difference(options.pin)
        given = {self._knowledge.tag_row.get(tag) for tag in kept_back}
        fresh = np.array([row not in given for row in rows.tolist()], dtype=bool)
        permitted: NDArray[np.bool_] = self._allowed[rows] & fresh
        return permitted

    def _parts(
        self,
        query: Query,
        text: TextSignals,
        image: ImageSignals | None,
        scored: Scored,
        places: Sequence[int],
    ) -> dict[int, Parts]:
        """Return place among the candidates -> parts that add up to the score, for the suggestions that are shown."""
        if not places:
            return {}
        at = np.array(places, dtype=np.int64)
        if scored.parts is not None:
            split = scored.parts[at]
        else:
            rows = scored.rows[at]
            kind = text_kind(len(query.words), len(query.seeds))
            if kind:
                split = self._ranker.text_parts(kind, scored.table[at])
            else:
                split = np.zeros((len(at), 4))
                split[:, 3] = self._ranker.prior_scores(self._catalogue.log_prior[rows])
            if image is not None:
                split[:, 0] += self._ranker.image_scores(kind, image.dense[:, rows])
            # The caption tells its language; without one the caller does, which is no input of the post.
            split[:, 1 if query.words and query.options.language is None else 3] += self._language_penalty(query)[rows]
        return {
            place: Parts(*map(float, (*one, scored.workspace[place])))  # as PART_NAMES, then the workspace's
            for place, one in zip(places, split, strict=True)
        }

    def _suggestion(
        self, tag: str, scored: Scored, place_of: dict[str, int], parts: dict[int, Parts], evidence: Evidence
    ) -> Suggestion:
        row, place, options = self._knowledge.tag_row.get(tag), place_of.get(tag), evidence.query.options
        because: tuple[str, ...] = ("pinned",) if options.explain and tag in options.pin else ()
        if tag in scored.own.leanings:
            why = (*because, WORKSPACE_REASON) if options.explain else ()
            return scored.own.suggestion(tag, self._catalogue.show(tag), why, scored.zero)
        if row is None or place is None:
            # A pin that is not in the vocabulary, or that the scorer cannot answer.
            popularity = UNKNOWN if row is None else self._catalogue.popularity(row)
            return Suggestion(tag, self._catalogue.show(tag), 0.0, None, Parts(), because, popularity)
        popularity, split = self._catalogue.popularity(row), parts[place]
        if options.explain:
            because = (*because, *reasons(self._knowledge, evidence, row, split, popularity.posts))
        return Suggestion(
            hashtag=tag,
            display=self._catalogue.display(row),
            score=float(scored.scores[place]) + scored.zero,
            topic=self._catalogue.topic_of(row),
            parts=replace(split, popularity=split.popularity + scored.zero),
            because=because,
            popularity=popularity,
        )

    def _weighted(self, query: Query, image: ImageSignals | None) -> Floats | None:
        if image is None:
            return None
        kind = text_kind(len(query.words), len(query.seeds))
        return self._ranker.weighted_image(kind, image.dense)

    def _language_penalty(self, query: Query) -> Floats:
        if query.options.language is not None:
            return self._languages.penalty(query.options.language)
        return np.float32(GUESSED_LANGUAGE) * self._languages.penalty(caption_language(query.words))

    def _unit_outputs(self, rows: NDArray[np.int64]) -> Floats:
        outputs = self._knowledge.context.outputs[rows]
        unit: Floats = outputs / np.maximum(np.linalg.norm(outputs, axis=1, keepdims=True), 1e-9)
        return unit

    def _tier(self, tag: str) -> int:
        row = self._knowledge.tag_row.get(tag)
        return -1 if row is None else int(self._catalogue.tier_of[row])

    def _topics(self, text: TextSignals, routing: str) -> tuple[tuple[str, float], ...]:
        if routing == "global":
            return ()
        shares = text.mixture.topics
        order = np.argsort(-shares, kind="stable")
        return tuple((self._knowledge.topics[topic], float(shares[topic])) for topic in order)

    def _classes(self, query: Query) -> tuple[tuple[str, float], ...]:
        if query.image is None:
            return ()
        found = zip(query.image.class_ids[:SHOWN_CLASSES], query.image.class_probabilities, strict=False)
        return tuple((shown_name(self._knowledge.class_names[number]), float(p)) for number, p in found)
