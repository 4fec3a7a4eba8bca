"""CSV and JSON lines through a mapping of columns."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidOption
from scraper.dump import source as dump
from scraper.dump.source import DumpSource
from scraper.dump.tables import MAX_BAD, MAX_RECORD_BYTES, demand_columns, row_post
from scraper.errors import CrawlError, PageBroken
from scraper.port import FoundPost
from tests.support.dump_world import all_pages, file_options

COLUMNS = {"post_id": "no", "caption": "text", "author": "who", "time": "when", "hashtags": "tags", "pictures": "file"}
ROW = {"no": "7", "text": 'He said "dog", twice\nand left #dog', "who": "lena", "when": "2026-01-02T03:04:05+01:00"}
ROW = {**ROW, "tags": "#Dog #snow", "file": "a.jpg|b.jpg"}
POST = FoundPost("7", ROW["text"], "lena", "2026-01-02T03:04:05+01:00", ("Dog", "snow"), ("a.jpg", "b.jpg"), None, None)


def read(path: Path, **columns: str) -> list[FoundPost]:
    """Return all posts of a table; a bad line raises."""
    source = DumpSource(file_options(path, **columns))
    return [post for page in all_pages(source, source.targets(None, ())) for post in page.posts]


def complaints(path: Path, **columns: str) -> tuple[list[FoundPost], list[str]]:
    """Return the posts of a table and what is said of its bad lines."""
    source = DumpSource(file_options(path, **columns))
    posts: list[FoundPost] = []
    said: list[str] = []
    waiting = list(source.targets(None, ()))
    while waiting:
        try:
            page = source.fetch(waiting.pop(0))
        except CrawlError as error:
            said.append(str(error))
        else:
            posts += page.posts
            waiting += page.targets
    return posts, said


def as_csv(rows: list[dict[str, str]], delimiter: str = ",") -> str:
    """Return rows as a spreadsheet writes them."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


@pytest.mark.parametrize(("name", "delimiter"), [("x.csv", ","), ("x.csv", ";"), ("x.tsv", "\t")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_csv_is_read_through_the_mapping(tmp_path: Path, name: str, delimiter: str, encoding: str) -> None:
    """Quotes, line breaks inside them, either delimiter, and the mark that spreadsheets put first."""
    (tmp_path / name).write_text(as_csv([ROW, ROW], delimiter), encoding=encoding)
    assert read(tmp_path / name, **COLUMNS) == [POST, POST]


def test_json_lines_are_read_through_the_mapping(tmp_path: Path) -> None:
    """Lists and numbers are taken as they are; blank lines are none."""
    row = {**ROW, "no": 7, "tags": ["Dog", "snow"], "file": ["a.jpg", "b.jpg"], "likes": 3}
    (tmp_path / "x.jsonl").write_text(json.dumps(row) + "\n\n" + json.dumps(row))
    assert read(tmp_path / "x.jsonl", **COLUMNS) == [POST, POST]


def test_a_corpus_is_read_without_a_mapping(tmp_path: Path) -> None:
    """The columns of the data folder are known; pictures are named from the table's folder."""
    (tmp_path / "posts").mkdir()
    row = {
        "id": "commons:M1",
        "caption": "A cat",
        "hashtags": ["cat"],
        "image": "../pictures/ab/1.jpg",
        "licence": "CC0",
    }
    (tmp_path / "posts" / "x.jsonl").write_text(json.dumps(row))
    (tmp_path / "pictures" / "ab").mkdir(parents=True)
    (tmp_path / "pictures" / "ab" / "1.jpg").write_bytes(b"jpeg")
    (post,) = read(tmp_path)
    assert (post.post_id, post.licence, post.hashtags) == ("commons:M1", "CC0", ("cat",))
    assert DumpSource(file_options(tmp_path)).picture(post.pictures[0]) == b"jpeg"


def test_a_row_without_an_id_gets_one_that_stays(tmp_path: Path) -> None:
    """Reading twice finds the same posts, and two rows that differ are two."""
    (tmp_path / "x.jsonl").write_text('{"text": "one #a"}\n{"text": "two #a"}\n')
    first, second = read(tmp_path / "x.jsonl", caption="text"), read(tmp_path / "x.jsonl", caption="text")
    assert first == second
    assert len({post.post_id for post in first}) == 2


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"no JSON", "not JSON"),
        (b"[1]", "it is not a JSON object"),
        (b'{"text": 3.5}', "caption is not text"),
        (b'{"other": "x"}', "no column 'text'; there are 'other'"),
        (b'{"text": ""}', "neither caption nor hashtags"),
        ('{"text": "café"}'.encode("latin-1"), "not UTF-8"),
        (b"[" * 50_000, "not JSON|too deeply"),
        (b'{"text": "' + b"x" * MAX_RECORD_BYTES + b'"}', "longer than"),
    ],
    ids=["text", "list", "number", "no column", "empty", "Latin-1", "deep", "long"],
)
def test_a_bad_line_is_told_of_with_its_number_and_costs_no_other(tmp_path: Path, line: bytes, why: str) -> None:
    """The lines around it are read."""
    good = b'{"text": "fine #a"}'
    (tmp_path / "x.jsonl").write_bytes(b"\n".join([good, line, good]))
    posts, said = complaints(tmp_path / "x.jsonl", caption="text")
    assert len(posts) == 2
    (told,) = said
    assert told.startswith("x.jsonl, line 2: ")
    assert any(reason in told for reason in why.split("|"))


@pytest.mark.parametrize(
    ("line", "why"),
    [("a,b,c", "3 fields where the first line names 2"), ('"open,x', "not CSV|longer than"), ("only", "1 fields")],
)
def test_a_bad_row_is_told_of_with_its_number_and_costs_no_other(tmp_path: Path, line: str, why: str) -> None:
    """Even a quote that is left open: reading goes on at the next line."""
    (tmp_path / "x.csv").write_text(f"text,when\nfine #a,\n{line}\nfine #b,\n")
    posts, said = complaints(tmp_path / "x.csv", caption="text")
    assert [post.caption for post in posts] == ["fine #a", "fine #b"]
    (told,) = said
    assert told.startswith("x.csv, line 3: ")
    assert any(reason in told for reason in why.split("|"))


def test_a_file_of_another_kind_is_told_of_once(tmp_path: Path) -> None:
    """A million bad lines are one complaint, not a million."""
    (tmp_path / "x.jsonl").write_text("words\n" * (MAX_BAD * 5))
    posts, said = complaints(tmp_path / "x.jsonl", caption="text")
    assert not posts
    assert len(said) == 1
    assert f"line {MAX_BAD + 1}" in said[0]


def test_many_bad_lines_in_the_middle_cost_no_later_one(tmp_path: Path) -> None:
    """Even where a whole page of them stands."""
    good = [json.dumps({"text": f"row {number} #a"}) for number in range(dump.PAGE)]
    (tmp_path / "x.jsonl").write_text("\n".join([*good, *["bad"] * (MAX_BAD + 50), *good]))
    posts, said = complaints(tmp_path / "x.jsonl", caption="text")
    assert len(posts) == 2 * dump.PAGE
    assert len(said) == MAX_BAD + 50


@pytest.mark.parametrize("content", ["", "a,a\n1,2\n"])
def test_a_csv_without_usable_names_is_refused(tmp_path: Path, content: str) -> None:
    """Its first line has to name the columns, each once."""
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(PageBroken, match="x.csv"):
        read(tmp_path / "x.csv", caption="a")


def test_utf_16_is_named_as_what_it_is(tmp_path: Path) -> None:
    """Spreadsheets save it under the name Unicode."""
    (tmp_path / "x.csv").write_text("text\nfine #a\n", encoding="utf-16")
    with pytest.raises(PageBroken, match="UTF-16"):
        read(tmp_path / "x.csv", caption="text")


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_a_long_table_comes_in_pages(tmp_path: Path, name: str) -> None:
    """Every row comes once, in its order, wherever pages begin."""
    rows = [{"text": f'row "{number}"\nnext #a'} for number in range(2 * dump.PAGE + 50)]
    text = as_csv(rows) if name == "x.csv" else "\n".join(map(json.dumps, rows))
    (tmp_path / name).write_text(text)
    source = DumpSource(file_options(tmp_path / name, caption="text"))
    pages = all_pages(source, source.targets(None, ()))
    assert [post.caption for page in pages for post in page.posts] == [row["text"] for row in rows]
    assert max(len(page.posts) for page in pages) == dump.PAGE


@pytest.mark.parametrize(
    ("columns", "why"),
    [({"subject": "x"}, "no field 'subject'"), ({"author": "x"}, "caption=text")],
)
def test_a_mapping_that_cannot_work_is_refused(columns: dict[str, str], why: str) -> None:
    """Before a long file is read for nothing."""
    with pytest.raises(InvalidOption, match=why):
        demand_columns(columns)


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2026-01-02", "2026-01-02T00:00:00+00:00"),
        ("1767312000", "2026-01-02T00:00:00+00:00"),
        (1767312000, "2026-01-02T00:00:00+00:00"),
        ("", None),
        (None, None),
    ],
)
def test_times_are_read_in_the_forms_that_tables_have(value: Any, time: str | None) -> None:
    """ISO 8601, or seconds since 1970; without an offset it is UTC."""
    assert row_post({"t": "x #a", "w": value}, {"caption": "t", "time": "w"}, "x").time == time


def test_a_time_of_another_form_is_told_of() -> None:
    """02/01/2026 is January to some and February to others."""
    with pytest.raises(ValueError, match="ISO 8601"):
        row_post({"t": "x #a", "w": "02/01/2026"}, {"caption": "t", "time": "w"}, "x")


@settings(max_examples=50)
@given(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_any_captions_come_back_from_csv(tmp_path_factory: pytest.TempPathFactory, captions: list[str]) -> None:
    """What a table program quotes, the reader unquotes."""
    path = tmp_path_factory.getbasetemp() / "any.csv"
    rows = [{"text": f"a{caption}", "no": str(number)} for number, caption in enumerate(captions)]
    path.write_bytes(as_csv(rows).encode())
    assert [post.caption for post in read(path, caption="text", post_id="no")] == [row["text"] for row in rows]


@settings(max_examples=50)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_told_of(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """No file brings the reader down, and it comes to an end."""
    for name in ("any.jsonl", "any.csv"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(content)
        complaints(path, caption="text")
