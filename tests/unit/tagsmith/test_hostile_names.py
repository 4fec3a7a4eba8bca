"""Names from files and sites steer neither a terminal nor Rich, whatever command prints them."""

from __future__ import annotations

import ast
import json
from datetime import date
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from core.bundle.draft import DraftBundle
from core.bundle.manifest import Provenance
from core.clock import utc_now
from core.trend_snapshot import DatedCounts, SearchedHashtags, TrendSnapshot, write_snapshot
from pipelines.cleaning.summary import as_text
from pipelines.report.page import Block, Heading, Paragraph, text_page, write_page
from tagsmith.cli import app
from tagsmith.commands.doctor import Finding, print_findings

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egpj.\u2028[bold]x[/bold][/nope]=cmd('a')<script>alert(1)</script>"
STEERING = set("\x1b\x07\x9b\u202e\u2028")
KEPT = "[bold]x[/bold][/nope]=cmd('a')"
ROOT = Path(__file__).resolve().parents[3]


def run(*words: str) -> str:
    """Return all that a command prints on a wide terminal."""
    done = CliRunner(env={"COLUMNS": "2000", "TERM": "dumb"}).invoke(app, list(words))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.output


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store whose bundle has hostile names wherever a manifest has names."""
    with DraftBundle(tmp_path / "store", "one") as draft:
        draft.path("words.txt").write_text("sea")
        licence = {"what": HOSTILE, "licence": HOSTILE, "source": HOSTILE}
        draft.seal(
            Provenance(created="2026-11-22T00:00:00+00:00", topics=(HOSTILE,), counts={HOSTILE: 1}, licences=(licence,))
        )
        draft.publish()
    counts = DatedCounts(None, np.array([9]), np.array([0]), np.array([0]), np.array([9]))
    searched = SearchedHashtags(HOSTILE, HOSTILE, HOSTILE, ((HOSTILE, 3),))
    today: date = utc_now().date()
    snapshot = TrendSnapshot(today, 1, HOSTILE, {HOSTILE: 9}, (HOSTILE,), counts, searched=(searched,))
    write_snapshot(snapshot, tmp_path / "store" / "trends.json")
    return tmp_path / "store"


@pytest.mark.parametrize(
    "words",
    [
        ("bundle", "show", "--bundle"),
        ("bundle", "show", "--json", "--bundle"),
        ("bundle", "list", "--store"),
        ("bundle", "verify", "--bundle"),
        ("bundle", "rollback", "--store"),
        ("trends", "show", "--bundle"),
        ("trends", "show", "--json", "--bundle"),
        ("doctor", "--bundle"),
        ("doctor", "--json", "--bundle"),
    ],
)
def test_no_command_obeys_a_bundle(store: Path, words: tuple[str, ...]) -> None:
    """Nor the trends beside it."""
    out = run(*words, str(store))
    assert out
    assert not STEERING & set(out)
    if words[1] == "show" and "--json" not in words:
        assert KEPT in out
    if words[:3] == ("bundle", "show", "--json"):
        assert json.loads(out)["topics"] == [HOSTILE]


def test_no_error_obeys_what_it_quotes(store: Path, tmp_path: Path) -> None:
    """A mistyped or hostile argument, folder or manifest."""
    (store / "two").mkdir()
    (store / "two" / "manifest.json").write_text(json.dumps({"format_version": HOSTILE, HOSTILE: 1}))
    hostile = HOSTILE.replace("/", "")
    for words in (
        ("bundle", "use", HOSTILE, "--store", str(store)),
        ("bundle", "list", "--store", str(store)),
        ("bundle", "show", "--bundle", str(tmp_path / hostile)),
        ("trends", "show", "--bundle", str(store), "--topic", HOSTILE),
        ("collect", "--target", HOSTILE, "--out", str(tmp_path / "corpus")),
        ("clean", str(tmp_path / hostile), "--out", str(tmp_path / "out")),
        ("keys", "create", "--name", HOSTILE),
        ("keys", "create", "--name", "x", "--workspace", HOSTILE),
        ("keys", "create", "--name", "x", "--scope", HOSTILE),
        ("keys", "revoke", HOSTILE),
        ("outliers", str(tmp_path / hostile)),
        ("suggest", str(tmp_path / hostile)),
    ):
        out = run(*words)
        assert out, words
        assert not STEERING & set(out), words


def test_a_keys_name_is_shown_as_it_is() -> None:
    """Brackets are no markup."""
    run("keys", "create", "--name", KEPT)
    assert KEPT in run("keys", "list")


def test_findings_are_shown_and_not_obeyed() -> None:
    """A variable's name may hold anything."""
    out = StringIO()
    print_findings([Finding(HOSTILE, "wrong", HOSTILE)], Console(file=out, width=2000))
    assert not STEERING & set(out.getvalue())
    assert KEPT in out.getvalue()


def test_reports_as_text_are_fit_for_a_terminal(tmp_path: Path) -> None:
    """As ``cat crawl/report.txt`` shows them; as pages they hold no markup of others."""
    blocks: list[Block] = [Heading(HOSTILE), Paragraph(HOSTILE)]
    text = text_page(HOSTILE, blocks)
    write_page(tmp_path / "page.html", HOSTILE, blocks)
    assert not STEERING & set(text)
    assert KEPT in text
    assert "<script>alert" not in (tmp_path / "page.html").read_text("utf-8")
    summary = {name: {HOSTILE: 1} for name in ("dropped", "pictures_dropped", "mended", "other_languages")}
    cleaned = as_text({"read": 1, "kept": 1, "with_picture": 1, "first_malformed_line": {HOSTILE: HOSTILE}, **summary})
    assert not STEERING & set(cleaned)


def test_commands_print_through_the_terminal_module_alone() -> None:
    """So that a new command cannot forget it."""
    for path in sorted((ROOT / "tagsmith" / "commands").glob("*.py")):
        for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)):
            name = ast.unparse(call.func)
            assert name not in ("typer.echo", "print", "typer.secho", "rich.print"), f"{path.name}:{call.lineno}"
            assert not name.endswith((".print", ".add_row")), f"{path.name}:{call.lineno}"
