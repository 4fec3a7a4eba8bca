"""Measured figures as tables: whatever evaluation measured, in the order in which it wrote it down.

Evaluation writes nested JSON. A leaf is a number, a text, yes or no, null, or an interval ``{"value", "low", "high"}``;
objects of leaves become rows, objects of rows tables, and ``{"labels": [...], "counts": [[...]]}`` a confusion matrix.
So a new measurement needs no new code here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelines.report.tables import Json, Row, Table, is_interval


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often each label was taken for each other one.

    Attributes:
        path: names of the objects around it, outermost first.
        labels: names of rows (what it is) and columns (what it was taken for).
        counts: a row a label; each sums to the number of its pictures.
    """

    path: tuple[str, ...]
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


def figures(node: Mapping[str, Json], path: tuple[str, ...] = ()) -> Iterator[Table | Confusion]:
    """Yield every table and confusion matrix of nested figures."""
    if _is_confusion(node):
        yield Confusion(path, tuple(node["labels"]), tuple(tuple(row) for row in node["counts"]))
        return
    if _is_group(node) and all(_is_row(child) for child in node.values()):
        yield _table(path, {str(name): child for name, child in node.items()})
        return
    own = {str(name).replace("_", " "): {"value": child} for name, child in node.items() if is_leaf(child)}
    if own:
        yield _table(path, own)
    for name, child in node.items():
        if is_leaf(child):
            continue
        if isinstance(child, Mapping):
            yield from figures(child, (*path, str(name)))
        elif child and all(isinstance(entry, Mapping) for entry in child):
            yield from figures({str(number): entry for number, entry in enumerate(child, 1)}, (*path, str(name)))
        else:
            yield _table(
                (*path, str(name)), {str(number): {"value": str(entry)} for number, entry in enumerate(child, 1)}
            )


def is_leaf(node: Json) -> bool:
    """Return whether a node fits into one cell."""
    if isinstance(node, Sequence) and not isinstance(node, str):
        return len(node) <= 3 and all(isinstance(part, str | int | float) for part in node)
    return not isinstance(node, Mapping) or is_interval(node)


def is_course(table: Table) -> bool:
    """Return whether the rows of a table are the steps of one course of time (epochs), numbered from 1."""
    return len(table.rows) > 2 and [row.name for row in table.rows] == [
        str(number) for number in range(1, len(table.rows) + 1)
    ]


def _table(path: tuple[str, ...], rows: Mapping[str, Mapping[str, Json]]) -> Table:
    columns = tuple(dict.fromkeys(str(name) for row in rows.values() for name in row))
    return Table(
        path, columns, tuple(Row(name, tuple(row.get(column) for column in columns)) for name, row in rows.items())
    )


def _is_group(node: Mapping[str, Json]) -> bool:
    return bool(node) and all(isinstance(child, Mapping) for child in node.values())


def _is_row(node: Json) -> bool:
    return isinstance(node, Mapping) and not is_interval(node) and all(is_leaf(child) for child in node.values())


def _is_confusion(node: Mapping[str, Json]) -> bool:
    return set(node) >= {"labels", "counts"} and isinstance(node["counts"], list)
