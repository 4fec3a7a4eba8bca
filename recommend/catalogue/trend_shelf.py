"""The newest trends at hand: those that came with the bundle, or those refreshed since, told by their own day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from core.clock import UtcClock, utc_now
from core.errors import BundleError, BundleMissing
from core.trend_snapshot import SNAPSHOT_FILE, read_snapshot
from recommend.catalogue.trends import TrendBook

TRENDS_FILE = f"counts/{SNAPSHOT_FILE}"
"""Where a bundle has them."""
MAX_AGE_DAYS = 30
"""Counts older than this say nothing about now."""

Blocked = Callable[[str], str | None]


def nothing_blocked(_: str) -> str | None:
    """Return None, as a block list without entries does."""
    return None


@dataclass(frozen=True, slots=True)
class _Read:
    """What a file held when it was last read, and the mark of the file then."""

    mark: tuple[int, int, int] | None
    book: TrendBook | None


def trend_files(bundle: Path, refreshed: Path | None = None) -> tuple[Path, ...]:
    """Return where trends may lie: in a bundle, and beside it or in a file of the caller's."""
    return bundle / TRENDS_FILE, refreshed or bundle.parent / SNAPSHOT_FILE


class TrendShelf:
    """Files with trends, read when asked and again when they change. Safe to share between threads."""

    def __init__(
        self, places: Sequence[Path] = (), *, now: UtcClock = utc_now, blocked: Blocked = nothing_blocked
    ) -> None:
        """Read what is there.

        Args:
            places: files that may be there or not; of two with the same last day the later place counts.
            now: the clock that ages are told by.
            blocked: hashtag to the category it is blocked for, or None.

        Raises:
            BundleError: a file is there and holds no trends of this format.
        """
        self._now = now
        self._blocked = blocked
        self._read = {place: self._open(place) for place in places}

    def newest(self) -> TrendBook | None:
        """Return the trends with the latest day, however old, or None where there are none."""
        books = [book for place in self._read if (book := self._book(place)) is not None]
        return max(reversed(books), key=lambda book: book.snapshot.as_of, default=None)

    def fresh(self) -> TrendBook | None:
        """Return the trends with the latest day when that is at most ``MAX_AGE_DAYS`` days ago, else None."""
        book = self.newest()
        return book if book is not None and self.is_fresh(book) else None

    def is_fresh(self, book: TrendBook) -> bool:
        """Return whether a book is of the last ``MAX_AGE_DAYS`` days; one from the future is not."""
        # A day ahead is another machine's clock, not an error.
        return -1 <= self.age_days(book) <= MAX_AGE_DAYS

    def age_days(self, book: TrendBook) -> int:
        """Return the days since the last day that a book counts."""
        return (self._now().astimezone(UTC).date() - book.snapshot.as_of).days

    def _book(self, place: Path) -> TrendBook | None:
        """Return what a file holds now; a file that broke since keeps what it held."""
        known = self._read[place]
        if _mark(place) == known.mark:
            return known.book
        try:
            known = self._open(place)
        except BundleError:
            known = _Read(_mark(place), known.book)
        self._read[place] = known
        return known.book

    def _open(self, place: Path) -> _Read:
        # The mark first: a file that is replaced in between is then read once more, never once too few.
        mark = _mark(place)
        if mark is None:
            return _Read(None, None)
        try:
            return _Read(mark, TrendBook(read_snapshot(place), self._blocked))
        except BundleMissing:
            return _Read(None, None)


def _mark(place: Path) -> tuple[int, int, int] | None:
    try:
        found = place.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
