"""Decoding in a process of its own, which may be ended: for codecs whose cost nothing in the container tells.

A lossless WebP holds tables of codes that unpack to 5 kB each, and AV1 is a language of its own; how much of either a
file holds is known to its decoder alone. So these are decoded in a child that may take no more memory than the survey
counted with, and three seconds of processor time. It is started with the first such picture and kept for the next.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import selectors
import signal
import struct
import subprocess
import sys
import threading
import time
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from PIL import AvifImagePlugin, Image

from core.errors import UndecodableImage
from core.freed_memory import give_freed_memory_back
from core.images import SurveyedPicture

CPU_S = 3
"""At most; the system counts in whole seconds, so up to one less."""
WALL_S = 30.0
SPARE_BYTES = 64_000_000
"""What a codec may take beside what grows with the picture."""
MAX_IDLE = 4
LARGE_BYTES = 100_000_000
STRIP_PIXELS = 250_000
_ASKED = struct.Struct("<4sQQ")
_ANSWERED = struct.Struct("<4sIIQQ")
_FAILED = b"FAIL"


class _Child:
    """One process that decodes pictures, one after the other."""

    def __init__(self) -> None:
        root = str(Path(__file__).resolve().parent.parent.parent)
        begin = f"import sys; sys.path.insert(0, {root!r}); from models.classifier.confined import main; main()"
        self.process = subprocess.Popen([sys.executable, "-c", begin], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def decode(self, picture: SurveyedPicture) -> Image.Image:
        """Return the picture in the colours that it is stored in.

        Raises:
            EOFError: the process has ended.
            TimeoutError: it took too long.
        """
        asked = self.process.stdin
        assert asked is not None
        asked.write(_ASKED.pack(picture.format.encode(), picture.decoding_bytes + SPARE_BYTES, len(picture.data)))
        asked.write(picture.data)
        asked.flush()
        until = time.monotonic() + WALL_S
        mode, width, height, n_profile, n_exif = _ANSWERED.unpack(self._read(_ANSWERED.size, until))
        if mode == _FAILED or (width, height) != (picture.width, picture.height):
            raise ValueError(mode)
        name = mode.decode().strip()
        profile, exif = self._read(n_profile, until), self._read(n_exif, until)
        image = Image.new(name, (width, height), None)  # not filled: every row is pasted over
        n_rows = max(1, STRIP_PIXELS // width)
        for top in range(0, height, n_rows):
            size = width, min(n_rows, height - top)
            image.paste(Image.frombytes(name, size, self._read(size[0] * size[1] * len(name), until)), (0, top))
        image.info = {key: value for key, value in (("icc_profile", profile), ("exif", exif)) if value}
        return image

    def end(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()

    def _read(self, n_bytes: int, until: float) -> bytes:
        pipe = self.process.stdout
        assert pipe is not None
        parts = bytearray()
        with selectors.DefaultSelector() as ready:
            ready.register(pipe, selectors.EVENT_READ)
            while len(parts) < n_bytes:
                if not ready.select(max(0.0, until - time.monotonic())):
                    raise TimeoutError
                part = os.read(pipe.fileno(), min(1 << 20, n_bytes - len(parts)))
                if not part:
                    raise EOFError
                parts += part
        return bytes(parts)


class _Children:
    """The children of this process that wait for a picture; safe across threads and forks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._owner = os.getpid()
        atexit.register(self.end)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def take(self) -> _Child:
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.process.poll() is None:
                    return child
                child.end()
        return _Child()

    def give_back(self, child: _Child) -> None:
        with self._lock:
            if len(self._idle) < MAX_IDLE:
                self._idle.append(child)
                return
        child.end()

    def end(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        if os.getpid() == self._owner:
            for child in idle:
                child.end()

    def _forget(self) -> None:
        """Leave them to the process that was forked; called in the new one."""
        self._lock = threading.Lock()
        self._idle = []
        self._owner = os.getpid()


_CHILDREN = _Children()


def decode_confined(picture: SurveyedPicture) -> Image.Image:
    """Return a surveyed picture, decoded by a child, in the colours that it is stored in.

    Raises:
        UndecodableImage: it is truncated or broken, or takes more memory or time than a picture of its size may.
    """
    child = _CHILDREN.take()
    try:
        image = child.decode(picture)
    except (OSError, EOFError) as error:  # TimeoutError is an OSError
        child.end()
        raise UndecodableImage(
            f"The {picture.format} picture takes too long or too much memory to decode. Save it again as JPEG."
        ) from error
    except ValueError as error:
        _CHILDREN.give_back(child)
        raise UndecodableImage(
            f"The {picture.format} picture is truncated or broken. Save it again and resend it."
        ) from error
    except BaseException:
        child.end()
        raise
    _CHILDREN.give_back(child)
    return image


# ---- in the child ------------------------------------------------------------------------------------


def _limit(n_bytes: int) -> None:
    """Allow the next picture so much memory beyond what is held now, and ``CPU_S`` of processor time."""
    try:
        import resource
    except ImportError:  # no such limits on this system; the survey and the time on the wall still hold
        return
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0]) if Path("/proc/self/statm").exists() else 0
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + n_bytes, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + CPU_S, resource.RLIM_INFINITY))


def _serve(asked: IO[bytes], answered: IO[bytes]) -> None:
    while len(head := asked.read(_ASKED.size)) == _ASKED.size:
        name, n_bytes, length = _ASKED.unpack(head)
        data = asked.read(length)
        _limit(n_bytes)
        try:
            image = _opened(name.decode(), data)
        except Exception:  # a decoder fed with hostile bytes may raise nearly anything
            answered.write(_ANSWERED.pack(_FAILED, 0, 0, 0, 0))
        else:
            _tell(image, answered)
            del image
        del data
        answered.flush()
        if n_bytes > LARGE_BYTES:
            give_freed_memory_back()


def _opened(name: str, data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data), formats=[name])
    image.load()
    vars(image).pop("_decoder", None)  # kept by Pillow for further frames, at twice the size of the picture
    image.fp = None
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        raise ValueError(image.mode)
    return image


def _tell(image: Image.Image, answered: IO[bytes]) -> None:
    extras: list[Any] = [image.info.get(key) or b"" for key in ("icc_profile", "exif")]
    answered.write(_ANSWERED.pack(image.mode.ljust(4).encode(), *image.size, *map(len, extras)))
    for extra in extras:
        answered.write(extra)
    n_rows = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, n_rows):
        answered.write(image.crop((0, top, image.width, min(image.height, top + n_rows))).tobytes())


def main() -> None:
    """Decode what is asked for on standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)  # whoever waits for a caption's answer goes first
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # the stack of each thread would count against the bound
    _serve(sys.stdin.buffer, sys.stdout.buffer)
