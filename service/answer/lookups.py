"""What is known of hashtags, looked up: completion page by page, one hashtag in full, what trends."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

from core.errors import BadInput
from core.suggestions import HashtagTrend
from core.text.hashtags import fold, normalise, why_not
from recommend.catalogue.lookups import Catalogue
from recommend.catalogue.trends import TrendingHashtag
from service.engine.loading import Loaded
from service.problems import Refusal, invalid
from service.schemas.answers import HashtagPopularity, Trend, TrendCounts
from service.schemas.lookups import (
    HashtagCard,
    HashtagList,
    ListedHashtag,
    RelatedHashtag,
    RelatedHashtags,
    TopicShare,
    Trending,
    TrendingEntry,
    TrendSnapshotCard,
)

PAGE = 1000
"""Hashtags looked at in one go while those on the block list are passed over."""
N_RELATED = 12
_CURSOR = re.compile(r"([0-9]{1,9})-([0-9a-f]{8})")


def complete(loaded: Loaded, prefix: str, limit: int, cursor: str | None) -> HashtagList:
    """Return a page of the hashtags that start with ``prefix``.

    Raises:
        Refusal: the cursor belongs to another list.
    """
    catalogue = loaded.catalogue
    bundle_id = loaded.bundle.manifest.bundle_id
    # A position in the list of one bundle means nothing in that of another.
    mark = f"{zlib.crc32(f'{bundle_id} {fold(prefix)}'.encode('utf-8', 'surrogatepass')):08x}"
    after = _start_of(cursor, mark)
    found: list[str] = []
    while len(found) <= limit:
        page = catalogue.complete(prefix, PAGE, after)
        if not page:
            break
        after = _known(catalogue, page[-1])
        found += [tag for tag in page if loaded.blocked(tag) is None][: limit + 1 - len(found)]
    more = len(found) > limit
    return HashtagList(
        bundle=bundle_id,
        hashtags=[_listed(catalogue, tag) for tag in found[:limit]],
        next_cursor=f"{_known(catalogue, found[limit - 1])}-{mark}" if more else None,
    )


def describe(loaded: Loaded, raw: str) -> HashtagCard:
    """Return all that is known of one hashtag.

    Raises:
        BadInput: it is not a hashtag.
        Refusal: the bundle does not know it.
    """
    tag = normalise(raw)
    if tag is None:
        raise BadInput(f"This is no hashtag: {why_not(raw)}.", field="hashtag")
    catalogue = loaded.catalogue
    number = catalogue.tag_id(tag)
    if number is None or loaded.blocked(tag) is not None:
        raise Refusal("not_found", "The bundle does not know this hashtag.")
    book = catalogue.trends.fresh()
    return HashtagCard(
        bundle=loaded.bundle.manifest.bundle_id,
        hashtag=tag,
        display=catalogue.display(tag),
        popularity=popularity_of(catalogue, number),
        topic=catalogue.topic_of(number),
        topics=[TopicShare(topic=topic, share=share) for topic, share in catalogue.topic_shares(number)],
        related=RelatedHashtags(
            by_use=_related(loaded, catalogue.related(tag, 2 * N_RELATED)),
            by_meaning=_related(loaded, catalogue.similar(tag, 2 * N_RELATED)),
        ),
        trend=None if book is None else trend_of(book.trend(tag)),
        trends=None
        if book is None
        else TrendCounts(snapshot=book.source.snapshot, as_of=book.source.as_of.isoformat()),
        flagged=loaded.flagged.get(tag),
    )


def trending(loaded: Loaded, topic: str | None, days: int, limit: int) -> Trending:
    """Return what rises and what is used most, with the counts that say so; nothing where there are none.

    Raises:
        InvalidOption: there is no such topic.
    """
    catalogue = loaded.catalogue
    catalogue.check_topic(topic)
    newest, fresh = catalogue.trends.newest(), catalogue.trends.fresh()
    source = None if newest is None else newest.source
    rising = () if fresh is None else fresh.rising(topic, days, limit)
    top = () if fresh is None else fresh.top(topic, days, limit)
    return Trending(
        bundle=loaded.bundle.manifest.bundle_id,
        topic=topic,
        days=days,
        snapshot=None
        if source is None
        else TrendSnapshotCard(
            snapshot=source.snapshot,
            as_of=source.as_of.isoformat(),
            fresh=fresh is not None,
            corpus=source.corpus,
            sources=dict(source.sources),
        ),
        rising=[_trending(catalogue, hashtag) for hashtag in rising],
        top=[_trending(catalogue, hashtag) for hashtag in top],
    )


def popularity_of(catalogue: Catalogue, number: int) -> HashtagPopularity:
    """Return how often a hashtag is used."""
    known = catalogue.popularity(number)
    return HashtagPopularity(posts=known.posts, tier=known.tier, percentile=known.percentile)


def trend_of(known: HashtagTrend | None) -> Trend | None:
    """Return which way a hashtag goes."""
    return None if known is None else Trend(direction=known.direction, ratio=known.ratio)


def _listed(catalogue: Catalogue, tag: str) -> ListedHashtag:
    number = _known(catalogue, tag)
    return ListedHashtag(
        hashtag=tag,
        display=catalogue.display(tag),
        topic=catalogue.topic_of(number),
        popularity=popularity_of(catalogue, number),
    )


def _related(loaded: Loaded, pairs: Iterable[tuple[str, float]]) -> list[RelatedHashtag]:
    allowed = [(tag, strength) for tag, strength in pairs if loaded.blocked(tag) is None]
    return [
        RelatedHashtag(hashtag=tag, display=loaded.catalogue.display(tag), strength=strength)
        for tag, strength in allowed[:N_RELATED]
    ]


def _trending(catalogue: Catalogue, trending: TrendingHashtag) -> TrendingEntry:
    return TrendingEntry(
        hashtag=trending.hashtag,
        display=catalogue.display(trending.hashtag),
        posts=trending.posts,
        baseline_posts=trending.baseline_posts,
        ratio=trending.ratio,
        direction=trending.direction,
        rank=trending.rank,
        rank_change=trending.rank_change,
        tier=trending.tier,
    )


def _start_of(cursor: str | None, mark: str) -> int:
    if cursor is None:
        return -1
    match = _CURSOR.fullmatch(cursor)
    if match is None or match[2] != mark:
        raise invalid("cursor", "is not of this list; ask without one to begin again", cursor)
    return int(match[1])


def _known(catalogue: Catalogue, tag: str) -> int:
    number = catalogue.tag_id(tag)
    assert number is not None, "a hashtag that came from the catalogue is in it"
    return number
