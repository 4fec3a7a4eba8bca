"""What platforms put first for a word, asked politely and kept with its date."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from core.atomic import storage_errors, write_atomic
from core.clock import UtcClock
from core.errors import DataError, InvalidOption
from core.text.blocklist import Blocklist
from core.text.hashtags import normalise
from core.trend_snapshot import SearchedHashtags
from pipelines.collecting.collect import opened_source
from pipelines.config.collect import CollectConfig
from pipelines.workshop.progress import ProgressPort
from scraper.crawling.pace import Pace
from scraper.errors import CrawlError
from scraper.top_hashtags import RanksHashtags, top_hashtags

MAX_AGE = timedelta(days=7)
"""An answer younger than this is not asked for again."""
LIMIT = 50


@contextmanager
def opened_ranking(config: CollectConfig, installation: Path) -> Iterator[RanksHashtags]:
    """Yield the source of ``config`` that says which hashtags a platform puts first.

    Raises:
        InvalidOption: the source cannot be asked that.
        MissingExtra: a package that it needs is not installed.
    """
    with opened_source(config, installation, Pace(config.pace)) as opened:
        source: Any = opened.source
        if not hasattr(source, "ranked_hashtags"):
            raise InvalidOption(
                f"the source {config.source!r} does not say which hashtags it puts first; instagram and mastodon do",
                field="searched",
            )
        yield source


def refresh_searched(
    source: RanksHashtags,
    words: Sequence[str],
    cache: Path,
    blocklist: Blocklist,
    *,
    now: UtcClock,
    progress: ProgressPort,
) -> tuple[SearchedHashtags, ...]:
    """Return all answers kept in ``cache``, after asking ``source`` for the words without one of the last week.

    Each answer is kept as it comes, so that the same call goes on where one was stopped. When the platform refuses,
    what is known stays, and a note says so.

    Raises:
        StorageError: the cache cannot be written.
        DataError: the cache is damaged.
    """
    kept = {(answer.source, answer.word): answer for answer in read_searched(cache)}
    with storage_errors(cache):
        cache.parent.mkdir(parents=True, exist_ok=True)
    task = progress.task(f"asking {source.name}", len(words))
    for word in words:
        known = kept.get((source.name, word))
        if known is None or now() - _instant(known.asked) > MAX_AGE:
            try:
                found = top_hashtags(source, word, limit=LIMIT, now=now)
            except CrawlError as error:
                progress.note(f"{source.name} did not answer for {word!r}: {error}")
                break
            pairs = tuple((top.hashtag, top.n_posts) for top in found if blocklist.blocked(top.hashtag) is None)
            asked = now().astimezone(UTC).isoformat(timespec="seconds")
            kept[source.name, word] = SearchedHashtags(source.name, word, asked, pairs)
            _write(cache, kept.values())
        task.advance()
    return tuple(kept[key] for key in sorted(kept))


def read_searched(cache: Path) -> tuple[SearchedHashtags, ...]:
    """Return the answers kept in ``cache``; none when it is not there.

    Raises:
        DataError: it is damaged.
    """
    try:
        answers = json.loads(cache.read_text("utf-8"))
        found = [
            SearchedHashtags(
                str(answer["source"]),
                str(answer["word"]),
                _instant(answer["asked"]).isoformat(timespec="seconds"),
                tuple((tag, None if n is None else int(n)) for raw, n in answer["hashtags"] if (tag := normalise(raw))),
            )
            for answer in answers
        ]
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{cache} is damaged ({type(error).__name__}); remove it, and it is asked for again") from error
    return tuple(sorted(found, key=lambda answer: (answer.source, answer.word)))


def _write(cache: Path, answers: Iterable[SearchedHashtags]) -> None:
    rows = [asdict(answer) for answer in sorted(answers, key=lambda answer: (answer.source, answer.word))]
    write_atomic(cache, json.dumps(rows, ensure_ascii=False, indent=1) + "\n")


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
