"""How far a source's crawl into a corpus is, in numbers that name nobody."""

from __future__ import annotations

from scraper.crawling.state_file import StateFile


def target_counts(state: StateFile, source: str) -> dict[str, int]:
    """Return state -> targets of this source."""
    return dict(state.rows("SELECT state, count(*) FROM target WHERE source = ? GROUP BY state", (source,)))


def post_counts(state: StateFile, source: str) -> dict[str, int]:
    """Return state (``waiting``, ``written``) -> posts of this source."""
    return dict(state.rows("SELECT state, count(*) FROM post WHERE source = ? GROUP BY state", (source,)))


def posts_by_hashtag(state: StateFile, source: str) -> list[tuple[str | None, str | None, int, int]]:
    """Return (topic, query tag, posts written, posts with a picture), topics and hashtags in order."""
    rows = state.rows(
        "SELECT topic, query_tag, count(*), sum(pictured) FROM post WHERE source = ? AND state = 'written'"
        " GROUP BY topic, query_tag ORDER BY topic, query_tag",
        (source,),
    )
    return [(topic, tag, int(n_posts), int(n_pictured)) for topic, tag, n_posts, n_pictured in rows]


def reasons(state: StateFile, source: str) -> list[tuple[str, str, int]]:
    """Return (state, reason, targets) of what was left out, most frequent first."""
    return state.rows(
        "SELECT state, coalesce(reason, ''), count(*) AS n FROM target WHERE source = ?"
        " AND state NOT IN ('pending', 'done', 'replaced') GROUP BY state, reason ORDER BY n DESC, state, reason",
        (source,),
    )
