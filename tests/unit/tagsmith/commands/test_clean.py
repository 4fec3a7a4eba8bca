"""``tagsmith clean`` says what it did, and nothing of what people wrote."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from tagsmith.cli import app
from tests.unit.pipelines.corpora_on_disk import caption, kept_ids, record, write_shard

SPAM = ["followforfollow", "f4f", "l4l"]


def invoke(*words: str) -> tuple[int, str, str]:
    """Return (exit code, standard output, standard error) of a command."""
    done = CliRunner().invoke(app, ["clean", *words])
    return done.exit_code, done.stdout, done.stderr


def test_the_summary_counts_and_quotes_nobody(tmp_path: Path) -> None:
    """Counts by rule on standard output; captions, authors and hashtags on neither stream."""
    write_shard(tmp_path / "corpus", [record(1), record(2, hashtags=SPAM), "{broken"])
    code, out, err = invoke(str(tmp_path / "corpus"), "--out", str(tmp_path / "clean"))
    assert code == 0
    assert "3 posts read, 1 kept" in out
    assert "follow-trade" in out
    assert "walks-00001.jsonl, line 3: not valid JSON" in out
    for secret in (caption(1), caption(2), "author2", "followforfollow"):
        assert secret not in out + err


def test_a_second_run_says_that_nothing_has_changed(tmp_path: Path) -> None:
    """The same report again, at once."""
    write_shard(tmp_path / "corpus", [record(1)])
    invoke(str(tmp_path / "corpus"), "--out", str(tmp_path / "clean"))
    code, out, _ = invoke(str(tmp_path / "corpus"), "--out", str(tmp_path / "clean"))
    assert code == 0
    assert "nothing has changed" in out
    assert "1 posts read, 1 kept" in out


def test_numbers_come_from_a_file(tmp_path: Path) -> None:
    """--config lays a file over the defaults, and refuses a name that it does not know."""
    write_shard(tmp_path / "corpus", [record(1, hashtags=["sea"]), record(2)])
    config = tmp_path / "mine.toml"
    config.write_text("[clean]\nmin_hashtags = 2\n")
    assert invoke(str(tmp_path / "corpus"), "--out", str(tmp_path / "clean"), "--config", str(config))[0] == 0
    assert kept_ids(tmp_path / "clean") == ["walks:2"]
    config.write_text("[clean.spam]\nmax_hashtag = 2\n")
    code, _, err = invoke(str(tmp_path / "corpus"), "--out", str(tmp_path / "clean"), "--config", str(config))
    assert (code, "did you mean 'max_hashtags'?" in err) == (2, True)


def test_numbers_out_of_range_are_refused(tmp_path: Path) -> None:
    """A similarity of 5 keeps everything, which nobody means."""
    write_shard(tmp_path / "corpus", [record(1)])
    config = tmp_path / "mine.toml"
    for text in ("[clean.copies]\nsimilarity = 5\n", "[clean.pictures]\nmax_distance = 200\n"):
        config.write_text(text)
        code, _, err = invoke(str(tmp_path / "corpus"), "--out", str(tmp_path / "clean"), "--config", str(config))
        assert code == 2
        assert "clean." in err


def test_what_cannot_be_used_ends_with_2_and_a_sentence(tmp_path: Path) -> None:
    """No corpus, and a corpus of something else."""
    code, _, err = invoke(str(tmp_path / "nothing"), "--out", str(tmp_path / "clean"))
    assert code == 2
    assert "is not a folder; name the corpus" in err
    write_shard(tmp_path / "corpus", ["id,caption", "1,hello"])
    code, _, err = invoke(str(tmp_path / "corpus"), "--out", str(tmp_path / "clean"))
    assert code == 2
    assert "holds no usable post: walks-00001.jsonl, line 1: not valid JSON" in err
    assert "hello" not in err
