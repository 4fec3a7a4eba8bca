"""The flagship: read and score the candidates, choose the list, explain each of its hashtags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.query import Query
from core.suggestions import Answer, Notice, Parts, Suggestion
from recommend.catalogue.lookups import Catalogue
from recommend.catalogue.tiers import TIERS
from recommend.confidence import Confidence
from recommend.diversity import NO_TIER, apply_mix, number_forms, rerank, with_pins
from recommend.explain import ABSTAINED, WORKSPACE_REASON, left_aside, reasons, too_few
from recommend.knowledge.opening import Knowledge
from recommend.scoring import Evidence, Scored, Scoring
from recommend.workspace import UNKNOWN

HEAD = 3
"""Diversity looks at this many times the suggestions wanted, and at no fewer than ``LEAST_HEAD``."""
LEAST_HEAD = 40
SHOWN_CLASSES = 5


class HierarchicalRecommender:
    """Answers queries from one bundle. Safe to share between threads; a batch answers as each query alone would.

    Args:
        knowledge: of the bundle.
        scoring: finds and scores candidates.
        catalogue: popularity, topic, trend and written form of hashtags.
        confidence: how far an answer can be trusted.
    """

    def __init__(self, knowledge: Knowledge, scoring: Scoring, catalogue: Catalogue, confidence: Confidence) -> None:
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
            best = np.argsort(-scored.scores, kind="stable")[:k]
            tags = [self._knowledge.tags[row] for row in scored.rows[best].tolist()]
            ranked.append(scored.own.among(tags, scored.scores[best])[:k])
        return ranked

    def _answer(self, query: Query) -> Answer:
        evidence = self._scoring.read(query)
        level, abstain = self._confidence.judge(query, evidence.text)
        if abstain:
            scored = self._scoring.general(query, max(LEAST_HEAD, query.options.limit))
        else:
            scored = self._scoring.score(evidence)
        topics, classes = self._topics(evidence), self._classes(query)
        tags, notices = self._choose(query, scored)
        suggestions = self._explain(evidence, scored, tags)
        if abstain:
            notices = (*notices, ABSTAINED)
        notices = (*notices, *left_aside(query), *too_few(len(suggestions), query.options))
        trends = self._catalogue.trends.fresh()
        if trends is not None:
            suggestions = [replace(found, trend=trends.trend(found.hashtag)) for found in suggestions]
        return Answer(
            suggestions=tuple(suggestions),
            topics=topics,
            classes=classes,
            level=level,
            abstain=abstain,
            warnings=notices,
            trends=None if trends is None else trends.source,
        )

    def _choose(self, query: Query, scored: Scored) -> tuple[list[str], tuple[Notice, ...]]:
        """Return the hashtags to suggest, in order, and what could not be done as asked."""
        knowledge, options, own = self._knowledge, query.options, scored.own
        head, rest = np.split(np.argsort(-scored.scores, kind="stable"), [max(LEAST_HEAD, HEAD * options.limit)])
        rows = scored.rows[head]
        outputs = knowledge.context.outputs[rows]
        unit = outputs / np.maximum(np.linalg.norm(outputs, axis=1, keepdims=True), 1e-9)
        diverse = rerank(scored.scores[head], unit, self._forms[rows], options.diversity, len(head))
        order = np.concatenate([head[diverse], rest])
        known = [knowledge.tags[row] for row in scored.rows[order].tolist()]
        tags = with_pins(own.among(known, scored.scores[order]), options.pin, options.exclude)
        tier_of = {tag: TIERS.index(UNKNOWN.tier) for tag in own.leanings}
        for tag in tags:
            row = knowledge.tag_row.get(tag, -1)
            tier_of.setdefault(tag, NO_TIER if row < 0 else int(self._catalogue.tier_of[row]))
        n_pinned = len(dict.fromkeys(options.pin))
        chosen, notices = apply_mix([tier_of[tag] for tag in tags], options.mix, options.limit, n_pinned)
        return [tags[index] for index in chosen], notices

    def _explain(self, evidence: Evidence, scored: Scored, tags: Sequence[str]) -> list[Suggestion]:
        """Return the hashtags with their scores, what each input brought, and why they are suggested."""
        index_of = {self._knowledge.tags[row]: index for index, row in enumerate(scored.rows.tolist())}
        indices = [index_of[tag] for tag in tags if tag in index_of]
        parts = dict(zip(indices, self._scoring.parts(evidence, scored, indices), strict=True))
        options, suggestions = evidence.query.options, []
        for tag in tags:
            because: tuple[str, ...] = ()
            if tag in scored.own.leanings:
                suggestion, because = self._own(scored, tag), (WORKSPACE_REASON,)
            elif tag in index_of:
                index = index_of[tag]
                suggestion = self._known(scored, index, parts[index])
                if options.explain:
                    row, n_posts = int(scored.rows[index]), suggestion.popularity.posts
                    because = reasons(self._knowledge, evidence, row, parts[index], n_posts)
            else:
                suggestion = self._bare(tag)
            if options.explain:
                pinned = ("pinned",) if tag in options.pin else ()
                suggestion = replace(suggestion, because=(*pinned, *because))
            suggestions.append(suggestion)
        return suggestions

    def _known(self, scored: Scored, index: int, parts: Parts) -> Suggestion:
        """Return a candidate as it is answered, without reasons."""
        row = int(scored.rows[index])
        tag, popularity = self._knowledge.tags[row], self._catalogue.popularity(row)
        return Suggestion(
            hashtag=tag,
            display=self._catalogue.display(tag),
            score=float(scored.scores[index]) + scored.zero,
            topic=self._catalogue.topic_of(row),
            parts=replace(parts, popularity=parts.popularity + scored.zero),
            because=(),
            popularity=popularity,
        )

    def _own(self, scored: Scored, tag: str) -> Suggestion:
        """Return a hashtag of the workspace's own without reasons; its score gains the zero of all others."""
        base, leaning = scored.own.base + scored.zero, scored.own.leanings[tag]
        return Suggestion(
            hashtag=tag,
            display=self._catalogue.display(tag),
            score=base + leaning,
            topic=None,
            parts=Parts(popularity=base, workspace=leaning),
            because=(),
            popularity=UNKNOWN,
        )

    def _bare(self, tag: str) -> Suggestion:
        """Return a pin that is not in the vocabulary, or that the scorer cannot answer, without reasons."""
        row = self._knowledge.tag_row.get(tag)
        popularity = UNKNOWN if row is None else self._catalogue.popularity(row)
        return Suggestion(tag, self._catalogue.display(tag), 0.0, None, Parts(), (), popularity)

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
        return tuple((self._knowledge.class_labels[number], float(p)) for number, p in found)
