"""Licences by one code each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidOption
from scraper.licences import CODES, demand_codes, licence_code


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ("cc0", "cc0"),
        ("CC0", "cc0"),
        ("cc-zero", "cc0"),
        ("cc0-1.0", "cc0"),
        ("pd", "pd"),
        ("pd-old-100", "pd"),
        ("pdm", "pd"),
        ("Public domain", "pd"),
        ("cc-by-4.0", "by"),
        ("CC BY 2.0", "by"),
        ("cc-by-2.5", "by"),
        ("by", "by"),
        ("by-sa", "by-sa"),
        ("CC BY-SA 3.0", "by-sa"),
        ("cc-by-sa-3.0-de", "by-sa"),
        ("cc-by-sa-3.0,2.5,2.0,1.0", "by-sa"),
        ("cc-by-sa-all", "by-sa"),
        ("cc-by-sa-3.0-migrated", "by-sa"),
        ("CC BY-NC-ND 4.0", "by-nc-nd"),
        ("cc-by-nd-2.0", "by-nd"),
        ("gfdl", None),
        ("fair use", None),
        ("All rights reserved", None),
        ("pdf", None),
        ("cc-by-sa-or-not-at-all", None),
        ("", None),
    ],
)
def test_a_licence_has_one_code_however_it_is_written(stated: str, code: str | None) -> None:
    """Commons, Openverse and Pixelfed write the same licence in their own ways."""
    assert licence_code(stated) == code


@given(st.text())
def test_no_text_is_taken_for_a_licence_by_accident(stated: str) -> None:
    """What comes out is one of the codes, or nothing."""
    assert licence_code(stated) in (*CODES, None)


def test_unknown_licences_are_refused_by_name() -> None:
    """A typing error must not open or close the list."""
    with pytest.raises(InvalidOption, match="'by-na'"):
        demand_codes(["by", "by-na"])


def test_a_list_without_a_licence_is_refused() -> None:
    """Nothing could be collected under it."""
    with pytest.raises(InvalidOption, match="no licence"):
        demand_codes([])
