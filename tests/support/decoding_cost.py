"""What decoding costs: ``python -m tests.support.decoding_cost FILE`` prints processor time and peak memory as JSON."""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from PIL import Image

from core.errors import BadInput
from core.images import PILLOW_FORMATS
from models.classifier.decode import decode

MAX_CPU_S = 3.0
MAX_MB = 400.0
KEEP_SIDE = 520
"""Twice the short side that the bundled networks take."""


class PeakMemory:
    """The most memory that this process and its children have together while the block runs, in MB beyond the start.

    Attributes:
        mb: known when the block has ended.
    """

    def __init__(self) -> None:
        self.mb = 0.0
        self._before = 0.0
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> PeakMemory:
        """Begin to look."""
        self._before = resident_mb()
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look for the last time."""
        self._ended.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._ended.wait(0.002):
            self.mb = max(self.mb, resident_mb() - self._before)


def resident_mb() -> float:
    """Return what this process and its children hold."""
    total = 0
    for process in ("self", *_children()):
        with suppress(OSError):  # it has just ended
            total += int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1])
    return total * resource.getpagesize() / 2**20


def cpu_s() -> float:
    """Return the processor time of this process and of its children, those that live included."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    for process in _children():
        with suppress(OSError):
            fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def _children() -> list[str]:
    """Return the numbers of the processes that this one has started, from whichever thread."""
    found: list[str] = []
    for path in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # the thread has just ended
            found += path.read_text("ascii").split()
    return found


def main() -> None:
    """Decode a file as the service does and print what came of it."""
    for name in PILLOW_FORMATS:  # what is loaded once does not count
        file = BytesIO()
        Image.new("RGB", (9, 9)).save(file, name, lossless=True)
        decode(file.getvalue())
    data = Path(sys.argv[1]).read_bytes()
    before = cpu_s()
    with PeakMemory() as peak:
        try:
            answer = decode(data, keep_side=KEEP_SIDE).mode
        except BadInput as error:
            answer = type(error).__name__
    print(json.dumps({"answer": answer, "cpu_s": round(cpu_s() - before, 2), "mb": round(peak.mb, 1)}))


if __name__ == "__main__":
    main()
