"""The lists in README and docs have exactly the entries that the code has."""

from __future__ import annotations

import ast
import re
from typing import get_args

from core.platforms import LeftOutRule
from pipelines.training.run import STAGE_MODULES
from scraper.sources import SOURCES
from service.problems import KINDS
from service.protocol.auth import SCOPES
from tests.house.rooms import ROOT, modules, pyproject, tree


def table_rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading of a page, without the table's head."""
    text = (ROOT / page).read_text(encoding="utf-8")
    below = text.split(f"\n{heading}\n", maxsplit=1)[1] if heading else text
    rows: list[str] = []
    for line in below.splitlines():
        if line.startswith("|"):
            rows.append(line)
        elif rows:
            break
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def in_backticks(cell: str) -> list[str]:
    """Return what a cell writes in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def test_every_problem_has_its_row_with_its_status() -> None:
    """A client's author looks a code up in docs/api.md."""
    listed: dict[str, int] = {}
    for codes, statuses, _ in table_rows("docs/api.md", "## Errors"):
        names, numbers = in_backticks(codes), [int(status) for status in statuses.split(",")]
        listed.update(zip(names, numbers * len(names) if len(numbers) == 1 else numbers, strict=True))
    assert listed == {code: kind.status for code, kind in KINDS.items()}


def warning_codes() -> set[str]:
    """Return the code of every ``Notice`` that the code makes, looking up constants in the same file."""
    found = set()
    for path in modules():
        module = tree(path)
        constants = {
            ast.unparse(node.targets[0]): node.value
            for node in module.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        }
        for call in (node for node in ast.walk(module) if isinstance(node, ast.Call)):
            if ast.unparse(call.func) == "Notice" and call.args:
                code = constants.get(ast.unparse(call.args[0]), call.args[0])
                assert isinstance(code, ast.Constant), f"{path}:{call.lineno} makes its code while it runs"
                found.add(str(code.value))
    return found


def test_every_warning_has_its_row() -> None:
    """A caller looks a warning up in docs/api.md."""
    listed = [code for codes, _ in table_rows("docs/api.md", "## Warnings") for code in in_backticks(codes)]
    assert len(listed) == len(set(listed))
    assert set(listed) == warning_codes()


def test_every_reason_to_leave_a_hashtag_out_has_its_row() -> None:
    """A caller reads ``left_out`` of a ready set and wants to know what its rules mean."""
    listed = [in_backticks(row[0])[0] for row in table_rows("docs/api.md", "### Ready sets")]
    assert listed == list(get_args(LeftOutRule))


def test_every_scope_has_its_row() -> None:
    """Whoever makes a key must know which scopes it needs."""
    assert [in_backticks(row[0])[0] for row in table_rows("docs/keys.md", "")] == list(SCOPES)


def test_every_source_has_its_row() -> None:
    """``tagsmith collect --source`` takes what docs/sources.md names."""
    listed = [in_backticks(row[0])[0] for row in table_rows("docs/sources.md", "")]
    assert set(listed) == {source.name for source in SOURCES}


def test_every_stage_has_its_row_in_order() -> None:
    """docs/walk.md follows a training run stage by stage."""
    rows = table_rows("docs/walk.md", "## One training run")
    assert [name for row in rows for name in in_backticks(row[0])] == list(STAGE_MODULES)


def test_every_extra_is_named_in_the_readme() -> None:
    """Nobody installs an extra that the README does not name."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (sentence,) = re.findall(r"The wheel has extras: (.+?)\n\n", readme, flags=re.DOTALL)
    assert in_backticks(re.sub(r"\[[^\]]*\]\([^)]*\)", "", sentence.split(".\n")[0])) == list(
        pyproject()["project"]["optional-dependencies"]
    )


def test_every_page_is_in_the_index() -> None:
    """A page that no other page links to is not read."""
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert not [page.name for page in (ROOT / "docs").glob("*.md") if f"({page.name})" not in index + "(index.md)"]
