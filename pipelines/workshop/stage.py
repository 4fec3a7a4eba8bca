"""A stage of a training run: skipped when nothing changed, resumed after a kill, never half-written.

A stage is a module with an integer ``VERSION`` and a function ``run(context)``; it is named, not imported, so that
planning a run needs none of the training libraries. What it finds and leaves:

``context.out``
    an empty folder for its result. It is renamed into place when ``run`` returns; a stage that fails, is killed or
    is interrupted leaves no result at all.
``context.work``
    a folder that survives a kill, for checkpoints. It belongs to one fingerprint: a run with other data or numbers
    never finds another run's checkpoint. It is removed when the stage is done.
``context.cache``
    a folder that outlives the run, for what is expensive to compute and depends on less than the whole
    stage does (features of a frozen network). The stage keys what it puts there by content.

Change ``VERSION`` whenever the code of a stage gives another result for the same input.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from core.atomic import write_atomic
from core.clock import utc_timestamp
from core.errors import StorageError, TagsmithError
from core.locks import hold_work_folder
from pipelines.workshop.fingerprint import HashCache, fingerprint
from pipelines.workshop.progress import ProgressPort

C = TypeVar("C")
Outcome = Literal["done", "skipped", "failed", "interrupted"]

HASHES_FILE = "hashes.json"

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM}


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a run, before it runs.

    Attributes:
        name: as on the command line.
        module: dotted name of the module with ``VERSION`` and ``run(context)``.
        section: the part of the configuration that it reads.
        after: names of the stages whose results it reads.
        sources: role -> file or folder that it reads besides; their content counts to the fingerprint.
        folders: role -> folder that its inputs refer to; where it lies and what else it holds does not count.
    """

    name: str
    module: str
    section: str
    after: tuple[str, ...]
    sources: Mapping[str, Path]
    folders: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageContext(Generic[C]):
    """All that a stage may touch.

    Attributes:
        out: where the result goes; empty at the start.
        work: survives a kill of this very stage; see the module.
        cache: survives everything; see the module.
        inputs: name of an earlier stage, or role of a source or folder -> where it lies.
        config: the stage's own section of the configuration.
        progress: tells a person how far the stage is.
        seed: of every random generator.
    """

    out: Path
    work: Path
    cache: Path
    inputs: Mapping[str, Path]
    config: C
    progress: ProgressPort
    seed: int


@dataclass(frozen=True, slots=True)
class StageRecord:
    """What became of a stage, as it stands in ``log.jsonl``.

    Attributes:
        stage: its name.
        fingerprint: hash of all that its result depends on.
        outcome: whether it ran, and to the end.
        started: RFC 3339, UTC.
        seconds: wall-clock time of this attempt; of the run that made the result when it was skipped.
        resumed: whether an earlier attempt had left checkpoints.
        peak_rss_mb: the most memory that the whole process had held by then, in MB.
    """

    stage: str
    fingerprint: str
    outcome: Outcome
    started: str
    seconds: float
    resumed: bool
    peak_rss_mb: int


class Workshop:
    """The folder where the stages of one store do their work."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Use ``folder``; :meth:`opened` makes it."""
        self.folder = folder
        self._clock = clock

    @contextmanager
    def opened(self) -> Iterator[Workshop]:
        """Hold the folder for this process alone.

        Raises:
            StorageError: the folder cannot be made, or another run is at work in it.
        """
        busy = f"another run is at work in {self.folder}; wait for it, or choose another --out"
        with hold_work_folder(self.folder, busy):
            yield self

    def result(self, stage: str) -> Path:
        """Return the folder where the finished result of a stage lies."""
        return self.folder / "stages" / stage / "out"

    def run(self, stage: Stage, config: Any, seed: int, progress: ProgressPort) -> StageRecord:
        """Return the record of a stage, after running it where its result is missing or out of date.

        Raises:
            DataError: a source is missing or cannot be used.
            StorageError: the disk is full or the folder cannot be written.
            TagsmithError: whatever else the stage raises.
        """
        module = importlib.import_module(stage.module)
        with room_errors(self.folder):
            mark = self._fingerprint(stage, module.VERSION, config, seed)
            finished = self.folder / "stages" / stage.name
            known = _read_record(finished / "stage.json") if (finished / "stage.json").is_file() else None
            if known is not None and known.fingerprint == mark:
                record = StageRecord(**{**asdict(known), "outcome": "skipped"})
                self._log(record)
                return record
            return self._run_afresh(stage, mark, module.run, config, seed, progress)

    def _fingerprint(self, stage: Stage, version: int, config: Any, seed: int) -> str:
        cache = HashCache(self.folder / HASHES_FILE)
        parameters = {"stage": stage.name, "version": version, "config": asdict(config), "seed": seed}
        upstream = [self._finished(name) for name in stage.after]
        try:
            return fingerprint(parameters, sorted(stage.sources.items()), upstream, cache)
        finally:
            cache.save()

    def _finished(self, name: str) -> str:
        return _read_record(self.folder / "stages" / name / "stage.json").fingerprint

    def _run_afresh(
        self,
        stage: Stage,
        mark: str,
        run: Callable[[StageContext[Any]], None],
        config: Any,
        seed: int,
        progress: ProgressPort,
    ) -> StageRecord:
        aside = self.folder / "stages" / f"{stage.name}.part"
        work = self.folder / "work" / stage.name / mark[:16]
        cache = self.folder / "cache" / stage.name
        resumed = work.is_dir()
        if not resumed:
            shutil.rmtree(work.parent, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)
        for folder in (aside / "out", work, cache):
            folder.mkdir(parents=True, exist_ok=True)
        inputs = {**{name: self.result(name) for name in stage.after}, **stage.sources, **stage.folders}
        started, start = utc_timestamp(), self._clock()

        def record(outcome: Outcome) -> StageRecord:
            seconds = round(self._clock() - start, 3)
            return StageRecord(stage.name, mark, outcome, started, seconds, resumed, _peak_rss_mb())

        try:
            run(StageContext(aside / "out", work, cache, inputs, config, progress, seed))
        except BaseException as error:
            shutil.rmtree(aside, ignore_errors=True)
            self._log(record("interrupted" if isinstance(error, KeyboardInterrupt) else "failed"))
            raise
        done = record("done")
        _sync(aside)
        write_atomic(aside / "stage.json", json.dumps(asdict(done), indent=1))
        finished = self.folder / "stages" / stage.name
        shutil.rmtree(finished, ignore_errors=True)
        os.replace(aside, finished)
        shutil.rmtree(work.parent)
        self._log(done)
        return done

    def _log(self, record: StageRecord) -> None:
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(asdict(record)) + "\n")


@contextmanager
def room_errors(folder: Path) -> Iterator[None]:
    """Turn what a full or read-only disk raises inside the block into one clear error.

    Libraries hide the cause: NumPy reports short writes without an error number, torch as a RuntimeError. So where the
    error does not say it, the free space does.

    Raises:
        StorageError: the block ran out of room or may not write.
    """
    try:
        yield
    except TagsmithError:
        raise
    except OSError as error:
        if error.errno in _NO_ROOM or (error.errno is None and "written" in str(error)) or _is_full(folder):
            raise StorageError(_no_room(folder)) from error
        if error.errno in _NOT_WRITABLE:
            path = error.filename or folder
            message = f"may not use {path}: {error.strerror}; change its permissions or choose another folder"
            raise StorageError(message) from error
        raise
    except Exception as error:
        if _is_full(folder):
            raise StorageError(_no_room(folder)) from error
        raise


def _no_room(folder: Path) -> str:
    return f"no room left to write below {folder}; free some space and run the same command again: it goes on from here"


def _is_full(folder: Path) -> bool:
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(nearest).free < 1 << 16


def _read_record(path: Path) -> StageRecord:
    return StageRecord(**json.loads(path.read_text(encoding="utf-8")))


def _peak_rss_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _sync(folder: Path) -> None:
    """Have every file below ``folder`` on the disk before it gets its final name."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
