"""``tagsmith trends`` as a person runs it."""

from __future__ import annotations

import json
from contextlib import chdir
from datetime import UTC, datetime, timedelta
from pathlib import Path

from typer.testing import CliRunner

from tagsmith.cli import app
from tests.unit.pipelines.posts_on_disk import record, write_lines


def invoke(*words: str) -> tuple[int, str]:
    """Return (exit code, all output) of a command."""
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.output


def write_corpus(folder: Path, days_ago: int) -> None:
    """Write dated posts whose newest is so many days old."""
    now = datetime.now(UTC)
    rows = [
        record(n, hashtags=["dog", "walk"], author=f"a{n}", time=(now - timedelta(days=days_ago + n % 40)).isoformat())
        for n in range(200)
    ]
    write_lines(folder / "posts" / "walks.jsonl", rows)


def test_trends_are_refreshed_and_shown_with_their_age(tmp_path: Path) -> None:
    """Counts, what was left out, date and corpus."""
    write_corpus(tmp_path / "corpus", 1)
    store = tmp_path / "store"
    code, out = invoke("trends", "refresh", "--corpus", str(tmp_path / "corpus"), "--bundle", str(store))
    assert code == 0, out
    assert "200 posts counted" in out
    (store / "one").mkdir()
    (store / "one" / "manifest.json").write_text("{}")
    code, out = invoke("trends", "show", "--bundle", str(store / "one"), "--json")
    shown = json.loads(out)
    assert [one["hashtag"] for one in shown["top"]] == ["dog", "walk"]
    assert (shown["fresh"], shown["age_days"], shown["corpus"]) == (True, 1, "posts of the corpus corpus")
    code, out = invoke("trends", "show", "--bundle", str(store / "one"), "--topic", "cars")
    assert (code, "no topic 'cars'" in out) == (2, True)


def test_trends_of_a_store_without_a_bundle_are_shown_all_the_same(tmp_path: Path) -> None:
    """Whoever starts with the shipped bundle is told that answers do not use them yet, and finds them."""
    write_corpus(tmp_path / "corpus", 1)
    with chdir(tmp_path):
        code, out = invoke("trends", "refresh", "--corpus", "corpus")
        assert (code, "holds no bundle yet" in out) == (0, True)
        code, out = invoke("trends", "show", "--json")
    assert (code, json.loads(out)["corpus"]) == (0, "posts of the corpus corpus")


def test_old_trends_are_told_to_be_old(tmp_path: Path) -> None:
    """At refreshing and at showing."""
    write_corpus(tmp_path / "corpus", 90)
    code, out = invoke("trends", "refresh", "--corpus", str(tmp_path / "corpus"), "--bundle", str(tmp_path))
    assert code == 0, out
    assert "90 days old" in out
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "manifest.json").write_text("{}")
    _, out = invoke("trends", "show", "--bundle", str(tmp_path / "one"))
    assert "older than 30 days" in out


def test_a_store_without_trends_says_what_to_do(tmp_path: Path) -> None:
    """In one line, with exit code 2."""
    (tmp_path / "manifest.json").write_text("{}")
    code, out = invoke("trends", "show", "--bundle", str(tmp_path))
    assert (code, "tagsmith trends refresh" in out) == (2, True)
