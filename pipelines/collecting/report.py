"""What a corpus's crawls have brought: a page to look at and the same as text. It names hashtags and hosts, nobody."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.atomic import write_atomic
from scraper.crawling.crawl_counts import post_counts, posts_by_hashtag, reasons, target_counts
from scraper.crawling.state_file import StateFile

PAGE = "report.html"
TEXT = "report.txt"
RUNS_SHOWN = 20
REASONS_SHOWN = 30

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 64rem; margin: 2rem auto; padding: 0 1rem }
h1, h2 { line-height: 1.2; margin: 2rem 0 .6rem } h2 { border-bottom: 1px solid #cbd2d9; padding-bottom: .2rem }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; width: 100% }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #e4e7eb; text-align: right; vertical-align: top }
th:first-child, td:first-child { text-align: left } thead th { background: #f5f7fa }
td.words, th.words { text-align: left } .bar { background: #7fb3d5; height: .7rem; min-width: 1px }
td.bar-cell { width: 30%; text-align: left } .ended { background: #fff8e6; padding: .6rem 1rem; border-radius: 4px }
@media (prefers-color-scheme: dark) { body { background: #14181d; color: #d8dee6 } thead th { background: #1f262e }
th, td, h2 { border-color: #37414d } .ended { background: #3a3115 } .bar { background: #4d86ab } }
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the report.

    Attributes:
        title: above it.
        columns: their names.
        rows: texts and numbers; a number is set right.
        bar: the column that is drawn as a bar too, or None.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float, ...], ...]
    bar: int | None = None


def write_collect_report(folder: Path, state: StateFile) -> Path:
    """Write the report about all crawls of a corpus into ``folder`` and return its page.

    Raises:
        StorageError: it cannot be written.
    """
    runs = read_runs(folder / "runs.jsonl")
    last = runs[-1] if runs else {}
    sections = [*_last_run(last), *_corpus(state), _runs(runs)]
    title = f"Collected from {last.get('source', 'nothing yet')}"
    ended = _how_it_ended(last)
    write_atomic(folder / TEXT, _as_text(title, ended, sections))
    write_atomic(folder / PAGE, _as_page(title, ended, sections))
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


def _last_run(run: dict[str, Any]) -> Iterable[Section]:
    if not run:
        return
    seconds, fetching, waiting = run["seconds"], run["fetching_s"], run["waiting_s"]
    posts_a_minute = 60 * run["posts"] / seconds if seconds else 0.0
    rows: list[tuple[str | int | float, ...]] = [
        ("posts", run["posts"]),
        ("posts with a picture", run["pictures"]),
        ("posts a minute", round(posts_a_minute, 1)),
        ("posts met again", run["known"]),
        ("posts left out because someone asked to be forgotten", run["forgotten"]),
        ("pages fetched", run["pages"]),
        ("requests, failures too", run["requests"]),
        ("megabytes over the network", round(run["n_bytes"] / 1e6, 1)),
        ("seconds in all", round(seconds, 1)),
        ("… of them until pages and pictures had come", round(fetching, 1)),
        ("… of them pauses, so that no host is pressed", round(waiting, 1)),
    ]
    if fetching > 0:
        rows.append(
            ("time in all without pauses, as a multiple of what pages needed", round((seconds - waiting) / fetching, 2))
        )
    yield Section(f"The last run, begun {run['started']}", ("what", "how much"), tuple(rows))
    if run["troubles"]:
        troubles = sorted(run["troubles"].items(), key=lambda item: (-item[1], item[0]))
        yield Section("Its troubles", ("what", "times"), tuple(troubles))
    notes = [*run["repaired"], *(f"robots.txt of {host} was left aside, as told" for host in run["robots_left_aside"])]
    if notes:
        yield Section("Notes", ("what",), tuple((note,) for note in notes))


def _corpus(state: StateFile) -> Iterable[Section]:
    for (source,) in state.rows("SELECT DISTINCT source FROM target UNION SELECT DISTINCT source FROM post ORDER BY 1"):
        posts, targets = post_counts(state, source), target_counts(state, source)
        known = [("posts in the corpus", posts.get("written", 0)), ("posts on their way", posts.get("waiting", 0))]
        known += [(f"pages: {name}", count) for name, count in sorted(targets.items())]
        yield Section(f"{source}: all runs together", ("what", "how many"), tuple(known))
        by_hashtag = posts_by_hashtag(state, source)
        yield Section(
            f"{source}: posts by what they were found under",
            ("topic", "hashtag", "posts", "with a picture"),
            tuple((topic or "–", tag or "–", n_posts, n_pictured) for topic, tag, n_posts, n_pictured in by_hashtag),
            bar=2,
        )
        left_out = reasons(state, source)[:REASONS_SHOWN]
        if left_out:
            yield Section(
                f"{source}: pages left out", ("why", "how", "pages"), tuple((why, how, n) for how, why, n in left_out)
            )


def _runs(runs: Sequence[dict[str, Any]]) -> Section:
    rows = tuple(
        (run["started"], run["source"], run["posts"], run["pages"], round(run["seconds"]), run["ended"] or "stopped")
        for run in runs[-RUNS_SHOWN:]
    )
    return Section("Runs", ("begun", "source", "posts", "pages", "seconds", "ended"), rows)


def _as_text(title: str, ended: str, sections: Iterable[Section]) -> str:
    parts = [title, "", ended]
    for section in sections:
        parts += ["", section.title, ""]
        table = [section.columns, *(tuple(_shown(cell) for cell in row) for row in section.rows)]
        widths = [max(len(row[at]) for row in table) for at in range(len(section.columns))]
        numeric = [_kind(section, at) == "number" for at in range(len(section.columns))]
        for row in table:
            cells = (
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(row, widths, numeric, strict=True)
            )
            parts.append(("  " + "  ".join(cells)).rstrip())
    return "\n".join(parts) + "\n"


def _as_page(title: str, ended: str, sections: Iterable[Section]) -> str:
    body = [f"<h1>{html.escape(title)}</h1>", f'<p class="ended">{html.escape(ended)}</p>']
    for section in sections:
        body += [f"<h2>{html.escape(section.title)}</h2>", _table(section)]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n<body>\n'
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _table(section: Section) -> str:
    head = "".join(
        f'<th class="{_kind(section, at)}">{html.escape(name)}</th>' for at, name in enumerate(section.columns)
    )
    head += "<th></th>" if section.bar is not None else ""
    longest = 0.0
    if section.bar is not None:
        longest = max((float(row[section.bar]) for row in section.rows), default=0.0)
    lines = []
    for row in section.rows:
        cells = "".join(
            f'<td class="words">{html.escape(cell)}</td>' if isinstance(cell, str) else f"<td>{_shown(cell)}</td>"
            for cell in row
        )
        if section.bar is not None:
            share = 100 * float(row[section.bar]) / longest if longest else 0
            cells += f'<td class="bar-cell"><div class="bar" style="width:{share:.0f}%"></div></td>'
        lines.append(f"<tr>{cells}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _kind(section: Section, column: int) -> str:
    return "words" if any(isinstance(row[column], str) for row in section.rows) else "number"


def _shown(cell: str | int | float) -> str:
    return cell if isinstance(cell, str) else f"{cell:,}"
