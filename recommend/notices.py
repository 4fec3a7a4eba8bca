"""What an answer says about itself besides its list: what was left aside, and why it is shorter than asked."""

from __future__ import annotations

from core.query import Options, Query
from core.suggestions import Notice
from recommend.ranker import text_kind

ABSTAINED = Notice("abstained", "nothing in this post is known well enough; the list is a general one")


def left_aside(query: Query) -> tuple[Notice, ...]:
    """Return what is told where a published scorer, made for words and hashtags, is asked about a picture."""
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
