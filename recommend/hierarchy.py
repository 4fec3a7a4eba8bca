"""The flagship: read and score the candidates, choose the list, explain each of its hashtags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.query import Query
from core.suggestions import Answer, Notice, Parts, Suggestion
from recommend.catalogue.lookups import Catalogue
from recommend.catalogue.tiers import TIERS
from recommend.confidence import Confidence
from recommend.diversity import apply_mix, number_forms, rerank, with_pins
from recommend.explain import ABSTAINED, WORKSPACE_REASON, left_aside, reasons, too_few
from recommend.knowledge.class_words import shown_name
from recommend.knowledge.opening import Knowledge
from recommend.scoring import Evidence, Scored, Scoring
from recommend.workspace import UNKNOWN

HEAD = 3
"""Diversity looks at this many times the suggestions wanted, and at no fewer than ``LEAST_HEAD``."""
LEAST_HEAD = 40
SHOWN_CLASSES = 5


class HierarchicalRecommender:
    """Answers queries from one bundle. Safe to share between threads; a batch answers as each query alone would."""

    def __init__(self, knowledge: Knowledge, scoring: Scoring, catalogue: Catalogue, confidence: Confidence) -> None:
        """Answer from these parts."""
        self._knowledge = knowledge
        self._scoring = scoring
        self._catalogue = catalogue
        self._confidence = confidence
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
            scored = self._scoring.score(self._scoring.read(query))
            ranked.append(self._with_own(scored, scored.by_score()[:k])[:k])
        return ranked

    def _answer(self, query: Query) -> Answer:
        evidence = self._scoring.read(query)
        level, abstain = self._confidence.judge(query, evidence.text)
        if abstain:
            scored = self._scoring.general(query, max(LEAST_HEAD, query.options.limit))
        else:
            scored = self._scoring.score(evidence)
        tags, notices = self._choose(query, scored)
        suggestions = self._explain(evidence, scored, tags)
        trends = self._catalogue.fresh_trends()
        if trends is not None:
            suggestions = [replace(found, trend=trends.trend(found.hashtag)) for found in suggestions]
        if abstain:
            notices = (*notices, ABSTAINED)
        return Answer(
            suggestions=tuple(suggestions),
            topics=self._topics(evidence),
            classes=self._classes(query),
            level=level,
            abstain=abstain,
            warnings=(*notices, *left_aside(query), *too_few(len(suggestions), query.options)),
            trends=None if trends is None else trends.source,
        )

    def _choose(self, query: Query, scored: Scored) -> tuple[list[str], tuple[Notice, ...]]:
        """Return the hashtags to suggest, in order, and what could not be done as asked."""
        options = query.options
        head, rest = np.split(scored.by_score(), [max(LEAST_HEAD, HEAD * options.limit)])
        rows = scored.rows[head]
        diverse = rerank(scored.scores[head], self._unit_outputs(rows), self._forms[rows], options.diversity, len(head))
        ranked = self._with_own(scored, np.concatenate([head[diverse], rest]))
        tags = with_pins(ranked, options.pin, options.exclude)
        tiers = [TIERS.index(UNKNOWN.tier) if tag in scored.own.leanings else self._tier(tag) for tag in tags]
        chosen, notices = apply_mix(tiers, options.mix, options.limit, len(dict.fromkeys(options.pin)))
        return [tags[index] for index in chosen], notices

    def _explain(self, evidence: Evidence, scored: Scored, tags: Sequence[str]) -> list[Suggestion]:
        """Return the hashtags with their scores, what each input brought, and why they are suggested."""
        index_of = {self._knowledge.tags[row]: index for index, row in enumerate(scored.rows.tolist())}
        indices = [index_of[tag] for tag in tags if tag in index_of]
        parts = dict(zip(indices, self._scoring.parts(evidence, scored, indices), strict=True))
        suggestions = []
        for tag in tags:
            if tag in scored.own.leanings:
                suggestions.append(self._own(evidence, scored, tag))
            elif tag in index_of:
                index = index_of[tag]
                suggestions.append(self._known(evidence, scored, index, parts[index]))
            else:
                suggestions.append(self._bare(evidence, tag))
        return suggestions

    def _known(self, evidence: Evidence, scored: Scored, index: int, parts: Parts) -> Suggestion:
        """Return a candidate as it is answered."""
        row = int(scored.rows[index])
        tag, popularity = self._knowledge.tags[row], self._catalogue.popularity(row)
        because = _pinned(evidence.query, tag)
        if evidence.query.options.explain:
            because = (*because, *reasons(self._knowledge, evidence, row, parts, popularity.posts))
        return Suggestion(
            hashtag=tag,
            display=self._catalogue.display(tag),
            score=float(scored.scores[index]) + scored.zero,
            topic=self._catalogue.topic_of(row),
            parts=replace(parts, popularity=parts.popularity + scored.zero),
            because=because,
            popularity=popularity,
        )

    def _own(self, evidence: Evidence, scored: Scored, tag: str) -> Suggestion:
        """Return a hashtag of the workspace's own as it is answered; its score gains the zero of all others."""
        base, leaning = scored.own.base + scored.zero, scored.own.leanings[tag]
        because = (*_pinned(evidence.query, tag), WORKSPACE_REASON) if evidence.query.options.explain else ()
        return Suggestion(
            hashtag=tag,
            display=self._catalogue.display(tag),
            score=base + leaning,
            topic=None,
            parts=Parts(popularity=base, workspace=leaning),
            because=because,
            popularity=UNKNOWN,
        )

    def _bare(self, evidence: Evidence, tag: str) -> Suggestion:
        """Return a pin that is not in the vocabulary, or that the scorer cannot answer."""
        row = self._knowledge.tag_row.get(tag)
        popularity = UNKNOWN if row is None else self._catalogue.popularity(row)
        because = _pinned(evidence.query, tag)
        return Suggestion(tag, self._catalogue.display(tag), 0.0, None, Parts(), because, popularity)

    def _with_own(self, scored: Scored, indices: NDArray[np.int64]) -> list[str]:
        """Return the hashtags of the candidates at ``indices``, and the workspace's own where their scores put them."""
        tags = [self._knowledge.tags[row] for row in scored.rows[indices].tolist()]
        return scored.own.among(tags, scored.scores[indices])

    def _unit_outputs(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        outputs = self._knowledge.context.outputs[rows]
        unit: NDArray[np.float32] = outputs / np.maximum(np.linalg.norm(outputs, axis=1, keepdims=True), 1e-9)
        return unit

    def _tier(self, tag: str) -> int:
        row = self._knowledge.tag_row.get(tag)
        return -1 if row is None else int(self._catalogue.tier_of[row])

    def _topics(self, evidence: Evidence) -> tuple[tuple[str, float], ...]:
        if evidence.query.options.routing == "global":
            return ()
        shares = evidence.text.mixture.topics
        order = np.argsort(-shares, kind="stable")
        return tuple((self._knowledge.topics[topic], float(shares[topic])) for topic in order)

    def _classes(self, query: Query) -> tuple[tuple[str, float], ...]:
        if query.image is None:
            return ()
        found = zip(query.image.class_ids[:SHOWN_CLASSES], query.image.class_probabilities, strict=False)
        return tuple((shown_name(self._knowledge.class_names[number]), float(p)) for number, p in found)


def _pinned(query: Query, tag: str) -> tuple[str, ...]:
    return ("pinned",) if query.options.explain and tag in query.options.pin else ()
