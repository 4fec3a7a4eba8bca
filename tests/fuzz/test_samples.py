"""A small part of what ``make fuzz`` does at length."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import contract, pictures
from tests.fuzz.mutations import mutant
from tests.fuzz.picture_seeds import READ, seeds


def test_mutated_pictures_do_no_harm(tmp_path: Path) -> None:
    """No fault, no crash, no case over 3 seconds of processor time or 400 MB, nothing left behind."""
    found = pictures.run(1, 120, tmp_path / "kept")
    assert found["harmful"] == found["dear"] == found["crashes"] == found["left_behind"] == found["leaked"] == []
    assert not (tmp_path / "kept").exists()


def test_a_case_is_the_same_each_time() -> None:
    """What is printed finds the file again; most cases differ from their seed."""
    cases = [mutant(7, number) for number in range(200)]
    assert cases == [mutant(7, number) for number in range(200)]
    assert sum(data != seeds()[name] for name, data in cases) > 150
    assert len({name for name, _ in cases}) > len(READ) / 2


@pytest.mark.slow
def test_the_contract_holds_for_its_examples() -> None:
    """Every call, by the examples that it is documented with, all checks."""
    with contract.target() as service:
        n_requests, code = contract.attack(service, "examples", 1, seed=1)
    assert code == 0
    assert n_requests > 10
