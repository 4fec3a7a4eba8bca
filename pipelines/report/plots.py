"""Pictures of figures, as PNG."""

from __future__ import annotations

import io
import math

from pipelines.report.figures import Confusion
from pipelines.report.tables import Table, is_interval, title_of, value_of

MOST_BARS = 40
_INK, _BAR = "#1f2933", "#3b7ea1"


def bars_png(table: Table, column: str) -> bytes:
    """Return a bar a row of ``column``, with its interval where there is one."""
    from matplotlib.figure import Figure

    at = table.columns.index(column)
    rows = [row for row in table.rows if value_of(row.leaves[at]) is not None][:MOST_BARS]
    names = [row.name for row in rows]
    leaves = [row.leaves[at] for row in rows]
    values = [value_of(leaf) or 0.0 for leaf in leaves]
    spans = [
        (leaf["low"], leaf["high"]) if is_interval(leaf) else (v, v) for leaf, v in zip(leaves, values, strict=True)
    ]
    figure = Figure(figsize=(7.2, 0.9 + 0.27 * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.barh(names, values, color=_BAR, height=0.7)
    errors = [
        [max(0.0, value - low) for value, (low, _) in zip(values, spans, strict=True)],
        [max(0.0, high - value) for value, (_, high) in zip(values, spans, strict=True)],
    ]
    if any(any(side) for side in errors):
        axes.errorbar(values, names, xerr=errors, fmt="none", ecolor=_INK, elinewidth=1, capsize=2)
    if column == "ratio":
        axes.axvline(1.0, color=_INK, linewidth=1, linestyle=":")
    axes.invert_yaxis()
    axes.set_title(f"{title_of(table.path)}: {column}", fontsize=10, loc="left")
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def course_png(table: Table) -> bytes:
    """Return a curve a numeric column over the steps of a course."""
    from matplotlib.figure import Figure

    courses = {
        name: [value_of(row.leaves[at]) for row in table.rows]
        for at, name in enumerate(table.columns)
        if any(value_of(row.leaves[at]) is not None for row in table.rows)
    }
    figure = Figure(figsize=(min(9.6, 3.2 * len(courses)), 2.4), layout="constrained")
    for axes, (name, values) in zip(figure.subplots(1, len(courses), squeeze=False)[0], courses.items(), strict=True):
        axes.plot(range(1, len(values) + 1), [math.nan if value is None else value for value in values], color=_BAR)
        axes.set_title(name.replace("_", " "), fontsize=9, loc="left")
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def confusion_png(confusion: Confusion) -> bytes:
    """Return a confusion matrix: shade by share of the row, number by count."""
    from matplotlib.figure import Figure

    totals = [max(1, sum(row)) for row in confusion.counts]
    shares = [[count / total for count in row] for row, total in zip(confusion.counts, totals, strict=True)]
    size = 1.9 + 0.42 * len(confusion.labels)
    figure = Figure(figsize=(size + 0.8, size), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for y, row in enumerate(confusion.counts):
        for x, count in enumerate(row):
            if count:
                colour = "white" if shares[y][x] > 0.5 else _INK
                axes.text(x, y, str(count), ha="center", va="center", fontsize=8, color=colour)
    ticks = range(len(confusion.labels))
    axes.set_xticks(ticks, confusion.labels, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(ticks, confusion.labels, fontsize=8)
    axes.set_xlabel("taken for", fontsize=9)
    axes.set_ylabel("is", fontsize=9)
    axes.set_title(title_of(confusion.path), fontsize=10, loc="left")
    return _png(figure)


def _png(figure: object) -> bytes:
    from matplotlib.figure import Figure

    assert isinstance(figure, Figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()
