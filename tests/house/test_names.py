"""Names, sizes, docstrings, and what a tracked file may not say."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from tests.house.rooms import ROOT, modules, name_of, tracked_files, tree

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc", "types"}
MAX_LINES = 500
# Longer files, each with its reason.
LONG_FILES: dict[str, str] = {}
MAX_FILES = 20
# Split, so that this file does not hold what it looks for.
MACHINE_PATHS = re.compile(r"(/wo" + r"rk/|/ro" + r"ot/|/tm" + r"p/bash_jobs|\.\./sha" + r"red)")
MAX_TRACKED_BYTES = 2 * 1024 * 1024


def test_no_module_has_a_name_that_says_nothing() -> None:
    """A module is a noun that a user would say."""
    assert not [name_of(path) for path in modules() if path.stem.lstrip("_") in FORBIDDEN_NAMES]


def test_files_stay_short() -> None:
    """A file of more than 500 lines has more than one reason to change."""
    too_long = {
        name_of(path)
        for path in tracked_files()
        if path.suffix == ".py" and len(path.read_text(encoding="utf-8").splitlines()) > MAX_LINES
    }
    assert too_long == set(LONG_FILES)


def test_folders_stay_small() -> None:
    """A folder whose files do not fit into one glance should be several folders."""
    files = Counter(name_of(path.parent) for path in modules() if path.name != "__init__.py")
    assert not {folder: n_files for folder, n_files in files.items() if n_files > MAX_FILES}


def test_unit_tests_lie_as_the_code_does() -> None:
    """Each folder of tests/unit is named as the wing that it tests, so that a module's tests are found."""
    folders = {path.parent for path in (ROOT / "tests" / "unit").rglob("test_*.py")}
    wings = [folder.relative_to(ROOT / "tests" / "unit") for folder in folders]
    assert not [wing for wing in wings if not (ROOT / wing / "__init__.py").is_file()]


def public_definitions(
    node: ast.Module | ast.ClassDef,
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Yield the public functions, classes and methods of a module or class, nested classes included."""
    for child in node.body:
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from public_definitions(child)


def test_everything_public_has_a_docstring() -> None:
    """A reader learns what a function returns without reading its body."""
    silent = [
        f"{name_of(path)}:{definition.lineno} {definition.name}"
        for path in modules()
        for definition in public_definitions(tree(path))
        if not ast.get_docstring(definition)
        and not any("overload" in ast.unparse(d) for d in definition.decorator_list)
    ]
    assert not silent


def test_every_module_has_a_docstring() -> None:
    """The first line of a file says what it is for."""
    assert not [name_of(path) for path in modules() if not ast.get_docstring(tree(path))]


def test_tracked_files_name_no_machine() -> None:
    """A path of somebody's machine helps nobody else; only CI may name the data beside the clone."""
    guilty = []
    for path in tracked_files():
        if name_of(path).startswith(".ci/") or name_of(path).startswith("bundles/"):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        guilty += [f"{name_of(path)}: {match.group()}" for match in MACHINE_PATHS.finditer(text)]
    assert not guilty


def test_tracked_files_are_small() -> None:
    """Weights and data stay out of the history; the starter bundle has its own bound."""
    large = [path for path in tracked_files() if path.stat().st_size > MAX_TRACKED_BYTES]
    assert not [name_of(path) for path in large if not name_of(path).startswith("bundles/starter/")]


def test_the_starter_bundle_is_at_most_60_mb() -> None:
    """It is cloned, installed and put into an image by everyone."""
    starter = [path for path in tracked_files() if name_of(path).startswith("bundles/starter/")]
    assert sum(path.stat().st_size for path in starter) <= 60 * 1000 * 1000


def test_every_test_says_what_it_holds() -> None:
    """A test's docstring is the statement that a failure disproves."""
    silent = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in tracked_files()
        if name_of(path).startswith("tests/") and path.suffix == ".py"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert not silent
