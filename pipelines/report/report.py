"""The report of a run: what was read, how long each stage took, every figure, and plots to look at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.atomic import write_atomic
from pipelines.report.figures import Confusion, figures, is_course
from pipelines.report.page import Block, Heading, Paragraph, Picture, markdown_page, write_page
from pipelines.report.plots import bars_png, confusion_png, course_png
from pipelines.report.tables import Table, title_of, value_of
from pipelines.workshop.stage import StageRecord

REPORT_NAME = "report"
MEASURING = ("train-topics", "train-embeddings", "train-ranker", "evaluate")
PLOTTED = ("nDCG@10", "A@5", "top-1", "accuracy", "ratio")


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
    title = published.get("bundle", "A run that has not published yet")
    blocks: list[Block] = [Heading("Stages"), *_stages(records), Heading("Posts"), *_tables(corpus)]
    for name in (name for name in MEASURING if name in ran):
        measured = _read(results / name / "out" / "metrics.json")
        if measured:
            blocks += [Heading(name), *_measured(measured)]
    write_atomic(out / f"{REPORT_NAME}.md", markdown_page(title, blocks))
    page = out / f"{REPORT_NAME}.html"
    write_page(page, title, blocks)
    return page


def _stages(records: Sequence[StageRecord]) -> Iterator[Block]:
    yield from _tables(
        {
            record.stage: {
                "seconds": round(record.seconds),
                "started": record.started.replace("T", " ").removesuffix("+00:00"),
                "resumed": record.resumed,
                "peak MB so far": record.peak_rss_mb,
            }
            for record in records
        }
    )
    yield Paragraph(f"Together {sum(record.seconds for record in records) / 60:.1f} minutes.")


def _tables(found: Mapping[str, Any]) -> Iterator[Block]:
    for table in figures(found):
        if isinstance(table, Table):
            if table.path:
                yield Heading(title_of(table.path), 3)
            yield table


def _measured(measured: Mapping[str, Any]) -> Iterator[Block]:
    """Yield a heading, a plot where it helps, and the table of each group of figures."""
    for figure in figures(measured):
        yield Heading(title_of(figure.path), 3)
        if isinstance(figure, Confusion):
            yield Picture(confusion_png(figure), "confusion matrix: rows are what it is, columns what it was taken for")
            continue
        plot = _plot(figure)
        if plot is not None:
            yield Picture(plot, "plot of the table below")
        yield figure


def _plot(table: Table) -> bytes | None:
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


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    return content if isinstance(content, dict) else {}
