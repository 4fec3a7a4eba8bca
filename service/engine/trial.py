"""Opens a bundle in a process of its own first: what ends that process does not end the one that answers requests.

A bundle's files are read by native code (LightGBM, ONNX Runtime, NumPy), whose faults no ``except`` catches. The child
opens the bundle, answers one made-up request and ends; only then is the bundle opened by whoever serves it (ADR 16).
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from core import errors
from core.bundle.manifest import MANIFEST_NAME
from core.errors import BundleCorrupt, TagsmithError
from service.engine.lifecycle import Load
from service.engine.loading import Loaded, locate, warm_up
from service.settings import Settings

WALL_S = 180.0
LIMITS = {resource.RLIMIT_CORE: 0, resource.RLIMIT_CPU: 120, resource.RLIMIT_DATA: 8 << 30}
"""No core file; seconds; and bytes that the child may write to. The starter bundle takes 2 s and 150 MB, with torch or
OpenVINO ten times the seconds and up to 600 MB."""
_REFUSED = 3


@dataclass(frozen=True, slots=True)
class TriedLoad:
    """A load that opens each bundle in a child first; it can be sent to a worker if ``load`` can.

    Attributes:
        load: opens what is served.
    """

    load: Load

    def __call__(self, settings: Settings) -> Loaded:
        """Return what ``settings`` name.

        Raises:
            BundleCorrupt: it ended the child, or took too much time or memory there.
            TagsmithError: whatever ``load`` raises.
        """
        if settings.bundle is None:
            return self.load(settings)
        # Located once: the pointer may move between the trial and the opening.
        folder = locate(settings)
        located = settings.model_copy(update={"bundle": folder})
        if folder != settings.starter:  # that one comes with the program and is trusted as much
            try_bundle(located, self.load)
        return self.load(located)


def try_bundle(settings: Settings, load: Load, *, wall_s: float = WALL_S) -> None:
    """Open what ``settings`` name in a child and answer one made-up request there.

    Raises:
        BundleCorrupt: the child was ended by it, or was not done in ``wall_s``.
        TagsmithError: what the child met and could tell.
    """
    folder = locate(settings)
    context = get_context("spawn")
    with _in_turn(folder):
        ours, theirs = context.Pipe()
        child = context.Process(target=_open_once, args=(settings, load, theirs), name="tagsmith-trial")
        child.start()
        theirs.close()
        try:
            told = _told(ours, wall_s)
            child.join(wall_s if told else 1.0)
            ended_by = child.exitcode
        finally:
            ours.close()
            child.kill()
            child.join()
            child.close()
    if told is None:
        raise BundleCorrupt(f"the bundle in {folder} {_fate(ended_by, wall_s)}; train or download the bundle again")
    kind, message = told
    if kind:
        known = getattr(errors, kind, None)
        raise known(message) if known is not None else BundleCorrupt(message)


def _told(pipe: Connection, wall_s: float) -> tuple[str, str] | None:
    """Return the name and text of the child's error, two empty strings for none, or None when it said nothing."""
    with suppress(EOFError, OSError):
        if pipe.poll(wall_s):
            kind, message = pipe.recv()
            return str(kind), str(message)
    return None


def _fate(exit_code: int | None, wall_s: float) -> str:
    if exit_code is None:
        return f"was not open after {wall_s:.0f} s"
    how = signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"
    return f"ends the process that opens it ({how})"


@contextmanager
def _in_turn(folder: Path) -> Iterator[None]:
    """Hold the bundle's manifest locked, so that of several workers one at a time tries it."""
    with ExitStack() as held:
        with suppress(OSError):  # what cannot be read is told by who opens it; some network file systems know no locks
            manifest = held.enter_context(open(folder / MANIFEST_NAME, "rb"))
            fcntl.flock(manifest, fcntl.LOCK_EX)
        yield


def _open_once(settings: Settings, load: Load, pipe: Connection) -> None:
    """Open a bundle in this process, say what came of it, and end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(pipe,), name="parent", daemon=True).start()
    for kind, most in LIMITS.items():
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))
    quiet = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # what native code prints as it dies is no line of a log
        os.dup2(quiet, stream)
    try:
        warm_up(load(settings))
        pipe.send(("", ""))
    except TagsmithError as error:
        pipe.send((type(error).__name__, str(error)))
    except BaseException as error:
        pipe.send((BundleCorrupt.__name__, _unforeseen(settings, error)))
    os._exit(0)


def _unforeseen(settings: Settings, error: BaseException) -> str:
    return f"the bundle in {settings.bundle} cannot be opened ({type(error).__name__}); train or download it again"


def _end_with_parent(pipe: Connection) -> None:
    with suppress(EOFError, OSError):
        pipe.recv()
    os._exit(_REFUSED)
