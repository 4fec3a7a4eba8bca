"""What is still to fetch and what is known, in one SQLite file that is consistent at every moment.

A page's posts and the targets it leads to are noted in the transaction that marks its target as done, so that a crawl
that is killed has either all of a page or none of it. Its posts wait here, already without names, until they stand in
a shard with their picture. See ``scraper/crawling/shards.py`` for the order of writes between the two.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scraper.crawling.state_file import StateFile
from scraper.port import Target

_WITHIN_REACH = (
    "source = ? AND state = 'pending' AND depth < ? AND coalesce(topic, '') IN (SELECT value FROM json_each(?))"
)
TargetState = Literal["pending", "done", "refused", "broken", "failed", "replaced"]
"""``replaced``: a further page of a list that is asked anew; pending once more when the list leads to it again."""


@dataclass(frozen=True, slots=True)
class HeldTarget:
    """A target that the crawl works on.

    Attributes:
        number: its row.
        target: what to fetch.
        depth: pages of the same list before it.
        attempts: earlier tries that failed.
    """

    number: int
    target: Target
    depth: int
    attempts: int


@dataclass(frozen=True, slots=True)
class WaitingPost:
    """A post on its way into a shard.

    Attributes:
        post_id: the platform's own id.
        record: its line, without the picture.
        pictures: addresses of its photographs, best first; empty when none is to be fetched any more.
    """

    post_id: str
    record: dict[str, Any]
    pictures: tuple[str, ...]


class Frontier:
    """The state of one source's crawl into one corpus.

    Args:
        state: the open file.
        source: the source's name.
        pages: pages of one list that are within reach; what lies behind them stays pending for another crawl.
        topics: topics that are within reach, None for what was asked for without a topic.
        now: seconds since 1970.
    """

    def __init__(
        self,
        state: StateFile,
        source: str,
        *,
        pages: int,
        topics: Iterable[str | None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._source = source
        self._now = now
        self._reach = (source, pages, json.dumps([topic or "" for topic in topics]))

    # ---- targets -------------------------------------------------------------------------------

    def add_targets(self, targets: Iterable[Target]) -> int:
        """Add targets that are not known yet as pending, and return how many were new."""
        with self._state.transaction() as sql:
            return self._add(sql, targets, parent=None)

    def revive(self) -> int:
        """Make pending again what an earlier run gave up because it was out of reach, and return how many."""
        with self._state.transaction() as sql:
            return sql.execute(
                "UPDATE target SET state = 'pending', attempts = 0, not_before = 0"
                " WHERE source = ? AND state = 'failed'",
                (self._source,),
            ).rowcount

    def begin_again(self, targets: Iterable[Target]) -> None:
        """Make lists pending again from their first page, and what was refused or broken, too.

        Pages of single posts that are done stay done: a list brings new posts, and no known one is fetched twice.
        """
        with self._state.transaction() as sql:
            sql.execute(
                "UPDATE target SET state = 'pending', attempts = 0, not_before = 0, reason = NULL"
                " WHERE source = ? AND state IN ('refused', 'broken')",
                (self._source,),
            )
            sql.executemany(
                "UPDATE target SET state = CASE cursor WHEN '' THEN 'pending' ELSE 'replaced' END, attempts = 0,"
                " not_before = 0, reason = NULL, topic = ?, query_tag = ? WHERE source = ? AND kind = ? AND value = ?",
                [(target.topic, target.query_tag, self._source, target.kind, target.value) for target in targets],
            )

    def next_target(self) -> HeldTarget | None:
        """Return the target within reach that was tried least and noted first, among those whose time has come."""
        row = self._state.row(
            "SELECT id, kind, value, topic, query_tag, cursor, depth, attempts FROM target"  # nosec B608
            f" WHERE {_WITHIN_REACH} AND not_before <= ? ORDER BY attempts, id LIMIT 1",
            (*self._reach, self._now()),
        )
        if row is None:
            return None
        number, kind, value, topic, query_tag, cursor, depth, attempts = row
        return HeldTarget(number, Target(kind, value, topic, query_tag, cursor or None), depth, attempts)

    def next_moment(self) -> float | None:
        """Return when the first target within reach may be tried, in seconds since 1970; None without one."""
        row = self._state.row(f"SELECT min(not_before) FROM target WHERE {_WITHIN_REACH}", self._reach)  # nosec B608
        return None if row is None or row[0] is None else float(row[0])

    def n_left(self) -> int:
        """Return how many targets within reach are pending."""
        return int(self._state.row(f"SELECT count(*) FROM target WHERE {_WITHIN_REACH}", self._reach)[0])  # nosec B608

    def arrived(self, held: HeldTarget, posts: Sequence[WaitingPost], targets: Iterable[Target]) -> int:
        """Write down all of a page at once, and return how many of its posts are new."""
        target = held.target
        with self._state.transaction() as sql:
            n_new = 0
            for post in posts:
                n_new += sql.execute(
                    "INSERT OR IGNORE INTO post (source, post_id, state, target, topic, query_tag, record, pictures)"
                    " VALUES (?, ?, 'waiting', ?, ?, ?, ?, ?)",
                    (
                        *(self._source, post.post_id, held.number, target.topic, target.query_tag),
                        *(json.dumps(post.record, ensure_ascii=False), json.dumps(post.pictures)),
                    ),
                ).rowcount
            self._add(sql, targets, parent=held)
            _close(sql, held, "done", None)
        return n_new

    def put_off(self, held: HeldTarget, reason: str, seconds: float) -> None:
        """Count a failed try; the target stays pending and is not tried for so many seconds."""
        with self._state.transaction() as sql:
            sql.execute(
                "UPDATE target SET attempts = attempts + 1, not_before = ?, reason = ? WHERE id = ?",
                (self._now() + seconds, reason, held.number),
            )

    def leave_out(self, held: HeldTarget, state: TargetState, reason: str) -> None:
        """Give a target up: ``refused``, ``broken`` or ``failed``, with the reason, which names nobody."""
        with self._state.transaction() as sql:
            _close(sql, held, state, reason)

    # ---- posts ---------------------------------------------------------------------------------

    def waiting(self, limit: int) -> list[WaitingPost]:
        """Return posts that are not in a shard yet, in the order in which they were found."""
        rows = self._state.rows(
            "SELECT post_id, record, pictures FROM post WHERE source = ? AND state = 'waiting' ORDER BY rowid LIMIT ?",
            (self._source, limit),
        )
        return [
            WaitingPost(post_id, json.loads(record), tuple(json.loads(pictures))) for post_id, record, pictures in rows
        ]

    def without_picture(self, post_id: str) -> None:
        """Note that a post's pictures are of no use, so that they are not fetched once more."""
        with self._state.transaction() as sql:
            sql.execute("UPDATE post SET pictures = '[]' WHERE source = ? AND post_id = ?", (self._source, post_id))

    def written(self, posts: Iterable[tuple[str, bool]], shard: str, n_bytes: int) -> None:
        """Note that posts (id, whether with a picture) stand in a shard, which is that long now."""
        with self._state.transaction() as sql:
            sql.executemany(
                "INSERT INTO post (source, post_id, state, shard, pictured) VALUES (?, ?, 'written', ?, ?)"
                " ON CONFLICT DO UPDATE SET state = 'written', shard = excluded.shard, pictured = excluded.pictured,"
                " record = NULL, pictures = NULL",
                [(self._source, post_id, shard, pictured) for post_id, pictured in posts],
            )
            sql.execute("INSERT OR REPLACE INTO shard VALUES (?, ?, ?)", (shard, self._source, n_bytes))

    def lost(self, post_ids: Iterable[str]) -> None:
        """Forget posts whose lines are gone from their shard, and make what led to them pending again."""
        with self._state.transaction() as sql:
            for post_id in post_ids:
                sql.execute(
                    "UPDATE target SET state = 'pending', not_before = 0 WHERE id ="
                    " (SELECT target FROM post WHERE source = ? AND post_id = ?)",
                    (self._source, post_id),
                )
                sql.execute("DELETE FROM post WHERE source = ? AND post_id = ?", (self._source, post_id))

    def shard_bytes(self) -> dict[str, int]:
        """Return name -> length of this source's shards, as of the last write that was noted."""
        return dict(self._state.rows("SELECT name, n_bytes FROM shard WHERE source = ?", (self._source,)))

    def written_in(self, shard: str) -> set[str]:
        """Return the ids of the posts that are noted as standing in a shard."""
        return {
            row[0]
            for row in self._state.rows(
                "SELECT post_id FROM post WHERE source = ? AND shard = ?", (self._source, shard)
            )
        }

    # ---- people who asked to be forgotten, and hosts that asked for a pause ------------------------

    def forgotten(self) -> frozenset[str]:
        """Return the hashes of posts and authors that must not be collected again."""
        return frozenset(row[0] for row in self._state.rows("SELECT hash FROM forgotten", ()))

    def hold_host(self, host: str, not_before: float) -> None:
        """Remember until when a host wants no request."""
        with self._state.transaction() as sql:
            sql.execute("INSERT OR REPLACE INTO host VALUES (?, ?)", (host, not_before))

    def _add(self, sql: sqlite3.Connection, targets: Iterable[Target], parent: HeldTarget | None) -> int:
        n_new = 0
        for target in targets:
            next_page = parent is not None and (target.kind, target.value) == (parent.target.kind, parent.target.value)
            depth = parent.depth + 1 if parent is not None and next_page else 0
            n_new += sql.execute(
                "INSERT INTO target (source, kind, value, cursor, topic, query_tag, depth) VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET state = 'pending', topic = excluded.topic, query_tag = excluded.query_tag,"
                " depth = excluded.depth WHERE target.state = 'replaced'",
                (self._source, target.kind, target.value, target.cursor or "", target.topic, target.query_tag, depth),
            ).rowcount
        return n_new


def _close(sql: sqlite3.Connection, held: HeldTarget, state: TargetState, reason: str | None) -> None:
    sql.execute(
        "UPDATE target SET state = ?, attempts = attempts + 1, reason = ? WHERE id = ?",
        (state, reason, held.number),
    )


# ---- reading a state without crawling ------------------------------------------------------------


def paused_hosts(state: StateFile, now: float) -> dict[str, float]:
    """Return host -> moment before which it wants no request, of those for which that moment has not come.

    Args:
        state: the open file.
        now: seconds since 1970.
    """
    return dict(state.rows("SELECT name, not_before FROM host WHERE not_before > ?", (now,)))


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
