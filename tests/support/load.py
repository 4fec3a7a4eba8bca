"""Callers that never stop asking, and a record of what became of each request."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

import httpx

SUGGEST, FEEDBACK = "suggest", "feedback"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request.

    Attributes:
        at: seconds since the load began.
        took: seconds.
        what: "suggest" or "feedback".
        result: the status, or the name of what broke the connection.
        warned: codes of the answer's warnings.
        problem: code of what was refused.
    """

    at: float
    took: float
    what: str
    result: int | str
    warned: tuple[str, ...] = ()
    problem: str = ""


@dataclass
class Load:
    """A context manager: ``n_clients`` threads ask for suggestions and give feedback to each until it is left.

    Attributes:
        outcomes: of every request.
        acknowledged: ids of the feedback that was answered with 201 or 202.
    """

    base_url: str
    n_clients: int = 3
    pause_s: float = 0.02
    headers: dict[str, str] = field(default_factory=dict)
    picture: bytes | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._over = threading.Event()
        self._began = time.monotonic()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(self.n_clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def now(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    def counts(self, what: str, since: float = 0.0, until: float = float("inf")) -> Counter[int | str]:
        """Return the number of requests by how they ended, of those that began in a span."""
        return Counter(outcome.result for outcome in self._span(what, since, until))

    def wait_for(self, n_more: int, what: str = SUGGEST, result: int = 200, within_s: float = 240.0) -> None:
        """Wait until ``n_more`` requests more ended as ``result``."""
        before, deadline = self.counts(what)[result], time.monotonic() + within_s
        while self.counts(what)[result] < before + n_more:
            assert time.monotonic() < deadline, f"{self.counts(SUGGEST)} {self.counts(FEEDBACK)}"
            time.sleep(0.02)

    def longest(self, what: str, since: float = 0.0, until: float = float("inf")) -> float:
        """Return the seconds of the slowest request of a span."""
        return max((outcome.took for outcome in self._span(what, since, until)), default=0)

    def _span(self, what: str, since: float, until: float) -> list[Outcome]:
        return [outcome for outcome in list(self.outcomes) if outcome.what == what and since <= outcome.at < until]

    def _ask(self, number: int) -> None:
        with httpx.Client(base_url=self.base_url, timeout=30, headers=self.headers) as client:
            while not self._over.is_set():
                suggestion_id = self._suggest(client, f"sunset{number}")
                if suggestion_id is not None:
                    self._feed_back(client, suggestion_id)
                self._over.wait(self.pause_s)

    def _suggest(self, client: httpx.Client, seed: str) -> str | None:
        files = {"image": ("a.jpg", self.picture)} if self.picture else {"image": ("", b"")}
        form = {"caption": "Last light at the old pier", "seeds": seed}
        answer = self._sent(SUGGEST, lambda: client.post("/v1/suggestions", data=form, files=files))
        return None if answer is None or answer.status_code != 200 else answer.json()["suggestion_id"]

    def _feed_back(self, client: httpx.Client, suggestion_id: str) -> None:
        body = {"suggestion_id": suggestion_id, "added": ["oldpier"]}
        answer = self._sent(FEEDBACK, lambda: client.post("/v1/feedback", json=body))
        if answer is not None and answer.status_code in (201, 202):
            self.acknowledged.append(answer.json()["feedback_id"])

    def _sent(self, what: str, send: Callable[[], httpx.Response]) -> httpx.Response | None:
        began = self.now
        try:
            answer = send()
        except httpx.TransportError as error:
            self.outcomes.append(Outcome(began, self.now - began, what, type(error).__name__))
            return None
        warned: tuple[str, ...] = ()
        if what == SUGGEST and answer.status_code == 200:
            warned = tuple(warning["code"] for warning in answer.json()["warnings"])
        problem = "" if answer.status_code < 400 else str(answer.json().get("code"))
        self.outcomes.append(Outcome(began, self.now - began, what, answer.status_code, warned, problem))
        return answer
