"""Whatever state a corpus is in, cleaning ends with a sentence or with everything accounted for."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DataError, InvalidOption
from pipelines.corpus.posts import MAX_LINE_BYTES
from tests.unit.pipelines.corpora_on_disk import (
    StopAt,
    kept_ids,
    read_records,
    record,
    run_clean,
    some_records,
    write_shard,
)


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path) -> None:
    """A mistyped --out costs nobody a holiday's photographs."""
    write_shard(tmp_path / "corpus", [record(1)])
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "beach.jpg").write_bytes(b"a photograph")
    with pytest.raises(InvalidOption, match="holds something that no cleaning made; choose another --out"):
        run_clean(tmp_path / "corpus", tmp_path / "holiday")
    assert (tmp_path / "holiday" / "beach.jpg").read_bytes() == b"a photograph"


@pytest.mark.parametrize("place", ["corpus", "corpus/clean", "."])
def test_corpus_and_result_may_not_lie_in_each_other(tmp_path: Path, place: str) -> None:
    """The result would be read as a part of the corpus, or replace it."""
    write_shard(tmp_path / "corpus", [record(1)])
    with pytest.raises(InvalidOption, match="lie in each other"):
        run_clean(tmp_path / "corpus", tmp_path / place)


def test_half_a_gzip_file_stops_the_run_and_loses_nothing(tmp_path: Path) -> None:
    """The message names file and line; with the file mended the same command ends as it should."""
    corpus, out = tmp_path / "corpus", tmp_path / "clean"
    write_shard(corpus, [record(n) for n in range(20)], "a-00001.jsonl")
    packed = write_shard(corpus, [record(n) for n in range(20, 2000)], "b-00001.jsonl.gz")
    whole = gzip.compress(packed.read_bytes())
    packed.write_bytes(whole[:-3000])
    with pytest.raises(DataError, match=r"b-00001\.jsonl\.gz is damaged after line \d+: .*copy or download it again"):
        run_clean(corpus, out)
    assert not out.exists()
    packed.write_bytes(whole)
    assert run_clean(corpus, out).n_read == 2000


def test_a_torn_last_line_costs_that_line_alone(tmp_path: Path) -> None:
    """A collector that was killed left half a post."""
    corpus = tmp_path / "corpus"
    path = write_shard(corpus, [record(1), record(2), record(3)])
    path.write_bytes(path.read_bytes()[:-40])
    report = run_clean(corpus, tmp_path / "clean")
    assert kept_ids(tmp_path / "clean") == ["walks:1", "walks:2"]
    assert report.dropped == {"malformed": 1}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{not json", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"caption": "x"}', "no 'id'"),
        (b'{"id": "x", "image": 5}', "'image' is not text"),
        ('{"id": "x", "caption": "café"}'.encode("latin-1"), "not UTF-8 but another encoding; save the file as UTF-8"),
        (json.dumps({"id": "x", "caption": "y" * MAX_LINE_BYTES}).encode(), "longer than 1 MiB"),
    ],
)
def test_a_line_that_is_no_post_is_counted_and_told(tmp_path: Path, line: bytes, why: str) -> None:
    """The report names shard, line and cause; the other lines are read."""
    write_shard(tmp_path / "corpus", [record(1), b"", line, record(2)])
    report = run_clean(tmp_path / "corpus", tmp_path / "clean")
    assert report.dropped == {"malformed": 1}
    assert f"walks-00001.jsonl, line 3: {why}" in (report.folder / "report.txt").read_text()


def test_a_file_in_another_encoding_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """A shard saved as UTF-16 holds no line that can be read."""
    path = write_shard(tmp_path / "corpus", [])
    path.write_bytes((json.dumps(record(1)) + "\n").encode("utf-16"))
    with pytest.raises(DataError, match="holds no usable post: .*not UTF-8 but UTF-16; save the file as UTF-8"):
        run_clean(tmp_path / "corpus", tmp_path / "clean")


def test_a_mark_at_the_start_of_a_file_is_no_part_of_the_first_post(tmp_path: Path) -> None:
    """Editors of one system begin UTF-8 files with a byte order mark."""
    write_shard(tmp_path / "corpus", [b"\xef\xbb\xbf" + json.dumps(record(1)).encode(), record(2)])
    run_clean(tmp_path / "corpus", tmp_path / "clean")
    assert kept_ids(tmp_path / "clean") == ["walks:1", "walks:2"]


def test_half_a_surrogate_pair_does_not_stop_the_run(tmp_path: Path) -> None:
    """JSON can hold what UTF-8 cannot."""
    line = json.dumps(record(1))[:-1] + ', "note": "\\ud83d", "caption": "sun \\ud83d and sea #sea"}'
    write_shard(tmp_path / "corpus", [line])
    run_clean(tmp_path / "corpus", tmp_path / "clean")
    assert read_records(tmp_path / "clean")[0]["caption"] == "sun ? and sea #sea"


def test_a_shard_that_leads_out_of_the_corpus_is_refused(tmp_path: Path) -> None:
    """A corpus from a stranger does not read this machine's files."""
    corpus = tmp_path / "corpus"
    write_shard(corpus, [record(1)])
    secret = write_shard(tmp_path / "elsewhere", [record(2)])
    (corpus / "posts" / "b-00001.jsonl").symlink_to(secret)
    with pytest.raises(DataError, match="is a link that leads out of the corpus"):
        run_clean(corpus, tmp_path / "clean")


@pytest.mark.parametrize("build", ["nothing", "no posts", "no shards"])
def test_a_place_without_posts_is_refused_by_name(tmp_path: Path, build: str) -> None:
    """The message says what was looked for."""
    corpus = tmp_path / "corpus"
    if build != "nothing":
        corpus.mkdir()
    if build == "no shards":
        (corpus / "posts").mkdir()
    with pytest.raises(DataError, match="corpus"):
        run_clean(corpus, tmp_path / "clean")


@pytest.mark.parametrize("damage", ["{", "", '{"mark": 1}', "[]"])
def test_a_broken_ledger_costs_the_work_and_nothing_else(tmp_path: Path, damage: str) -> None:
    """A work folder that someone meddled with is begun anew."""
    corpus, out = tmp_path / "corpus", tmp_path / "clean"
    write_shard(corpus, some_records())
    with pytest.raises(KeyboardInterrupt):
        run_clean(corpus, out, progress=StopAt("writing posts"))
    (tmp_path / ".clean.cleaning" / "ledger.json").write_text(damage)
    assert run_clean(corpus, out).n_read == 30


WILD = st.lists(
    st.binary(max_size=60)
    | st.builds(
        lambda number, caption, hashtags, image: json.dumps(
            {"id": f"w:{number}", "caption": caption, "hashtags": hashtags, "image": image}
        ).encode(),
        st.integers(0, 5),
        st.text(max_size=60),
        st.lists(st.text(max_size=8), max_size=4),
        st.none()
        | st.text(max_size=20)
        | st.sampled_from(["../pictures/../..", "/etc/passwd", "../posts/a.jsonl", "\x00"]),
    ),
    max_size=6,
)


@settings(max_examples=25)
@given(lines=WILD)
def test_whatever_the_lines_are_all_are_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    """Wild lines end in a clean corpus with nothing missing, or in a refusal that names the corpus."""
    folder = tmp_path_factory.mktemp("wild")
    write_shard(folder / "corpus", [line.replace(b"\n", b" ") for line in lines], "a.jsonl")
    try:
        report = run_clean(folder / "corpus", folder / "clean")
    except DataError as refusal:
        assert "holds no usable post" in str(refusal)
        return
    finally:
        if not (folder / "clean").exists():
            shutil.rmtree(folder)
    assert report.n_kept + sum(report.dropped.values()) == report.n_read
    assert len(read_records(folder / "clean")) == report.n_kept
    assert not any("image" in one for one in read_records(folder / "clean"))
    shutil.rmtree(folder)
