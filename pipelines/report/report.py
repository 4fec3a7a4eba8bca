"""The report of a run: what was read, how long each stage took, every figure, and plots to look at."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from core.atomic import write_atomic
from pipelines.report.figures import Confusion, Table, figures, is_course, markdown_table, title_of, value_of
from pipelines.report.plots import bars_png, confusion_png, course_png
from pipelines.workshop.stage import StageRecord

REPORT_NAME = "report"
MEASURING = ("train-topics", "train-embeddings", "train-ranker", "evaluate")
PLOTTED = ("nDCG@10", "A@5", "top-1", "accuracy", "ratio")

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 82rem; margin: 2rem auto; padding: 0 1rem }
h1, h2, h3 { line-height: 1.2; margin: 2rem 0 .6rem } h2 { border-bottom: 1px solid #cbd2d9; padding-bottom: .2rem }
table { border-collapse: collapse; font-size: 12px; display: block; overflow-x: auto }
table { font-variant-numeric: tabular-nums }
th, td { padding: .2rem .5rem; border-bottom: 1px solid #e4e7eb; white-space: nowrap } thead th { background: #f5f7fa }
td:first-child { white-space: normal; min-width: 9rem; max-width: 24rem }
img { max-width: 100%; display: block; margin: .8rem 0 } code { background: #f5f7fa }
pre code { background: none }
"""


def write_report(out: Path, work: Path, records: Sequence[StageRecord]) -> Path:
    """Write ``report.md`` and ``report.html`` (one file, plots inside) into ``out`` and return the latter.

    Args:
        out: the store.
        work: where the results of the stages lie.
        records: of the stages of this run; a result that another run left is not shown.

    Raises:
        StorageError: the files cannot be written.
    """
    results = work / "stages"
    ran = {record.stage for record in records}
    corpus = _read(results / "split" / "out" / "summary.json") if "split" in ran else {}
    published = _read(results / "publish" / "out" / "published.json") if "publish" in ran else {}
    parts: list[str] = [f"# {published.get('bundle', 'A run that has not published yet')}"]
    parts.append("## Stages\n\n" + _stages(records))
    parts.append("## Posts\n\n" + "\n\n".join(_tables(corpus)))
    plots: dict[str, str] = {}
    for name in (name for name in MEASURING if name in ran):
        measured = _read(results / name / "out" / "metrics.json")
        if measured:
            parts.append(f"## {name}\n\n" + "\n\n".join(_sections(measured, plots)))
    text = "\n\n".join(parts) + "\n"
    write_atomic(out / f"{REPORT_NAME}.md", _without_plots(text, plots))
    page = out / f"{REPORT_NAME}.html"
    write_atomic(page, html_page(text, plots, parts[0].removeprefix("# ")))
    return page


def _stages(records: Sequence[StageRecord]) -> str:
    rows: dict[str, Any] = {
        record.stage: {
            "seconds": round(record.seconds),
            "started": record.started.replace("T", " ").removesuffix("+00:00"),
            "resumed": record.resumed,
            "peak MB so far": record.peak_rss_mb,
        }
        for record in records
    }
    total = sum(record.seconds for record in records)
    return "\n\n".join(_tables(rows)) + f"\n\nTogether {total / 60:.1f} minutes."


def _tables(found: dict[str, Any]) -> Iterator[str]:
    for one in figures(found):
        if isinstance(one, Table):
            heading = f"### {title_of(one.path)}\n\n" if one.path else ""
            yield heading + markdown_table(one)


def _sections(measured: dict[str, Any], plots: dict[str, str]) -> Iterator[str]:
    """Yield a heading, a plot where one helps, and the table of each group of figures."""
    for one in figures(measured):
        heading = f"### {title_of(one.path)}"
        if isinstance(one, Confusion):
            yield f"{heading}\n\n{_plot(confusion_png(one), plots)}"
            continue
        picture = _picture(one)
        shown = f"{_plot(picture, plots)}\n\n" if picture else ""
        yield f"{heading}\n\n{shown}{markdown_table(one)}"


def _picture(table: Table) -> bytes | None:
    """Return a plot of a table, or None where there is nothing to compare."""
    if is_course(table):
        numeric = any(value_of(leaf) is not None for row in table.rows for leaf in row.leaves)
        return course_png(table) if numeric else None
    column = next((name for name in PLOTTED if name in table.columns), None)
    if column is None:
        return None
    at = table.columns.index(column)
    n_values = sum(value_of(row.leaves[at]) is not None for row in table.rows)
    return bars_png(table, column) if n_values > 1 else None


def _plot(png: bytes, plots: dict[str, str]) -> str:
    """Keep a picture and return the line that stands for it."""
    mark = f"PLOT-{len(plots)}"
    plots[mark] = "data:image/png;base64," + base64.b64encode(png).decode()
    return mark


def _without_plots(text: str, plots: dict[str, str]) -> str:
    lines = [line for line in text.splitlines() if line not in plots]
    return "\n".join(lines) + "\n"


def html_page(text: str, plots: dict[str, str], title: str) -> str:
    """Return a page of Markdown as one HTML file.

    Args:
        text: Markdown; HTML in it is shown, not obeyed.
        plots: a line that stands alone in ``text`` -> address of the picture that takes its place.
        title: of the page.
    """
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    for mark, source in plots.items():
        body = body.replace(f"<p>{mark}</p>", f'<img alt="plot of the table below" src="{source}">')
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style></head>\n<body>\n{body}</body></html>\n"
    )


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    return content if isinstance(content, dict) else {}
