"""Posts are read whatever state the files are in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from core.posts import Post
from pipelines.corpus.posts import FolderPosts, Tally, deduplicate, read_posts, write_posts
from tests.unit.pipelines.posts_on_disk import record, write_lines


def read(place: Path, tally: Tally | None = None) -> list[Post]:
    """Return all posts of a place."""
    return list(FolderPosts(place, tally or Tally()).posts())


def test_plain_and_gzipped_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    """The order of posts does not depend on the file system."""
    write_lines(tmp_path / "b.jsonl", [record(3)])
    write_lines(tmp_path / "a.jsonl.gz", [record(1), record(2)])
    (tmp_path / "notes.txt").write_text("not posts")
    assert [post.post_id for post in read(tmp_path)] == ["post-1", "post-2", "post-3"]


def test_hashtags_come_in_normal_form_without_duplicates(tmp_path: Path) -> None:
    """What is learnt about #Sea is learnt about sea; what cannot be a hashtag is no hashtag."""
    write_lines(tmp_path / "a.jsonl", [record(1, hashtags=["#Sea", "sea", "SUN", "123", ""])])
    assert read(tmp_path)[0].hashtags == ("sea", "sun")


def test_hashtags_are_found_in_the_caption_where_none_are_listed(tmp_path: Path) -> None:
    """A file that was exported as text alone can be used as it is."""
    write_lines(tmp_path / "a.jsonl", [{"id": 1, "caption": "at last #Sea and #sun"}])
    post = read(tmp_path)[0]
    assert (post.post_id, post.source, post.hashtags) == ("1", "a", ("sea", "sun"))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{not json", "not valid JSON"),
        ("[1, 2]", "not a JSON object"),
        ('{"caption": "no id"}', "no 'id'"),
        ('{"id": "x", "hashtags": "sea"}', "'hashtags' is not a list of texts"),
        ('{"id": "x", "hashtags": ["sea", 5]}', "'hashtags' is not a list of texts"),
        ('{"id": "x", "caption": 7}', "'caption' is not text"),
        ('{"id": "x", "split": "dev"}', "'split' is not one of train, val, test"),
        ('{"id": "x", "time": "yesterday"}', "'time' is not ISO 8601"),
    ],
)
def test_a_malformed_line_is_counted_and_told_about(tmp_path: Path, line: str, why: str) -> None:
    """One bad line among many costs that line alone."""
    write_lines(tmp_path / "a.jsonl", [record(1), line, record(2), line])
    tally = Tally()
    assert len(read(tmp_path, tally)) == 2
    assert tally.malformed == {"a.jsonl": 2}
    assert tally.examples == {"a.jsonl": f"line 2: {why}"}


def test_a_file_without_one_good_line_is_refused_with_the_line(tmp_path: Path) -> None:
    """A file of another kind is named, with what is wrong in it."""
    write_lines(tmp_path / "good.jsonl", [record(1)])
    write_lines(tmp_path / "table.jsonl", ["id,caption", "1,hello"])
    with pytest.raises(DataError, match=r"table\.jsonl holds no usable post: line 1: not valid JSON"):
        read(tmp_path)


def test_half_a_gzip_file_is_refused_by_name(tmp_path: Path) -> None:
    """A download that broke off is not taken for a small corpus."""
    path = write_lines(tmp_path / "a.jsonl.gz", [record(n) for n in range(2000)])
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(DataError, match=r"a\.jsonl\.gz is damaged after line \d+"):
        read(tmp_path)


def test_text_that_only_calls_itself_gzip_is_refused(tmp_path: Path) -> None:
    """The ending of a name is checked against the content."""
    (tmp_path / "a.jsonl.gz").write_text('{"id": 1}')
    with pytest.raises(DataError, match=r"a\.jsonl\.gz is damaged"):
        read(tmp_path)


def test_a_place_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A mistyped path says so before anything is read."""
    with pytest.raises(DataError, match="nowhere does not exist"):
        FolderPosts(tmp_path / "nowhere", Tally())


def test_a_folder_without_posts_says_what_belongs_there(tmp_path: Path) -> None:
    """An empty folder is a mistake, not an empty corpus."""
    with pytest.raises(DataError, match=r"holds no \.jsonl or \.jsonl\.gz file"):
        FolderPosts(tmp_path, Tally())


def test_posts_with_one_hashtag_and_second_posts_of_an_id_are_left_out(tmp_path: Path) -> None:
    """Nothing can be learnt from the one, and the other would count twice."""
    write_lines(tmp_path / "a.jsonl", [record(1), record(2, hashtags=["sea"]), record(1, caption="again")])
    tally = Tally()
    assert [post.caption for post in read(tmp_path, tally)] == ["walk number 1 along the shore"]
    assert sum(tally.dropped.values()) == 2


def test_a_picture_is_found_beside_the_file_and_a_missing_one_does_not_cost_the_post(tmp_path: Path) -> None:
    """The caption and hashtags of a post are worth keeping without its picture."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.jpg").write_bytes(b"jpeg")
    posts = [record(1, image="images/1.jpg"), record(2, image="images/2.jpg")]
    write_lines(tmp_path / "posts.jsonl", posts)
    tally = Tally()
    first, second = read(tmp_path / "posts.jsonl", tally)
    assert first.image == tmp_path / "images" / "1.jpg"
    assert second.image is None
    assert sum(tally.dropped.values()) == 1


def test_posts_survive_being_written_when_the_data_moves(tmp_path: Path) -> None:
    """Pictures are found below the data folder of the day."""
    post = Post("1", "walks", "#sea ünï 🏖", ("sea", "ünï"), time="2020-01-01", image=tmp_path / "old" / "p" / "1.jpg")
    assert write_posts(tmp_path / "posts.jsonl.gz", [post], tmp_path / "old") == 1
    (read_back,) = read_posts(tmp_path / "posts.jsonl.gz", tmp_path / "new")
    assert read_back.image == tmp_path / "new" / "p" / "1.jpg"
    assert read_back.caption == post.caption
    assert read_back.hashtags == post.hashtags


def test_the_same_posts_give_the_same_bytes(tmp_path: Path) -> None:
    """A file hash says whether two splits are the same."""
    post = Post("1", "walks", "", ("sea", "sun"))
    write_posts(tmp_path / "a.gz", [post], tmp_path)
    write_posts(tmp_path / "b.gz", [post], tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_equal_posts_of_one_split_are_kept_once() -> None:
    """Order and case of hashtags, links and mentions do not make another post; another split does."""
    first = Post("1", "walks", "Walk by the sea http://x.com/1 #sea", ("sea", "sun"), split="train")
    equal = Post("2", "tides", "walk by the SEA @someone http://x.com/2", ("sun", "sea"), split="train")
    elsewhere = Post("3", "walks", "walk by the sea", ("sea", "sun"), split="test")
    other_words = Post("4", "walks", "swim in the sea", ("sea", "sun"), split="train")
    assert list(deduplicate([first, equal, elsewhere, other_words])) == [first, elsewhere, other_words]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ("id", "source", "caption", "hashtags", "author", "time", "query_tag", "split", "image", "topic")


@given(wild=st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON_VALUES)))
def test_no_record_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, wild: dict[str, object]) -> None:
    """Whatever a line holds, it is read or counted, and what is read can be written."""
    folder = tmp_path_factory.mktemp("wild")
    write_lines(folder / "a.jsonl", [record(1), wild])
    tally = Tally()
    posts = read(folder, tally)
    assert len(posts) + sum(tally.malformed.values()) + sum(tally.dropped.values()) >= 2
    assert write_posts(folder / "out.gz", posts, folder) == len(posts)
    assert list(read_posts(folder / "out.gz", folder)) == posts
