"""A corpus is cleaned whole or not at all, and every post of it is accounted for."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DataError, InvalidOption, StorageError
from core.locks import hold_lock
from pipelines.clean import run
from pipelines.cleaning import shards
from pipelines.cleaning.reading import SAVE_EVERY
from pipelines.corpus import FolderPosts, Tally
from pipelines.progress import SilentProgress, Task
from pipelines.stage import StageContext
from tests.unit.pipelines.corpora_on_disk import (
    CONFIG,
    caption,
    jpeg,
    kept_ids,
    photograph,
    read_records,
    record,
    run_clean,
    tree_of,
    write_picture,
    write_shard,
)


def some_records(n_records: int = 30) -> list[dict[str, Any]]:
    """Return posts of which four are dropped, each by another rule."""
    records = [record(n) for n in range(n_records)]
    records[5]["hashtags"] = ["followforfollow", "f4f", "l4l"]
    records[6] = record(6, caption=records[2]["caption"], hashtags=records[2]["hashtags"])
    records[7]["id"] = records[3]["id"]
    records[8]["caption"] = "Heute waren wir den ganzen Tag am Strand und haben Muscheln gesammelt"
    return records


class StopAt:
    """A progress that stops the run at one of its steps, as Ctrl-C does."""

    def __init__(self, label: str) -> None:
        self.label = label

    def task(self, label: str, total: float | None = None) -> Task:
        """Stop when the wanted piece of work begins."""
        if label == self.label:
            raise KeyboardInterrupt
        return SilentProgress().task(label, total)

    def note(self, message: str) -> None:
        """Drop the message."""


def test_every_post_is_kept_or_counted_under_one_rule(tmp_path: Path) -> None:
    """What is read is what is kept and what is dropped, together."""
    write_shard(tmp_path / "corpus", [*some_records(), "no post"])
    report = run_clean(tmp_path / "corpus", tmp_path / "clean")
    assert dict(report.dropped) == {
        "malformed": 1,
        "other-language": 1,
        "follow-trade": 1,
        "same-id": 1,
        "same-post": 1,
    }
    assert report.n_read == 31
    assert report.n_kept + sum(report.dropped.values()) == report.n_read
    assert len(read_records(tmp_path / "clean")) == report.n_kept


def test_the_corpus_is_only_read(tmp_path: Path) -> None:
    """No file of the corpus is written, renamed, removed or added."""
    corpus = tmp_path / "corpus"
    image = write_picture(corpus, "ab01.jpg", jpeg(photograph(1)))
    write_shard(corpus, [*some_records(), record(90, image=image)])
    (corpus / "crawl").mkdir()
    (corpus / "crawl" / "frontier.sqlite").write_bytes(b"state")
    before = tree_of(corpus)
    run_clean(corpus, tmp_path / "clean")
    assert tree_of(corpus) == before
    assert not (tmp_path / "clean" / "crawl").exists()


def test_the_clean_corpus_is_one_that_training_reads(tmp_path: Path) -> None:
    """Ids, order, pictures and fields come out as the reader of training data expects them."""
    corpus, out = tmp_path / "corpus", tmp_path / "clean"
    write_shard(
        corpus, [record(1, image=write_picture(corpus, "ab01.jpg", jpeg(photograph(1)))), record(2, licence="CC0")]
    )
    run_clean(corpus, out)
    first, second = FolderPosts(out / "posts", Tally()).posts()
    assert first.post_id == "walks:1"
    assert first.image == (out / "pictures" / "ab" / "ab01.jpg").resolve()
    assert second.image is None
    assert read_records(out)[1]["licence"] == "CC0"


def test_shards_keep_their_names_and_their_compression(tmp_path: Path) -> None:
    """A shard of which nothing is left is not written: an empty one would stop training."""
    corpus, out = tmp_path / "corpus", tmp_path / "clean"
    packed = write_shard(corpus, [record(1)], "a-00001.jsonl.gz")
    packed.write_bytes(gzip.compress(packed.read_bytes()))
    write_shard(corpus, [record(2)], "b-00001.jsonl")
    write_shard(corpus, [record(1)], "c-00001.jsonl")
    run_clean(corpus, out)
    assert sorted(path.name for path in (out / "posts").iterdir()) == ["a-00001.jsonl.gz", "b-00001.jsonl"]
    assert json.loads(gzip.decompress((out / "posts" / "a-00001.jsonl.gz").read_bytes()))["id"] == "walks:1"


def test_the_same_corpus_gives_the_same_bytes(tmp_path: Path) -> None:
    """Posts, pictures, figures and samples do not depend on when or where it ran."""
    corpus = tmp_path / "corpus"
    write_shard(corpus, [*some_records(), record(90, image=write_picture(corpus, "ab01.jpg", jpeg(photograph(1))))])
    run_clean(corpus, tmp_path / "one")
    run_clean(corpus, tmp_path / "two")
    assert tree_of(tmp_path / "one") == tree_of(tmp_path / "two")


def test_nothing_is_done_twice(tmp_path: Path) -> None:
    """An unchanged corpus gives the report that is there; a changed number, post or picture does not."""
    corpus, out = tmp_path / "corpus", tmp_path / "clean"
    image = write_picture(corpus, "ab01.jpg", jpeg(photograph(1)))
    write_shard(corpus, [*some_records(), record(90, image=image)])
    first = run_clean(corpus, out)
    again = run_clean(corpus, out)
    assert not first.repeated
    assert again == replace(first, repeated=True)
    assert not run_clean(corpus, out, min_hashtags=2).repeated
    assert not run_clean(corpus, out).repeated
    (corpus / "pictures" / "ab" / "ab01.jpg").write_bytes(b"half")
    changed = run_clean(corpus, out)
    assert not changed.repeated
    assert changed.pictures_dropped == {"no-picture": 1}


@pytest.mark.parametrize("step", ["comparing posts", "looking at pictures", "comparing pictures", "writing posts"])
def test_a_stopped_run_goes_on_and_ends_as_if_it_had_not_been_stopped(tmp_path: Path, step: str) -> None:
    """Ctrl-C leaves no result, and the next run reads no post again."""
    corpus = tmp_path / "corpus"
    pictures = [record(90 + n, image=write_picture(corpus, f"ab{n}.jpg", jpeg(photograph(n % 2)))) for n in range(4)]
    write_shard(corpus, [*some_records(), *pictures])
    whole = run_clean(corpus, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run_clean(corpus, tmp_path / "clean", progress=StopAt(step))
    assert not (tmp_path / "clean").exists()
    report = run_clean(corpus, tmp_path / "clean")
    assert tree_of(tmp_path / "clean") == tree_of(tmp_path / "whole")
    assert report.dropped == whole.dropped
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clean", "corpus", "whole"]


@pytest.mark.parametrize("n_lost", [0, 1, 7])
def test_what_a_killed_run_wrote_but_did_not_note_is_read_again(tmp_path: Path, n_lost: int) -> None:
    """A kill between two notes costs the lines since then, and counts none of them twice."""
    corpus, out, work = tmp_path / "corpus", tmp_path / "clean", tmp_path / ".clean.cleaning"
    records = [record(n) for n in range(SAVE_EVERY + 50)]
    records[SAVE_EVERY + 20] = record(3)
    write_shard(corpus, records)
    run_clean(corpus, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run_clean(corpus, out, progress=StopAt("comparing posts"))
    # The ledger as it stood at its first note; the files have grown since, the last of them by half a line.
    state = json.loads((work / "ledger.json").read_text())
    lines = (work / "posts.jsonl").read_bytes().splitlines(keepends=True)[:SAVE_EVERY]
    noted = {"n_lines": SAVE_EVERY, "finished": False, "n_rows": SAVE_EVERY, "n_bytes": len(b"".join(lines))}
    state["shards"][0] |= noted | {"n_dropped_bytes": 0, "dropped": {}}
    (work / "ledger.json").write_text(json.dumps(state))
    for name in ("keys", "signatures", "posts.jsonl")[: 1 + n_lost % 3]:
        with (work / name).open("ab") as file:
            file.write(b"x" * n_lost)
    run_clean(corpus, out)
    assert kept_ids(out) == kept_ids(tmp_path / "whole")
    assert (out / "posts" / "walks-00001.jsonl").read_bytes() == (
        tmp_path / "whole" / "posts" / "walks-00001.jsonl"
    ).read_bytes()


def test_a_shard_that_changed_since_the_stop_is_read_again(tmp_path: Path) -> None:
    """Posts that are gone from the corpus do not come back from a work folder."""
    corpus, out = tmp_path / "corpus", tmp_path / "clean"
    write_shard(corpus, [record(1), record(2)], "a-00001.jsonl")
    write_shard(corpus, [record(3), record(4)], "b-00001.jsonl")
    with pytest.raises(KeyboardInterrupt):
        run_clean(corpus, out, progress=StopAt("writing posts"))
    write_shard(corpus, [record(4), record(5)], "b-00001.jsonl")
    run_clean(corpus, out)
    assert kept_ids(out) == ["walks:1", "walks:2", "walks:4", "walks:5"]


def test_an_earlier_result_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """Whoever reads the clean corpus during a run reads the old one, whole."""
    corpus, out = tmp_path / "corpus", tmp_path / "clean"
    write_shard(corpus, [record(1)])
    run_clean(corpus, out)
    before = tree_of(out)
    write_shard(corpus, [record(2)])
    with pytest.raises(KeyboardInterrupt):
        run_clean(corpus, out, progress=StopAt("writing posts"))
    assert tree_of(out) == before
    run_clean(corpus, out)
    assert kept_ids(out) == ["walks:2"]


def test_a_kill_between_the_two_renames_is_undone(tmp_path: Path) -> None:
    """The earlier result, moved aside by a killed run, gets its name back."""
    corpus, out, work = tmp_path / "corpus", tmp_path / "clean", tmp_path / ".clean.cleaning"
    write_shard(corpus, [record(1)])
    run_clean(corpus, out)
    work.mkdir()
    os.rename(out, work / "before")
    assert run_clean(corpus, out).repeated
    assert kept_ids(out) == ["walks:1"]


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


def test_two_cleanings_into_one_place_do_not_meet(tmp_path: Path) -> None:
    """The second is told to wait."""
    write_shard(tmp_path / "corpus", [record(1)])
    (tmp_path / ".clean.cleaning").mkdir()
    with (
        hold_lock(tmp_path / ".clean.cleaning" / "lock"),
        pytest.raises(StorageError, match="another cleaning into .* is at work"),
    ):
        run_clean(tmp_path / "corpus", tmp_path / "clean")


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
        (b'{"id": "x", "image": 5}', "'image' is no text"),
        ('{"id": "x", "caption": "café"}'.encode("latin-1"), "not UTF-8 but another encoding; save the file as UTF-8"),
        (json.dumps({"id": "x", "caption": "y" * shards.MAX_LINE_BYTES}).encode(), "longer than 1 MiB"),
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


def test_the_page_of_samples_shows_captions_and_obeys_none(tmp_path: Path) -> None:
    """A caption with markup is text on the reviewers' page and in the report."""
    evil = "</p><script>alert(1)</script><img src=x onerror=alert(2)>"
    write_shard(
        tmp_path / "corpus",
        [
            record(1),
            record(2, caption=evil, hashtags=["f4f", "l4l", "followforfollow"]),
            record(3, id=evil, hashtags=[]),
        ],
    )
    report = run_clean(tmp_path / "corpus", tmp_path / "clean")
    page = (report.folder / "samples.html").read_text()
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "default-src 'none'" in page
    samples = [json.loads(line) for line in (report.folder / "samples.jsonl").open()]
    assert {one["rule"] for one in samples} == {"follow-trade", "few-hashtags"}


def test_samples_are_few_and_each_copy_stands_beside_its_original(tmp_path: Path) -> None:
    """A reviewer sees why a post was called a copy."""
    copies = [record(100 + n, caption=record(1)["caption"], hashtags=record(1)["hashtags"]) for n in range(9)]
    write_shard(tmp_path / "corpus", [record(1), *copies])
    report = run_clean(tmp_path / "corpus", tmp_path / "clean", samples=3)
    samples = [json.loads(line) for line in (report.folder / "samples.jsonl").open()]
    assert len(samples) == 3
    assert all(one["like"].startswith("walks:1: ") for one in samples)


def test_no_samples_means_none(tmp_path: Path) -> None:
    """Whoever may not keep what was dropped keeps nothing of it."""
    write_shard(tmp_path / "corpus", some_records())
    report = run_clean(tmp_path / "corpus", tmp_path / "clean", samples=0)
    assert (report.folder / "samples.jsonl").read_text() == ""
    assert "Muscheln" not in (report.folder / "samples.html").read_text()


def test_an_author_s_same_words_are_kept_twice_and_no_oftener(tmp_path: Path) -> None:
    """One author repeating a caption under other hashtags; another author's same words are not touched by the rule."""
    mine = [record(n, author="one", caption="good morning everybody", hashtags=[f"day{n}"]) for n in range(5)]
    other = [record(9, author="two", caption="good morning everybody", hashtags=["dayx"])]
    write_shard(tmp_path / "corpus", [*mine, *other])
    report = run_clean(tmp_path / "corpus", tmp_path / "clean")
    assert kept_ids(tmp_path / "clean") == ["walks:0", "walks:1", "walks:9"]
    assert report.dropped == {"author-repeats": 3}


def test_a_flood_of_one_hour_is_cut_where_it_begins(tmp_path: Path) -> None:
    """Posts of one author above the hour's limit go; those of other hours and without a time of day stay."""
    flood = [record(n, author="bot", time=f"2024-05-01T10:{n:02d}:20Z") for n in range(40)]
    later = [record(50, author="bot", time="2024-05-01T11:00:20Z")]
    undated = [record(60 + n, author="slow", time="2024-05-02") for n in range(40)]
    write_shard(tmp_path / "corpus", [*flood, *later, *undated])
    report = run_clean(tmp_path / "corpus", tmp_path / "clean")
    assert report.dropped == {"author-flood": 40 - CONFIG.authors.max_per_hour}
    assert kept_ids(tmp_path / "clean")[:30] == [f"walks:{n}" for n in range(30)]


def test_near_captions_of_strangers_go_and_short_sayings_stay(tmp_path: Path) -> None:
    """A long caption is a copy by its words; a short one only with its hashtags."""
    long, short = caption(1, 30), "be your own kind of beautiful"
    write_shard(
        tmp_path / "corpus",
        [
            record(1, caption=long, hashtags=["sea"]),
            record(2, caption=f"{long} friends", hashtags=["other", "tags"]),
            record(3, caption=short, hashtags=["makeup", "beauty", "updo"]),
            record(4, caption=short, hashtags=["happy", "love", "picoftheday"]),
            record(5, caption=f"{short} :)", hashtags=["makeup", "beauty", "updo"]),
        ],
    )
    report = run_clean(tmp_path / "corpus", tmp_path / "clean")
    assert kept_ids(tmp_path / "clean") == ["walks:1", "walks:3", "walks:4"]
    assert report.dropped == {"same-post": 1, "near-caption": 1}


def test_equal_pairs_of_hashtags_without_a_caption_stay(tmp_path: Path) -> None:
    """Two people tag a dog alike by chance; a block of five is pasted."""
    pairs = [record(n, caption="", hashtags=["dog", "cat"]) for n in range(2)]
    blocks = [record(10 + n, caption="", hashtags=list("abcde")) for n in range(2)]
    write_shard(tmp_path / "corpus", [*pairs, *blocks])
    report = run_clean(tmp_path / "corpus", tmp_path / "clean")
    assert kept_ids(tmp_path / "clean") == ["walks:0", "walks:1", "walks:10"]
    assert report.dropped == {"same-post": 1}


def test_a_post_dropped_for_another_reason_takes_no_copy_with_it(tmp_path: Path) -> None:
    """The copy of a post whose author flooded is the first that is left."""
    flood = [record(n, author="bot", time=f"2024-05-01T10:{n:02d}:20Z") for n in range(31)]
    copy = record(99, caption=f"{flood[30]['caption']}", hashtags=[*flood[30]["hashtags"], "more"])
    write_shard(tmp_path / "corpus", [*flood, copy])
    run_clean(tmp_path / "corpus", tmp_path / "clean")
    assert "walks:30" not in kept_ids(tmp_path / "clean")
    assert "walks:99" in kept_ids(tmp_path / "clean")


def test_as_a_stage_it_leaves_the_same_corpus(tmp_path: Path) -> None:
    """A run that chains collecting, cleaning and training finds the layout in the stage's folder."""
    corpus = tmp_path / "corpus"
    write_shard(corpus, some_records())
    run_clean(corpus, tmp_path / "clean")
    for name in ("out", "work", "cache"):
        (tmp_path / name).mkdir()
    run(
        StageContext(
            tmp_path / "out", tmp_path / "work", tmp_path / "cache", {"corpus": corpus}, CONFIG, SilentProgress(), 1
        )
    )
    assert tree_of(tmp_path / "out") == tree_of(tmp_path / "clean")


def test_another_version_of_the_work_folder_is_not_gone_on_from(tmp_path: Path) -> None:
    """Numbers that changed between stop and restart change what the first pass did."""
    corpus, out = tmp_path / "corpus", tmp_path / "clean"
    write_shard(corpus, [record(1, hashtags=["sea"]), record(2)])
    with pytest.raises(KeyboardInterrupt):
        run_clean(corpus, out, progress=StopAt("writing posts"))
    run_clean(corpus, out, min_hashtags=2)
    assert kept_ids(out) == ["walks:2"]


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
