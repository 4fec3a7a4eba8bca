"""The folders, the wheel and the contracts name the same rooms."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.house.rooms import ROOMS, ROOT, modules, name_of, pyproject, tree

# Wings without a contract: any file of their room may import them.
FREE_WINGS = {"recommend/baselines"}


def contracts(kind: str) -> list[dict[str, Any]]:
    """Return import-linter's contracts of one type."""
    return [contract for contract in pyproject()["tool"]["importlinter"]["contracts"] if contract["type"] == kind]


def names_in(layers: list[str]) -> list[str]:
    """Return every name in the layers; several in one layer are separated by ``|``."""
    return [name.strip() for layer in layers for name in layer.split("|")]


def test_folders_with_an_init_are_exactly_the_rooms() -> None:
    """A new top-level package must join the wheel and the contracts."""
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"benchmarks"}
    assert folders == set(ROOMS)


def test_the_wheel_holds_exactly_the_rooms() -> None:
    """What is on disk is what is installed."""
    assert set(pyproject()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == set(ROOMS)


def test_the_contracts_watch_exactly_the_rooms() -> None:
    """A room that import-linter does not know may import anything."""
    assert set(pyproject()["tool"]["importlinter"]["root_packages"]) == set(ROOMS)


def test_every_room_stands_on_a_floor() -> None:
    """The layers name each room once."""
    (floors,) = [contract for contract in contracts("layers") if "containers" not in contract]
    assert sorted(names_in(floors["layers"])) == sorted(ROOMS)


def test_every_wing_stands_in_a_contract() -> None:
    """Without a contract nothing holds what the first line of a wing forbids."""
    held = {
        f"{room}/{wing}"
        for contract in contracts("layers")
        for room in contract.get("containers", [])
        for wing in names_in(contract["layers"])
    } | {module.replace(".", "/") for contract in contracts("independence") for module in contract["modules"]}
    wings = {name_of(path.parent) for path in modules() if path.name == "__init__.py"} - set(ROOMS)
    inner = {wing for wing in wings if wing.count("/") > 1}
    assert wings - inner - held == FREE_WINGS


def test_types_reach_those_who_install_it() -> None:
    """Without the marker, a type checker takes an installed package for untyped."""
    assert not [room for room in ROOMS if not (ROOT / room / "py.typed").is_file()]


def test_mypy_reads_every_room() -> None:
    """No room goes unchecked."""
    assert set(pyproject()["tool"]["mypy"]["files"]) >= set(ROOMS)


@pytest.mark.parametrize("path", [path for path in modules() if path.name == "__init__.py"], ids=name_of)
def test_an_init_is_a_docstring_and_nothing_else(path: Path) -> None:
    """The contracts do not look into a package's own file, so nothing may hide there."""
    (statement,) = tree(path).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Constant)
    assert isinstance(statement.value.value, str)


def test_the_changelog_starts_with_the_packages_version() -> None:
    """Every release has a changelog entry."""
    heads = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    released = [head for head in heads if head != "Unreleased"]
    assert released[0] == pyproject()["project"]["version"]


def test_constraints_pin_every_dependency_once() -> None:
    """Two clones install the same versions."""
    project = pyproject()["project"]
    extras = project["optional-dependencies"]
    wanted = [
        *project["dependencies"],
        *(line for name in ("train", "scrape", "scale", "otel", "dev") for line in extras[name]),
    ]
    pinned = [
        re.sub(r"[-_.]+", "-", Requirement(line).name).lower()
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert len(pinned) == len(set(pinned))
    assert {re.sub(r"[-_.]+", "-", Requirement(line).name).lower() for line in wanted} <= set(pinned)


def test_constraints_hold_exact_public_versions() -> None:
    """A local version such as ``+cpu`` exists on one machine only."""
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line), line


def test_serving_does_not_depend_on_training_packages() -> None:
    """The default install stays small."""
    names = {Requirement(line).name for line in pyproject()["project"]["dependencies"]}
    assert not names & {"torch", "torchvision", "gensim", "scikit-learn", "matplotlib", "openvino", "onnx"}


def test_gitignore_hides_no_room() -> None:
    """An unanchored ``models/`` would ship an empty package."""
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    for room in ROOMS:
        assert not {room, f"{room}/", f"/{room}", f"/{room}/", f"**/{room}"} & set(lines)
