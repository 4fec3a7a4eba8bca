"""A corpus is cleaned whole or not at all, and every post of it is accounted for."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import StorageError
from core.locks import hold_lock
from core.quarantine import put_in_quarantine, take_out_of_quarantine
from pipelines.cleaning.clean import run
from pipelines.cleaning.reading import SAVE_EVERY
from pipelines.corpus.posts import FolderPosts, Tally
from pipelines.workshop.progress import SilentProgress
from pipelines.workshop.stage import StageContext
from tests.unit.pipelines.corpora_on_disk import (
    CONFIG,
    StopAt,
    jpeg,
    kept_ids,
    photograph,
    read_records,
    record,
    run_clean,
    some_records,
    tree_of,
    write_picture,
    write_shard,
)


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


def test_two_cleanings_into_one_place_do_not_meet(tmp_path: Path) -> None:
    """The second is told to wait."""
    write_shard(tmp_path / "corpus", [record(1)])
    (tmp_path / ".clean.cleaning").mkdir()
    with (
        hold_lock(tmp_path / ".clean.cleaning" / "lock"),
        pytest.raises(StorageError, match="another cleaning into .* is at work"),
    ):
        run_clean(tmp_path / "corpus", tmp_path / "clean")


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


def test_posts_in_quarantine_are_dropped_and_the_list_counts(tmp_path: Path) -> None:
    """They come back neither in the clean copy nor as the first of two equal posts; undone, they are read again."""
    records = [record(n) for n in range(6)]
    records[4] = record(4, caption=records[1]["caption"], hashtags=records[1]["hashtags"])
    write_shard(tmp_path / "corpus", records)
    put_in_quarantine(tmp_path / "corpus" / "posts", ["walks:1"])
    report = run_clean(tmp_path / "corpus", tmp_path / "clean")
    assert report.dropped == {"quarantined": 1}
    assert kept_ids(tmp_path / "clean") == [f"walks:{n}" for n in (0, 2, 3, 4, 5)]
    take_out_of_quarantine(tmp_path / "corpus" / "posts")
    again = run_clean(tmp_path / "corpus", tmp_path / "clean")
    assert (again.repeated, again.dropped) == (False, {"same-post": 1})
