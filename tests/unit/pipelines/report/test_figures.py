"""Whatever evaluation measured stands in the report."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.report.figures import Confusion, figures
from pipelines.report.tables import Table, markdown_table, shown, value_of

INTERVAL = {"value": 0.25, "low": 0.2, "high": 0.3}
MEASURED = {
    "n_posts": 400,
    "tags": {
        "methods": {"learned": {"nDCG@10": INTERVAL, "P@1": 0.5}, "popularity": {"nDCG@10": 0.08}},
        "by_source": {"walks": {"nDCG@10": INTERVAL}},
    },
    "topic": {"test": {"confusion": {"labels": ["food", "art"], "counts": [[9, 1], [2, 8]]}, "top-1": 0.85}},
    "bars": [{"what": "tags", "least": 1.05, "met": False}],
}


def test_groups_of_rows_become_tables_in_their_order() -> None:
    """Columns are all that any row has; a row without one has a gap."""
    table = next(one for one in figures(MEASURED) if one.path == ("tags", "methods"))
    assert isinstance(table, Table)
    assert table.columns == ("nDCG@10", "P@1")
    assert [(row.name, row.leaves) for row in table.rows] == [
        ("learned", (INTERVAL, 0.5)),
        ("popularity", (0.08, None)),
    ]


def test_figures_beside_groups_are_not_lost() -> None:
    """Each level's own numbers have a table."""
    paths = [one.path for one in figures(MEASURED)]
    assert paths == [
        (),
        ("tags", "methods"),
        ("tags", "by_source"),
        ("topic", "test"),
        ("topic", "test", "confusion"),
        ("bars",),
    ]


def test_a_confusion_matrix_is_known_by_its_shape() -> None:
    """It is drawn, not listed."""
    (confusion,) = (one for one in figures(MEASURED) if isinstance(one, Confusion))
    assert confusion.counts == ((9, 1), (2, 8))


@pytest.mark.parametrize(
    ("leaf", "text"),
    [
        (INTERVAL, "0.250 (0.200–0.300)"),
        (None, "–"),
        (True, "yes"),
        (64699, "64,699"),
        (0.12345, "0.123"),
        (5000.4, "5,000"),
        ("soft", "soft"),
        ([0.1, 0.2], "0.100, 0.200"),
    ],
)
def test_leaves_are_shown_as_people_read_them(leaf: object, text: str) -> None:
    """Three decimals are more than any interval here deserves."""
    assert shown(leaf) == text


def test_a_yes_is_no_number() -> None:
    """It is not plotted as 1."""
    assert value_of(True) is None
    assert value_of(INTERVAL) == 0.25


def test_a_bar_in_a_name_does_not_break_the_table() -> None:
    """Source names come from the data."""
    (table,) = figures({"a|b": {"x": 1}})
    assert isinstance(table, Table)
    assert markdown_table(table).splitlines()[2] == "| a\\|b | 1 |"


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just(INTERVAL)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.dictionaries(st.text(max_size=4), inner, max_size=4) | st.lists(inner, max_size=4),
    max_leaves=12,
)


@given(tree=st.dictionaries(st.text(max_size=4), TREES, max_size=4))
def test_any_figures_can_be_shown(tree: dict[str, object]) -> None:
    """A measurement of an unforeseen shape does not stop a report at the end of a long run."""
    for one in figures(tree):
        if isinstance(one, Table):
            assert len(markdown_table(one).splitlines()) == 2 + len(one.rows)
