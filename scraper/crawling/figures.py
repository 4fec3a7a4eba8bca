"""What one run of a crawl may use, and what it has done."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Budget:
    """What one run may use; None is without bound.

    Attributes:
        requests: pages and pictures asked for.
        n_bytes: bytes that come over the network.
    """

    requests: int | None = None
    n_bytes: int | None = None


@dataclass(slots=True)
class CrawlFigures:
    """What a run has done so far.

    Attributes:
        ended: why it ended; "" while it runs.
        posts: written in this run.
        pictures: of them with a picture.
        known: posts met again that the corpus has.
        forgotten: posts left out because someone asked to be forgotten.
        pages: fetched.
        requests: pages and pictures asked for, failures too.
        n_bytes: that came over the network.
        fetching_s: seconds inside the source.
        waiting_s: seconds of pauses.
        started: when it began, on the crawl's clock.
        seconds: since then.
        left: targets within reach that are still to fetch.
        troubles: what went wrong with pictures and pages, by kind.
    """

    ended: str = ""
    posts: int = 0
    pictures: int = 0
    known: int = 0
    forgotten: int = 0
    pages: int = 0
    requests: int = 0
    n_bytes: int = 0
    fetching_s: float = 0.0
    waiting_s: float = 0.0
    started: float = 0.0
    seconds: float = 0.0
    left: int = 0
    troubles: dict[str, int] = field(default_factory=dict)

    def trouble(self, kind: str) -> None:
        """Count something that went wrong."""
        self.troubles[kind] = self.troubles.get(kind, 0) + 1

    @property
    def posts_a_minute(self) -> float:
        """Posts written a minute of this run."""
        return 60 * self.posts / self.seconds if self.seconds > 0 else 0.0
