"""A stage runs when it must, goes on after a kill, and never leaves half a result."""

from __future__ import annotations

import json
import multiprocessing
import resource
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import DataError, StorageError
from pipelines.workshop.progress import SilentProgress
from pipelines.workshop.stage import Stage, StageRecord, Workshop
from tests.unit.pipelines import stages_for_tests
from tests.unit.pipelines.stages_for_tests import Numbers

MODULE = stages_for_tests.__name__
FORK = multiprocessing.get_context("fork")


class Store:
    """A workshop with a chain of stages: ``first`` reads a file, ``second`` and ``third`` read ``first``."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.data.mkdir()
        (self.data / "number.txt").write_text("20")
        self.folder = folder / "work"
        place = {"data": self.data}
        self.first = Stage("first", MODULE, "a", (), {"number": self.data / "number.txt"}, place)
        self.second = Stage("second", MODULE, "b", ("first",), {}, place)
        self.third = Stage("third", MODULE, "c", ("first",), {}, place)

    def run(self, stage: Stage, config: Numbers = Numbers(), seed: int = 1) -> StageRecord:  # noqa: B008 (frozen)
        """Run one stage in this process."""
        with Workshop(self.folder).opened() as workshop:
            return workshop.run(stage, config, seed, SilentProgress())

    def run_all(self, second: Numbers = Numbers(), seed: int = 1) -> list[str]:  # noqa: B008 (frozen)
        """Run the chain and return the outcomes."""
        configs = ((self.first, Numbers()), (self.second, second), (self.third, Numbers()))
        return [self.run(stage, config, seed).outcome for stage, config in configs]

    def result(self, stage: Stage) -> Path:
        """Return the folder of a stage's result."""
        return Workshop(self.folder).result(stage.name)

    def fail(self, how: str | None) -> None:
        """Have stages fail in the middle, or no longer."""
        (self.data / "fail").unlink(missing_ok=True)
        if how:
            (self.data / "fail").write_text(how)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty workshop with data."""
    return Store(tmp_path)


def in_child(action: Callable[[], object]) -> int:
    """Run ``action`` in a process of its own and return how it ended: 0, or minus the signal."""
    child = FORK.Process(target=action)
    child.start()
    child.join()
    assert child.exitcode is not None
    return child.exitcode


def test_unchanged_stages_are_skipped(store: Store) -> None:
    """The second run of the same thing does nothing."""
    assert store.run_all() == ["done"] * 3
    before = {path: path.stat().st_mtime_ns for path in store.folder.glob("stages/**/*") if path.is_file()}
    assert store.run_all() == ["skipped"] * 3
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_another_number_runs_its_stage_and_those_that_read_it(store: Store) -> None:
    """The others keep their results."""
    store.run_all()
    assert store.run_all(second=Numbers(factor=3)) == ["skipped", "done", "skipped"]
    assert (store.result(store.second) / "total.txt").read_text() == "60"


def test_other_data_runs_everything_that_depends_on_it(store: Store) -> None:
    """A stage that reads another's result is out of date when that one is."""
    store.run_all()
    (store.data / "number.txt").write_text("7")
    assert store.run_all() == ["done"] * 3
    assert (store.result(store.third) / "total.txt").read_text() == "7"


def test_touched_but_equal_data_runs_nothing(store: Store) -> None:
    """Content counts, not the date of a file."""
    store.run_all()
    number = store.data / "number.txt"
    number.unlink()
    number.write_text("20")
    assert store.run_all() == ["skipped"] * 3


def test_another_seed_runs_everything(store: Store) -> None:
    """A result belongs to its seed."""
    store.run_all()
    assert store.run_all(seed=2) == ["done"] * 3


def test_another_version_of_the_code_runs_its_stage(store: Store, tmp_path: Path) -> None:
    """A stage whose code now gives something else says so by its number."""
    store.run(store.first)
    newer = replace(store.first, module="tests.unit.pipelines.newer_stage_for_tests")
    assert store.run(newer).outcome == "done"


def test_a_killed_stage_goes_on_from_its_checkpoint(store: Store) -> None:
    """What a process did before it died is not done again, and no result stands there meanwhile."""
    store.fail("kill")
    assert in_child(lambda: store.run(store.first)) == -signal.SIGKILL
    assert not store.result(store.first).exists()
    store.fail(None)
    record = store.run(store.first)
    assert (record.outcome, record.resumed) == ("done", True)
    steps = [line.split() for line in (store.result(store.first) / "steps.txt").read_text().splitlines()]
    assert [int(step) for step, _ in steps] == list(range(stages_for_tests.N_STEPS))
    assert len({process for _, process in steps}) == 2


def test_a_checkpoint_of_other_numbers_is_never_used(store: Store) -> None:
    """Half of one run and half of another is no run."""
    store.fail("interrupt")
    with pytest.raises(KeyboardInterrupt):
        store.run(store.first)
    store.fail(None)
    assert not store.run(store.first, Numbers(factor=2)).resumed
    steps = (store.result(store.first) / "steps.txt").read_text().splitlines()
    assert len(steps) == stages_for_tests.N_STEPS


def test_an_interrupted_stage_goes_on(store: Store) -> None:
    """Ctrl-C passes through, is noted, and costs nothing that was done."""
    store.fail("interrupt")
    with pytest.raises(KeyboardInterrupt):
        store.run(store.first)
    store.fail(None)
    assert store.run(store.first).resumed
    log = [json.loads(line) for line in (store.folder / "log.jsonl").read_text().splitlines()]
    assert [entry["outcome"] for entry in log] == ["interrupted", "done"]


def test_a_failing_stage_leaves_the_earlier_result_alone(store: Store) -> None:
    """The last good result stays until a better one is whole."""
    store.run(store.first)
    store.fail("crash")
    with pytest.raises(ZeroDivisionError):
        store.run(store.first, Numbers(factor=5))
    assert (store.result(store.first) / "total.txt").read_text() == "20"
    assert not list(store.folder.glob("stages/*.part")), "half a result takes room and is of no use"


def test_checkpoints_are_cleared_when_the_stage_is_done(store: Store) -> None:
    """They can be large."""
    store.run(store.first)
    assert not list(store.folder.glob("work/*"))
    assert not list(store.folder.glob("stages/*.part"))


@pytest.mark.parametrize("how", ["big", "big-numpy"])
def test_no_room_left_is_a_clear_error_and_the_run_goes_on_later(store: Store, how: str) -> None:
    """Whichever library met the limit, the message names the folder and nothing half-written has a final name."""
    store.fail(how)
    told = store.data.parent / "told.txt"

    def in_little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        try:
            store.run(store.first)
        except StorageError as error:
            told.write_text(str(error))

    assert in_child(in_little_room) == 0
    assert "no room left to write below" in told.read_text()
    assert not store.result(store.first).exists()
    store.fail(None)
    assert store.run(store.first).resumed


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file stands where the store should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"), Workshop(tmp_path / "file" / "work").opened():
        pass


def test_two_runs_at_once_are_refused(store: Store) -> None:
    """They would write over each other."""
    with (
        Workshop(store.folder).opened(),
        pytest.raises(StorageError, match="another run is at work"),
        Workshop(store.folder).opened(),
    ):
        pass


def test_a_source_that_is_gone_is_named(store: Store) -> None:
    """The path is in the message."""
    (store.data / "number.txt").unlink()
    with pytest.raises(DataError, match=r"number\.txt does not exist"):
        store.run(store.first)


def test_a_skipped_stage_tells_how_long_its_result_took(store: Store) -> None:
    """A report adds up what a whole training takes, also when most of it was done before."""
    ticks = iter(range(0, 1000, 10))
    with Workshop(store.folder, clock=lambda: float(next(ticks))).opened() as workshop:
        for outcome in ("done", "skipped"):
            record = workshop.run(store.first, Numbers(), 1, SilentProgress())
            assert (record.outcome, record.seconds) == (outcome, 10.0)
