"""Services to break, and what was measured while they were broken."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.load import FEEDBACK, SUGGEST, Load
from tests.support.service_process import ROOT, Service

STARTER = ROOT / "bundles" / "starter"
PICTURE = ROOT / "examples" / "photos" / "cat.jpg"

Start = Callable[..., Service]
Report = Callable[[str, str], None]

_measured = pytest.StashKey[list[tuple[str, str]]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make room for what is measured; end in order, with every service and every mount, when a time limit ends it."""
    config.stash[_measured] = []
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture
def report(pytestconfig: pytest.Config) -> Report:
    """Note one line for the table that is printed at the end."""
    return lambda row, text: pytestconfig.stash[_measured].append((row, text))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured, and what was not."""
    rows = terminalreporter.config.stash.get(_measured, [])
    if rows:
        terminalreporter.section("faults, as measured")
        for row, text in rows:
            terminalreporter.write_line(f"{row}: {text}")
    here = Path(__file__).parent.relative_to(ROOT).as_posix()
    skipped = [one for one in terminalreporter.stats.get("skipped", []) if one.nodeid.startswith(here)]
    if skipped:
        terminalreporter.section(f"{len(skipped)} FAULTS WERE NOT TRIED", red=True, bold=True)
        for one in skipped:
            terminalreporter.write_line(f"{one.nodeid}: {_why(one)}", red=True)


def _why(skipped: pytest.TestReport) -> str:
    """Return why a test was skipped."""
    return str(skipped.longrepr[2] if isinstance(skipped.longrepr, tuple) else skipped.longrepr)


@pytest.fixture
def start() -> Iterator[Start]:
    """Start services over fakes, or of the starter bundle with ``real=True``; see that none is left."""
    with ExitStack() as stack:

        def begin(*, real: bool = False, environment: dict[str, str] | None = None, **settings: str) -> Service:
            told = {f"TAGSMITH_{name.upper()}": value for name, value in settings.items()} | (environment or {})
            if real and not (STARTER / "manifest.json").is_file():
                pytest.skip("there is no starter bundle in this checkout")
            words = (
                ("tagsmith", told, "serve", "--bundle", str(STARTER)) if real else ("tests.support.fake_service", told)
            )
            service = Service(*words)
            stack.callback(service.process.wait, 40)
            stack.callback(service.process.kill)
            stack.callback(_stop, service)
            return service

        yield begin


def _stop(service: Service) -> None:
    if service.process.poll() is None:
        service.process.terminate()
        service.ends_with()


def base_url(service: Service) -> str:
    """Return where a service that is ready answers."""
    service.wait_for("ready")
    return service.wait_for("listening")["url"]


def feedback_missing(service: Service, load: Load) -> set[str]:
    """Return the accepted feedback that cannot be taken back, because it is not there; what was kept gets a minute."""
    missing, deadline = set(load.acknowledged), time.monotonic() + 60
    with service.client() as client:
        while missing and time.monotonic() < deadline:
            missing = {one for one in missing if client.delete(f"/v1/feedback/{one}").status_code != 204}
            time.sleep(0.1)
    return missing


def told(load: Load, since: float = 0.0, until: float = float("inf")) -> str:
    """Return in words what became of the requests of a span."""
    parts = []
    for what in (SUGGEST, FEEDBACK):
        span = [one for one in list(load.outcomes) if one.what == what and since <= one.at < until]
        counts = Counter(f"{one.result} {one.problem}".strip() for one in span)
        parts.append(f"{what} " + ", ".join(f"{n} x {result}" for result, n in counts.most_common()))
    slowest = load.longest(SUGGEST, since, until)
    return "; ".join(parts) + f"; slowest suggestion {slowest * 1000:.0f} ms"
