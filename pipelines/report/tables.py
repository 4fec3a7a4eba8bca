"""Tables, rendered from the same objects as HTML, as Markdown and as plain text.

Names and cells may come from collected posts, so every renderer escapes what it writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from typing import Any

Json = Any


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: its name and the leaf of each column, None where it has none."""

    name: str
    leaves: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Figures of one kind.

    Attributes:
        path: names of the objects around it, outermost first.
        columns: names of the leaves.
        rows: in the order in which they are shown.
        corner: name of the first column, which holds the rows' names.
        bar: the column that HTML draws as a bar too, or None.
    """

    path: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    corner: str = ""
    bar: str | None = None


def is_interval(node: Json) -> bool:
    """Return whether a node is a figure with its interval."""
    return (
        isinstance(node, Mapping) and {"value", "low", "high"} <= set(node) and not isinstance(node["value"], Mapping)
    )


def value_of(node: Json) -> float | None:
    """Return the number of a leaf, or None where it has none."""
    number = node["value"] if is_interval(node) else node
    return float(number) if isinstance(number, int | float | Decimal) and not isinstance(number, bool) else None


def shown(leaf: Json) -> str:
    """Return a leaf as text: a float with three decimals, a ``Decimal`` as exact as it is, an interval in brackets."""
    if leaf is None:
        return "–"
    if isinstance(leaf, bool):
        return "yes" if leaf else "no"
    if isinstance(leaf, int | Decimal):
        return f"{leaf:,}"
    if isinstance(leaf, float):
        return f"{leaf:,.0f}" if abs(leaf) >= 1000 else f"{leaf:.3f}"
    if is_interval(leaf):
        return f"{shown(leaf['value'])} ({shown(leaf['low'])}–{shown(leaf['high'])})"
    if isinstance(leaf, str):
        return leaf
    return ", ".join(shown(part) for part in leaf)


def title_of(path: Sequence[str]) -> str:
    """Return the heading of what lies at ``path``."""
    return " · ".join(name.replace("_", " ") for name in path) or "figures"


def markdown_table(table: Table) -> str:
    """Return a table as Markdown; a table of words alone is set left, one of figures right."""
    only_words = all(isinstance(leaf, str | None) for row in table.rows for leaf in row.leaves) and bool(table.rows)
    head = [table.corner, *(name.replace("_", " ") for name in table.columns)]
    lines = [[markdown_text(name) for name in head], ["---"] + ["---" if only_words else "---:"] * len(table.columns)]
    lines += [[markdown_text(cell) for cell in (row.name, *map(shown, row.leaves))] for row in table.rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def markdown_text(text: str) -> str:
    """Return ``text`` as one line of Markdown without HTML, without links and without the end of a table's cell."""
    return "".join("\\" + sign if sign in "\\|<[" else sign for sign in " ".join(text.split()))


def html_table(table: Table) -> str:
    """Return a table as HTML; columns that hold a text are set left, others right."""
    lines = [(table.corner, *(name.replace("_", " ") for name in table.columns))]
    lines += [(row.name, *map(shown, row.leaves)) for row in table.rows]
    kinds = ["", *(' class="words"' if _has_words(table, at) else "" for at in range(len(table.columns)))]
    head, *body = [
        "".join(f"<{tag}{kind}>{escape(cell)}</{tag}>" for kind, cell in zip(kinds, line, strict=True))
        for tag, line in zip(("th", *("td",) * len(table.rows)), lines, strict=True)
    ]
    if table.bar is not None:
        head += "<th></th>"
        body = [line + bar for line, bar in zip(body, _bars(table, table.bar), strict=True)]
    rows = "".join(f"<tr>{line}</tr>" for line in body)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def text_table(table: Table) -> str:
    """Return a table as lines for a terminal, columns below each other."""
    lines = [(table.corner, *table.columns), *((row.name, *map(shown, row.leaves)) for row in table.rows)]
    cells = [[plain_text(cell) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    left = [True, *(_has_words(table, at) for at in range(len(table.columns)))]
    return "\n".join(
        "  "
        + "  ".join(
            cell.ljust(width) if is_left else cell.rjust(width)
            for cell, width, is_left in zip(line, widths, left, strict=True)
        ).rstrip()
        for line in cells
    )


def plain_text(text: str) -> str:
    """Return ``text`` as one line without what a terminal obeys."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _has_words(table: Table, column: int) -> bool:
    return any(isinstance(row.leaves[column], str) for row in table.rows)


def _bars(table: Table, column: str) -> Iterator[str]:
    """Yield a cell with a bar for each row, the longest one full."""
    at = table.columns.index(column)
    values = [value_of(row.leaves[at]) or 0.0 for row in table.rows]
    longest = max(values, default=0.0)
    for value in values:
        share = 100 * value / longest if longest else 0
        yield f'<td class="bar-cell"><div class="bar" style="width:{share:.0f}%"></div></td>'
