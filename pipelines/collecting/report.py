"""What a corpus's crawls have brought: a page to look at and the same as text. It names hashtags and hosts, nobody."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.atomic import write_atomic
from pipelines.report.page import Block, Heading, Paragraph, text_page, write_page
from pipelines.report.tables import Row, Table, title_of
from scraper.crawling.frontier import post_counts, posts_by_hashtag, reasons, target_counts
from scraper.crawling.state_file import StateFile

PAGE = "report.html"
TEXT = "report.txt"
RUNS_SHOWN = 20
REASONS_SHOWN = 30


def write_collect_report(folder: Path, state: StateFile) -> Path:
    """Write the report about all crawls of a corpus into ``folder`` and return its page.

    Raises:
        StorageError: it cannot be written.
    """
    runs = read_runs(folder / "runs.jsonl")
    last = runs[-1] if runs else {}
    title = f"Collected from {last.get('source', 'nothing yet')}"
    blocks: list[Block] = [Paragraph(_how_it_ended(last), "notice")]
    for table in (*_last_run(last), *_corpus(state), _runs(runs)):
        blocks += [Heading(title_of(table.path)), table]
    write_atomic(folder / TEXT, text_page(title, blocks))
    write_page(folder / PAGE, title, blocks)
    return folder / PAGE


def read_runs(path: Path) -> list[dict[str, Any]]:
    """Return what each run left; a torn last line, which a kill may leave, is no run."""
    runs = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            run = json.loads(line)
        except ValueError:
            continue
        if isinstance(run, dict):
            runs.append(run)
    return runs


def _how_it_ended(run: dict[str, Any]) -> str:
    ended = run.get("ended") or "stopped in the middle"
    left = run.get("left", 0)
    rest = (
        f"{left:,} pages are still to fetch: the same command goes on from here."
        if left
        else "Nothing is left to fetch."
    )
    return f"The last run ended: {ended}. {rest}"


def _last_run(run: dict[str, Any]) -> Iterable[Table]:
    if not run:
        return
    seconds, fetching, waiting = run["seconds"], run["fetching_s"], run["waiting_s"]
    facts: dict[str, int | Decimal] = {
        "posts": run["posts"],
        "posts with a picture": run["pictures"],
        "posts a minute": _rounded(60 * run["posts"] / seconds if seconds else 0.0),
        "posts met again": run["known"],
        "posts left out because someone asked to be forgotten": run["forgotten"],
        "pages fetched": run["pages"],
        "requests, failures too": run["requests"],
        "megabytes over the network": _rounded(run["n_bytes"] / 1e6),
        "seconds in all": _rounded(seconds),
        "… of them until pages and pictures had come": _rounded(fetching),
        "… of them pauses, so that no host is pressed": _rounded(waiting),
    }
    if fetching > 0:
        ratio = _rounded((seconds - waiting) / fetching, 2)
        facts["time in all without pauses, as a multiple of what pages needed"] = ratio
    yield _table(f"The last run, begun {run['started']}", "what", "how much", facts.items())
    if run["troubles"]:
        troubles = sorted(run["troubles"].items(), key=lambda item: (-item[1], item[0]))
        yield _table("Its troubles", "what", "times", troubles)
    ignored = (f"robots.txt of {host} was ignored, as the operator asked" for host in run["robots_left_aside"])
    notes = [*run["repaired"], *ignored]
    if notes:
        yield Table(("Notes",), (), tuple(Row(note, ()) for note in notes), corner="what")


def _corpus(state: StateFile) -> Iterable[Table]:
    for (source,) in state.rows("SELECT DISTINCT source FROM target UNION SELECT DISTINCT source FROM post ORDER BY 1"):
        posts, targets = post_counts(state, source), target_counts(state, source)
        known = [("posts in the corpus", posts.get("written", 0)), ("posts on their way", posts.get("waiting", 0))]
        known += [(f"pages: {name}", count) for name, count in sorted(targets.items())]
        yield _table(f"{source}: all runs together", "what", "how many", known)
        yield Table(
            (f"{source}: posts by what they were found under",),
            ("hashtag", "posts", "with a picture"),
            tuple(
                Row(topic or "–", (tag or "–", n_posts, n_pictured))
                for topic, tag, n_posts, n_pictured in posts_by_hashtag(state, source)
            ),
            corner="topic",
            bar="posts",
        )
        left_out = reasons(state, source)[:REASONS_SHOWN]
        if left_out:
            rows = tuple(Row(why, (how, n)) for how, why, n in left_out)
            yield Table((f"{source}: pages left out",), ("how", "pages"), rows, corner="why")


def _runs(runs: Sequence[dict[str, Any]]) -> Table:
    rows = tuple(
        Row(
            run["started"],
            (run["source"], run["posts"], run["pages"], round(run["seconds"]), run["ended"] or "stopped"),
        )
        for run in runs[-RUNS_SHOWN:]
    )
    return Table(("Runs",), ("source", "posts", "pages", "seconds", "ended"), rows, corner="begun")


def _table(title: str, corner: str, column: str, facts: Iterable[tuple[str, int | Decimal]]) -> Table:
    return Table((title,), (column,), tuple(Row(name, (value,)) for name, value in facts), corner)


def _rounded(value: float, digits: int = 1) -> Decimal:
    return Decimal(f"{value:.{digits}f}")
