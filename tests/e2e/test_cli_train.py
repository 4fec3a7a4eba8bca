"""``tagsmith train`` as a process: stopped, killed, out of room, and given what it cannot use."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.pipelines.posts_on_disk import record, write_lines

COMMAND = (sys.executable, "-m", "tagsmith", "train", "--until", "split")
SPLITS = ("train",) * 600 + ("val",) * 120 + ("test",) * 120


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that is large enough, with the pictures' folder empty."""
    folder = tmp_path / "data"
    write_lines(folder / "posts" / "walks.jsonl.gz", [record(n, split=split) for n, split in enumerate(SPLITS)])
    (folder / "topics").mkdir()
    (folder / "topic_lexicon.json").write_text('{"topics": {}}')
    return folder


def start(data: Path, out: Path, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    """Start a training run up to the split."""
    words = (*COMMAND, "--data", str(data), "--out", str(out))

    def prepare() -> None:
        # Tests that run in the background of a shell inherit an ignored Ctrl-C.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if before is not None:
            before()

    return subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=prepare
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for a run and return (exit code, standard output, standard error)."""
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def outcomes(store: Path) -> list[str]:
    """Return what the log of a store says of each stage that was tried."""
    lines = (store / ".work" / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["outcome"] for line in lines]


def reading(data: Path, out: Path) -> tuple[subprocess.Popen[str], int]:
    """Return a run that waits in the middle of reading posts, and what it reads from."""
    pipe = data / "posts" / "slow.jsonl"
    os.mkfifo(pipe)
    process = start(data, out)
    writer = os.open(pipe, os.O_WRONLY)  # returns once the run has opened the other end
    pipe.unlink()
    return process, writer


def test_a_run_is_done_once_and_skipped_after(data: Path, tmp_path: Path) -> None:
    """The second run reads nothing and reports the same."""
    code, out, _ = ended(start(data, tmp_path / "out"))
    assert code == 0
    assert "report.html" in out
    assert ended(start(data, tmp_path / "out"))[0] == 0
    assert outcomes(tmp_path / "out") == ["done", "skipped"]


def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(data: Path, tmp_path: Path) -> None:
    """No result stands there meanwhile, and the message says what to do."""
    process, writer = reading(data, tmp_path / "out")
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    os.close(writer)
    assert code == 130
    assert "the same command goes on from here" in err
    assert "Traceback" not in err
    assert not (tmp_path / "out" / ".work" / "stages" / "split").exists()
    assert ended(start(data, tmp_path / "out"))[0] == 0
    assert outcomes(tmp_path / "out") == ["interrupted", "done"]


def test_a_killed_run_leaves_nothing_half_done_and_no_lock(data: Path, tmp_path: Path) -> None:
    """The same command then goes through."""
    process, writer = reading(data, tmp_path / "out")
    process.kill()
    assert ended(process)[0] == -signal.SIGKILL
    os.close(writer)
    assert not (tmp_path / "out" / ".work" / "stages" / "split").exists()
    assert ended(start(data, tmp_path / "out"))[0] == 0
    assert outcomes(tmp_path / "out") == ["done"]


def test_a_second_run_at_once_is_refused(data: Path, tmp_path: Path) -> None:
    """And does not disturb the first."""
    process, writer = reading(data, tmp_path / "out")
    code, _, err = ended(start(data, tmp_path / "out"))
    assert code == 2
    assert "another run is at work" in err
    os.write(writer, json.dumps(record(5000, split="train")).encode())
    os.close(writer)
    assert ended(process)[0] == 0


def test_no_room_left_is_one_line_and_exit_code_2(data: Path, tmp_path: Path) -> None:
    """As little as a file of a kilobyte."""
    before = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # noqa: E731
    code, _, err = ended(start(data, tmp_path / "out", before))
    assert code == 2
    assert "no room left to write" in err
    assert "Traceback" not in err
    assert ended(start(data, tmp_path / "out"))[0] == 0


def remove(path: Path) -> None:
    """Remove a file or an empty folder."""
    path.rmdir() if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: remove(data / "topic_lexicon.json"), "topic_lexicon.json does not exist"),
        (lambda data: remove(data / "topics"), "topics does not exist"),
        (lambda data: remove(data / "posts" / "walks.jsonl.gz"), "holds no .jsonl or .jsonl.gz file"),
        (lambda data: write_lines(data / "posts" / "walks.jsonl.gz", []), "holds no usable post: it is empty"),
        (lambda data: write_lines(data / "posts" / "walks.jsonl.gz", [record(1)]), "posts, at least"),
        (lambda data: (data / "posts" / "walks.jsonl.gz").write_bytes(b"\x1f\x8b broken"), "is damaged"),
    ],
)
def test_data_that_cannot_be_used_is_one_line_and_exit_code_2(
    data: Path, tmp_path: Path, spoil: Callable[[Path], object], message: str
) -> None:
    """What is wrong, where, and no traceback; nothing that looks like a result is left."""
    spoil(data)
    code, _, err = ended(start(data, tmp_path / "out"))
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "out" / ".work" / "stages" / "split").exists()


def test_a_misspelt_number_stops_the_run_before_it_starts(data: Path, tmp_path: Path) -> None:
    """It would otherwise train with the default."""
    (tmp_path / "mine.toml").write_text("[corpus]\nmin_tarin = 1\n")
    words = (*COMMAND, "--data", str(data), "--out", str(tmp_path / "out"), "--config", str(tmp_path / "mine.toml"))
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "did you mean 'min_train'" in done.stderr
    assert not (tmp_path / "out").exists()
