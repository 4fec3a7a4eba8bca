"""Taking a person out of a corpus."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from core.bundle.manifest import Manifest
from core.bundle.opening import list_bundles
from core.errors import DataError, InvalidOption
from pipelines.collecting.collect import opened_state
from pipelines.collecting.forget import forget
from pipelines.corpus.trainings import record_training, trained_with
from scraper.crawling.privacy import Privacy, read_salt
from tests.unit.scraper.crawl_world import SALT, FakePlatform, Steps, crawl_once
from tests.unit.scraper.crawl_world import Killed as ProcessKilled


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """The installation whose salt the crawls of these tests use."""
    folder = tmp_path / "salted"
    folder.mkdir()
    (folder / "salt").touch(mode=0o600)
    (folder / "salt").write_bytes(SALT)
    return folder


def ids(corpus: Path) -> set[str]:
    lines = [line for path in (corpus / "posts").glob("*.jsonl") for line in path.read_text().splitlines()]
    return {json.loads(line)["id"] for line in lines}


def pictures(corpus: Path) -> int:
    return sum(path.is_file() for path in (corpus / "pictures").rglob("*"))


def test_an_authors_posts_and_pictures_go_and_do_not_come_back(tmp_path: Path, installation: Path) -> None:
    """Others stay, also on the next crawl."""
    corpus, platform = tmp_path / "c", FakePlatform(shared=False)
    crawl_once(corpus, platform, ["dog"])
    told = forget(corpus, ("@ANNA1",), (), tmp_path / "none", installation)
    assert (told.posts, told.pictures) == (2, 2)
    assert ids(corpus) == {f"replay:dog-{number}" for number in (0, 2, 3, 5, 6)}
    assert pictures(corpus) == 5
    again = FakePlatform(shared=False, name="replay", n_posts=8)
    crawl_once(corpus, again, ["dog", "cat"])
    assert not ids(corpus) & {"replay:dog-1", "replay:dog-4", "replay:cat-1", "replay:cat-4", "replay:cat-7"}


def test_a_single_post_goes(tmp_path: Path, installation: Path) -> None:
    """Its author's other posts stay."""
    corpus = tmp_path / "c"
    crawl_once(corpus, FakePlatform(shared=False), ["dog"])
    told = forget(corpus, (), ("replay:dog-1",), tmp_path / "none", installation)
    assert (told.posts, told.pictures) == (1, 1)
    assert "replay:dog-4" in ids(corpus)
    crawl_once(corpus, FakePlatform(shared=False), ["dog"])
    assert "replay:dog-1" not in ids(corpus)


def test_posts_on_their_way_go_as_well(tmp_path: Path, installation: Path) -> None:
    """A crawl that was killed holds posts that no shard has yet."""
    corpus = tmp_path / "c"
    with pytest.raises(ProcessKilled):
        crawl_once(corpus, FakePlatform(shared=False), ["dog"], steps=Steps(5))
    told = forget(corpus, ("Anna1",), (), tmp_path / "none", installation)
    assert told.waiting == 1
    crawl_once(corpus, FakePlatform(shared=False), ["dog"])
    assert ids(corpus) == {f"replay:dog-{number}" for number in (0, 2, 3, 5, 6)}


def test_nothing_deleted_is_left_in_the_state_file(tmp_path: Path, installation: Path) -> None:
    """Deleting is not hiding."""
    corpus = tmp_path / "c"
    with pytest.raises(ProcessKilled):
        crawl_once(corpus, FakePlatform(shared=False), ["dog"], steps=Steps(5))
    forget(corpus, (), ("replay:dog-1",), tmp_path / "none", installation)
    left = b"".join(path.read_bytes() for path in (corpus / "crawl").iterdir() if path.is_file())
    assert b"replay:dog-1" not in left
    assert b"replay:dog-2" in left


def test_other_lists_of_posts_in_the_corpus_are_cleared_and_links_out_are_not_followed(
    tmp_path: Path, installation: Path
) -> None:
    """Samples kept for review hold captions; a picture elsewhere is not ours to delete."""
    corpus = tmp_path / "c"
    crawl_once(corpus, FakePlatform(shared=False), ["dog"])
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(b"mine")
    sample = {"id": "replay:dog-1", "caption": "x", "image": "../../../outside.jpg"}
    (corpus / "review").mkdir()
    (corpus / "review" / "spam.jsonl").write_text(json.dumps(sample) + "\nnot json\n", encoding="utf-8")
    (corpus / "cleaning").mkdir()
    (corpus / "cleaning" / "samples.html").write_text("<p>x</p>", encoding="utf-8")
    forget(corpus, (), ("replay:dog-1",), tmp_path / "none", installation)
    assert not (corpus / "cleaning" / "samples.html").exists()
    assert (corpus / "review" / "spam.jsonl").read_text(encoding="utf-8") == "not json\n"
    assert outside.read_bytes() == b"mine"


@pytest.mark.parametrize(("authors", "posts"), [((), ()), ((), ("7",)), ((), (":7",))])
def test_what_is_meant_must_be_named(authors: tuple[str, ...], posts: tuple[str, ...], tmp_path: Path) -> None:
    """A number without a source might be anyone's."""
    with pytest.raises(InvalidOption):
        forget(tmp_path, authors, posts, tmp_path, tmp_path)


def test_a_corpus_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A misspelt path must not look like success."""
    with pytest.raises(DataError, match="--corpus"):
        forget(tmp_path / "none", ("anna",), (), tmp_path, tmp_path)


def bundle_of(store: Path, name: str, **hashes: str) -> None:
    """Write what a bundle says of itself."""
    manifest = Manifest(bundle_id=name, files={}, created="2026-01-01T00:00:00Z", topics=("pets",), data_hashes=hashes)
    (store / name).mkdir(parents=True)
    (store / name / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")


def test_bundles_are_told_apart_by_what_they_learnt_from(tmp_path: Path, installation: Path) -> None:
    """Trained with the post, trained from the corpus without it, and not to be told; asked twice, the same answer."""
    corpus, store = tmp_path / "c", tmp_path / "store"
    crawl_once(corpus, FakePlatform(shared=False), ["dog"])
    privacy = Privacy(read_salt(installation))
    everyone = [privacy.post("replay", f"dog-{number}") for number in range(7)]
    record_training(corpus / "crawl", "a" * 64, everyone)
    record_training(corpus / "crawl", "b" * 64, [one for number, one in enumerate(everyone) if number not in (1, 4)])
    bundle_of(store, "with", posts="a" * 64)
    bundle_of(store, "without", posts="b" * 64)
    bundle_of(store, "stranger", posts="c" * 64)
    assert list_bundles(store) == ("stranger", "with", "without")
    for _ in range(2):
        told = forget(corpus, ("anna1",), (), store, installation)
        assert (told.bundles.yes, told.bundles.no, told.bundles.unknown) == (("with",), ("without",), ("stranger",))
    assert "train again" in told.as_text()


def test_without_bundles_nothing_is_said_of_them(tmp_path: Path) -> None:
    """A store that is not there holds none."""
    with opened_state(tmp_path / "c"):
        told = trained_with(tmp_path / "c" / "crawl", tmp_path / "store", frozenset({"x"}))
    assert (told.yes, told.no, told.unknown) == ((), (), ())


def test_compressed_lists_of_posts_are_searched_too(tmp_path: Path, installation: Path) -> None:
    """Cleaning leaves such shards compressed; the others' lines stay as they are."""
    corpus, salted = tmp_path / "c", Privacy(SALT)
    records = [{"id": f"replay:{n}", "author": salted.author("replay", name)} for n, name in enumerate(("anna", "ben"))]
    (corpus / "posts").mkdir(parents=True)
    shard = corpus / "posts" / "replay-00001.jsonl.gz"
    shard.write_bytes(gzip.compress(b"".join(json.dumps(record).encode() + b"\n" for record in records)))
    assert forget(corpus, (), ("replay:0",), tmp_path / "none", installation).posts == 1
    assert [json.loads(line) for line in gzip.decompress(shard.read_bytes()).splitlines()] == records[1:]
