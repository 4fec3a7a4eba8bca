"""Shards that survive what happens to them on the disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DataError
from scraper.crawling.frontier import Frontier, WaitingPost, post_counts, posts_by_hashtag, target_counts
from scraper.crawling.shards import Shards
from scraper.crawling.state_file import StateFile
from scraper.port import Target


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFile]:
    """An empty state."""
    with closing(StateFile(tmp_path / "frontier.sqlite")) as opened:
        yield opened


def frontier_of(state: StateFile) -> Frontier:
    return Frontier(state, "site", pages=9, topics=["pets", None])


def record(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"site:{number}", "source": "site", "caption": f"ünï {number}", "hashtags": [], **more}


def fetched(frontier: Frontier, *numbers: int) -> None:
    """Note posts as found on a page each."""
    for number in numbers:
        frontier.add_targets([Target("post", str(number), "pets", "dog")])
        held = frontier.next_target()
        assert held is not None
        frontier.arrived(held, [WaitingPost(str(number), record(number), ())], ())


def shard(tmp_path: Path, name: str = "site-00001.jsonl") -> Path:
    return tmp_path / "corpus" / "posts" / name


def lines(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_bytes().splitlines()]


def opened(tmp_path: Path, state: StateFile) -> Shards:
    return Shards(tmp_path / "corpus", "site", frontier_of(state))


def test_what_is_appended_is_noted(tmp_path: Path, state: StateFile) -> None:
    """A post that stands in a shard no longer waits."""
    frontier = frontier_of(state)
    fetched(frontier, 1, 2)
    opened(tmp_path, state).append([record(1), record(2, image="../pictures/ab/x.jpg")])
    assert lines(shard(tmp_path)) == ["site:1", "site:2"]
    assert frontier.waiting(9) == []
    assert posts_by_hashtag(state, "site") == [("pets", "dog", 2, 1)]


def test_a_torn_last_line_is_cut_off_and_the_post_still_waits(tmp_path: Path, state: StateFile) -> None:
    """The kill came while a line was being written."""
    frontier = frontier_of(state)
    fetched(frontier, 1, 2)
    opened(tmp_path, state).append([record(1)])
    with shard(tmp_path).open("ab") as file:
        file.write(b'{"id": "site:2", "cap')
    shards = opened(tmp_path, state)
    assert "torn" in shards.repaired[0]
    assert lines(shard(tmp_path)) == ["site:1"]
    assert [post.post_id for post in frontier.waiting(9)] == ["2"]


def test_a_line_that_was_written_but_not_noted_counts(tmp_path: Path, state: StateFile) -> None:
    """The kill came between the shard and the frontier."""
    frontier = frontier_of(state)
    fetched(frontier, 1, 2)
    opened(tmp_path, state).append([record(1)])
    with shard(tmp_path).open("ab") as file:
        file.write(json.dumps(record(2)).encode() + b"\n")
    opened(tmp_path, state)
    assert frontier.waiting(9) == []
    assert lines(shard(tmp_path)) == ["site:1", "site:2"]


def test_a_last_line_that_lacks_only_its_end_gets_it(tmp_path: Path, state: StateFile) -> None:
    """A whole object is a whole post."""
    frontier = frontier_of(state)
    fetched(frontier, 1, 2)
    opened(tmp_path, state).append([record(1)])
    with shard(tmp_path).open("ab") as file:
        file.write(json.dumps(record(2)).encode())
    opened(tmp_path, state).append([record(3)])
    assert lines(shard(tmp_path)) == ["site:1", "site:2", "site:3"]


def test_posts_whose_lines_are_gone_are_fetched_again(tmp_path: Path, state: StateFile) -> None:
    """A shard that a copy cut short, or that someone deleted, is made whole by the next run."""
    frontier = frontier_of(state)
    fetched(frontier, 1, 2, 3)
    opened(tmp_path, state).append([record(number) for number in (1, 2, 3)])
    content = shard(tmp_path).read_bytes()
    shard(tmp_path).write_bytes(content[: len(content) // 2])
    shards = opened(tmp_path, state)
    assert any("fetched again" in sentence for sentence in shards.repaired)
    kept = lines(shard(tmp_path))
    assert target_counts(state, "site") == {"done": len(kept), "pending": 3 - len(kept)}
    shard(tmp_path).unlink()
    opened(tmp_path, state)
    assert target_counts(state, "site") == {"pending": 3}
    assert post_counts(state, "site") == {}


def test_without_its_state_a_corpus_is_read_from_the_shards(tmp_path: Path, state: StateFile) -> None:
    """Posts that are there are known, and are not taken a second time."""
    fetched(frontier_of(state), 1)
    opened(tmp_path, state).append([record(1)])
    with closing(StateFile(tmp_path / "another.sqlite")) as fresh:
        opened(tmp_path, fresh)
        frontier = frontier_of(fresh)
        frontier.add_targets([Target("tag", "dog")])
        held = frontier.next_target()
        assert held is not None
        assert frontier.arrived(held, [WaitingPost("1", record(1), ())], ()) == 0


@pytest.mark.parametrize(
    "garbage", [b"\xff\xfe\x00\x01\n", b"not json\n", b"[1, 2]\n", b'{"no": "id"}\n', b"\n\n", b"\x00" * 99]
)
def test_lines_that_are_no_posts_are_survived(garbage: bytes, tmp_path: Path, state: StateFile) -> None:
    """They are left for those who read posts, who count and name them."""
    fetched(frontier_of(state), 1)
    opened(tmp_path, state).append([record(1)])
    with shard(tmp_path).open("ab") as file:
        file.write(garbage)
    opened(tmp_path, state).append([record(2)])
    assert b'"site:1"' in shard(tmp_path).read_bytes()
    assert shard(tmp_path).read_bytes().endswith(b"\n")


@settings(max_examples=12)
@given(cut=st.integers(0, 400))
def test_a_shard_cut_at_any_byte_is_made_whole(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every complete line before the cut stays, every other post is fetched again, none stands twice."""
    tmp_path = tmp_path_factory.mktemp("cut")
    with closing(StateFile(tmp_path / "frontier.sqlite")) as state:
        frontier = frontier_of(state)
        fetched(frontier, 1, 2, 3, 4)
        opened(tmp_path, state).append([record(number) for number in (1, 2, 3, 4)])
        content = shard(tmp_path).read_bytes()
        shard(tmp_path).write_bytes(content[:cut])
        shards = opened(tmp_path, state)
        while (held := frontier.next_target()) is not None:
            frontier.arrived(held, [WaitingPost(held.target.value, record(int(held.target.value)), ())], ())
        shards.append([post.record for post in frontier.waiting(9)])
        assert sorted(lines(shard(tmp_path))) == ["site:1", "site:2", "site:3", "site:4"]


def test_a_shard_or_folder_that_is_a_link_is_refused(tmp_path: Path, state: StateFile) -> None:
    """Nothing is written outside of the corpus."""
    outside = tmp_path / "outside.jsonl"
    outside.write_text('{"id": "site:1"}', encoding="utf-8")
    (tmp_path / "corpus" / "posts").mkdir(parents=True)
    shard(tmp_path).symlink_to(outside)
    with pytest.raises(DataError, match="leads elsewhere"):
        opened(tmp_path, state)
    assert outside.read_text(encoding="utf-8") == '{"id": "site:1"}'


def test_shards_of_other_sources_are_left_alone(tmp_path: Path, state: StateFile) -> None:
    """A corpus may hold several sources, also one whose name begins like another's."""
    other = shard(tmp_path, "site-two-00001.jsonl")
    other.parent.mkdir(parents=True)
    other.write_bytes(b"torn")
    opened(tmp_path, state).append([record(1)])
    assert other.read_bytes() == b"torn"


def test_a_damaged_state_says_what_to_do(tmp_path: Path) -> None:
    """Moving it away costs pages, no posts."""
    path = tmp_path / "frontier.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(DataError, match="move it away"):
        StateFile(path)


def test_a_state_of_another_version_is_refused(tmp_path: Path) -> None:
    """It is not guessed what its tables mean."""
    with closing(StateFile(tmp_path / "frontier.sqlite")) as state, state.transaction() as sql:
        sql.execute("PRAGMA user_version = 99")
    with pytest.raises(DataError, match="version 99"):
        StateFile(tmp_path / "frontier.sqlite")
