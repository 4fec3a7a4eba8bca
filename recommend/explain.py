"""Says in words why a hashtag is suggested, and what an answer leaves aside or cannot give.

Reasons are taken from the evidence that the score was computed from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.query import Options, Query
from core.suggestions import Notice, Parts
from core.text.caption import STOP_WORDS
from embeddings.cooccurrence import SEED_SMOOTHING, PostCounts
from embeddings.sparse import CountMatrix
from recommend.knowledge.opening import Knowledge
from recommend.ranker import text_kind
from recommend.scoring import Evidence
from recommend.signals.pictures import IMAGE_SIGNALS, Meaning, Named, PictureContext, UsedWith
from recommend.signals.text import SeedSpelling, WordSpelling

WORKSPACE_REASON = "accepted or added here before"
MIN_SHARE = 0.02
"""A word or seed is a reason for a hashtag when at least this share of its posts carry it."""
MIN_SPELLING = 0.5
MIN_PART = 0.05
"""A part below this share of the largest is not worth a sentence."""
ABSTAINED = Notice("abstained", "nothing in this post is known well enough; the list is a general one")


def reasons(knowledge: Knowledge, evidence: Evidence, row: int, parts: Parts, n_posts: int) -> tuple[str, ...]:
    """Return why the hashtag in ``row`` is suggested, the weightiest reason first.

    Args:
        knowledge: of the bundle.
        evidence: of the answer.
        row: the hashtag.
        parts: of its score; only inputs with a positive part are cited.
        n_posts: training posts that carry it.
    """
    makers = {
        "image": _image_reason,
        "caption": _caption_reason,
        "seeds": _seed_reason,
        "workspace": _workspace_reason,
    }
    weights = {name: getattr(parts, name) for name in makers}
    largest = max(weights.values())
    cited = sorted((name for name in makers if weights[name] > MIN_PART * largest > 0), key=lambda name: -weights[name])
    found = [makers[name](knowledge, evidence, row) for name in cited]
    if not found or parts.popularity > largest:
        found.append(f"popular in general ({n_posts} posts)")
    return tuple(found)


def _image_reason(knowledge: Knowledge, evidence: Evidence, row: int) -> str:
    image, weighted = evidence.image, evidence.image_weighted
    assert image is not None, "only a picture gives a picture's part"
    assert weighted is not None
    best = IMAGE_SIGNALS[int(weighted[:, row].argmax())]
    if best == PictureContext.name and evidence.query.options.routing == "global":
        # The context of a picture is that of its topics and its classes; without topics the classes are left.
        best = UsedWith.name
    named_by = image.named_by.get(row)
    if named_by is not None and best in (Named.name, UsedWith.name, Meaning.name, PictureContext.name):
        return f"the picture looks like {_class_phrase(knowledge, image.classes[named_by][0])}"
    if best == UsedWith.name and image.classes:
        used_with, _ = max(image.classes, key=lambda seen: seen[1] * _use_with_class(knowledge, seen[0], row))
        return f"often used with what the picture shows: {knowledge.class_labels[used_with]}"
    if best == Meaning.name and evidence.query.image is not None:
        seen = evidence.query.image
        near = seen.class_probabilities * (knowledge.class_meanings[seen.class_ids] @ knowledge.tag_meanings[row])
        return f"close in meaning to {knowledge.class_labels[int(seen.class_ids[near.argmax()])]}"
    topics = evidence.text.mixture.topics
    top = int(topics.argmax())
    verb = "the topic was given" if evidence.text.mixture.origin == "given" else "the picture's topic is"
    return f"{verb} {knowledge.topics[top]} ({topics[top]:.0%})"


def _use_with_class(knowledge: Knowledge, number: int, row: int) -> float:
    """Return the mean share, 0 to 1, of the posts of a class's hashtags that carry the hashtag in ``row``."""
    whole, rows = knowledge.counts.whole, knowledge.class_tags[number]
    shares = [whole.tag_tag.count(int(tag), row) / (int(whole.tag_posts[tag]) + SEED_SMOOTHING) for tag in rows]
    return float(np.mean(shares)) if shares else 0.0


def _caption_reason(knowledge: Knowledge, evidence: Evidence, row: int) -> str:
    text, query = evidence.text, evidence.query
    if row in text.said:
        start, n_words = text.said[row]
        return f"the caption says “{' '.join(query.words[start : start + n_words])}”"
    whole = knowledge.counts.whole
    telling = [word for word in text.words if knowledge.counts.words[word] not in STOP_WORDS]
    tokens = np.concatenate([text.pairs, np.array(telling, dtype=np.int64)])
    found = _most_telling(whole, whole.word_tag, whole.word_posts, tokens, row)
    if found is not None:
        token, share = found
        return f"often used when a caption says “{knowledge.counts.words[token]}” ({share:.0%} of posts)"
    if text.column(WordSpelling.name)[row] >= MIN_SPELLING:
        return "written like a word of the caption"
    return "fits the caption as a whole"


def _workspace_reason(knowledge: Knowledge, evidence: Evidence, row: int) -> str:
    return WORKSPACE_REASON


def _seed_reason(knowledge: Knowledge, evidence: Evidence, row: int) -> str:
    text, whole = evidence.text, knowledge.counts.whole
    found = _most_telling(whole, whole.tag_tag, whole.tag_posts, text.seeds, row)
    if found is not None:
        seed, share = found
        return f"often used with #{knowledge.tags[seed]} ({share:.0%} of its posts)"
    if text.column(SeedSpelling.name)[row] >= MIN_SPELLING:
        return "written like a seed"
    return "fits the seeds as a whole"


def _most_telling(
    whole: PostCounts, together: CountMatrix, uses: NDArray[np.uint32], tokens: NDArray[np.int64], row: int
) -> tuple[int, float] | None:
    """Return the token whose posts carry the hashtag most often, with their share, or None when none does often.

    Often is ``MIN_SHARE`` of them, and more than posts in general.
    """
    shares = [(together.count(int(token), row) / max(1, int(uses[token])), int(token)) for token in tokens]
    share, token = max(shares, key=lambda found: (found[0], -found[1]), default=(0.0, -1))
    in_general = int(whole.tag_posts[row]) / max(1, whole.n_posts)
    return (token, share) if share >= MIN_SHARE and share > in_general else None


def _class_phrase(knowledge: Knowledge, number: int) -> str:
    name = knowledge.class_labels[number]
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def left_aside(query: Query) -> tuple[Notice, ...]:
    """Return a notice where a published scorer, which ranks by words and hashtags alone, is asked about a picture."""
    options = query.options
    if options.scorer == "learned" or query.image is None:
        return ()
    if text_kind(len(query.words), len(query.seeds)) is None:
        detail = f"{options.scorer} ranks by caption and seeds, and there are none: the learnt ranker answered"
        return (Notice("scorer_not_used", detail, "scorer"),)
    if options.routing == "hard" and options.topic is None:
        return ()  # the picture names the topic
    detail = f"{options.scorer} ranks by caption and seeds: the picture has no part in the order"
    return (Notice("image_not_used", detail, "image"),)


def too_few(n_found: int, options: Options) -> tuple[Notice, ...]:
    """Return why an answer holds fewer hashtags than were asked for, where it does."""
    if n_found >= options.limit:
        return ()
    why = "no other hashtag has any evidence"
    if options.mix is not None:
        why += " and is of a tier that mix asks for"
    detail = f"{n_found} of the {options.limit} hashtags asked for could be found: {why}"
    return (Notice("fewer_than_limit", detail, "limit"),)
