"""The files of a folder or an archive, each read whole within bounds, and none from outside of it."""

from __future__ import annotations

import json
import lzma
import os
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from core.errors import DataError
from scraper.errors import PageBroken, PageRefused

MAX_FILES = 2_000_000
MAX_PICTURE_BYTES = 50 * 1024 * 1024
MAX_TEXT_BYTES = 64 * 1024 * 1024
"""Of one JSON or text file, unpacked."""
_MAX_XZ_MEMORY = 128 * 1024 * 1024


class DumpFiles(Protocol):
    """Files by their names, which are paths from the top with forward slashes."""

    def names(self) -> list[str]:
        """Return every file's name, sorted.

        Raises:
            DataError: there are more than ``MAX_FILES``.
        """
        ...

    def read(self, name: str, max_bytes: int) -> bytes:
        """Return a file's bytes.

        Raises:
            PageRefused: there is no such file, or its name or a link leads out of the folder.
            PageBroken: it is larger than allowed, damaged or encrypted.
        """
        ...


class FolderFiles:
    """The files below a folder; a ``DumpFiles``."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def names(self) -> list[str]:
        """Return every file's name, sorted; folders that are links are not entered."""
        found: list[str] = []
        for folder, _, files in os.walk(self._root, followlinks=False):
            inside = Path(folder).relative_to(self._root)
            found += [(inside / name).as_posix() for name in files]
            if len(found) > MAX_FILES:
                raise DataError(f"{self._root} holds more than {MAX_FILES:,} files; name a folder below it")
        return sorted(found)

    def read(self, name: str, max_bytes: int) -> bytes:
        """Return a file's bytes; raises as ``DumpFiles.read`` says."""
        try:
            with self.path(name).open("rb") as file:
                content = file.read(max_bytes + 1)
        except OSError as error:
            raise PageRefused(f"{name} cannot be read ({error.strerror})") from error
        return _bounded(content, name, max_bytes)

    def path(self, name: str) -> Path:
        """Return where a file lies.

        Raises:
            PageRefused: there is no such file, or its name or a link leads out of the folder.
        """
        try:
            path = (self._root / name).resolve(strict=True)
            regular = stat.S_ISREG(path.stat().st_mode)
        except (OSError, ValueError, RuntimeError) as error:
            raise PageRefused(f"{name} is not there") from error
        if not path.is_relative_to(self._root):
            raise PageRefused(f"{name} leads out of the folder, and was not read")
        if not regular:
            raise PageRefused(f"{name} is not a file")
        return path


class ZipFiles:
    """The files of a zip archive, read from inside it; a ``DumpFiles``.

    Raises:
        DataError: it is not a zip archive, or holds more than ``MAX_FILES``.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise DataError(f"{path} is not a complete zip archive; download it again") from error
        if len(self._archive.infolist()) > MAX_FILES:
            raise DataError(f"{path} holds more than {MAX_FILES:,} files; unpack a part of it")

    def names(self) -> list[str]:
        """Return every file's name, sorted."""
        return sorted({entry.filename for entry in self._archive.infolist() if not entry.is_dir()})

    def read(self, name: str, max_bytes: int) -> bytes:
        """Return a file's bytes; what it unpacks to is counted, not what the archive says of it."""
        try:
            with self._archive.open(name) as file:
                content = file.read(max_bytes + 1)
        except KeyError as error:
            raise PageRefused(f"{name} is not in the archive") from error
        except RuntimeError as error:
            raise PageBroken(f"{name} is encrypted; unpack the archive first") from error
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, NotImplementedError) as error:
            raise PageBroken(f"{name} is damaged in the archive; download it again") from error
        return _bounded(content, name, max_bytes)


def read_text_bytes(files: DumpFiles, name: str) -> bytes:
    """Return a text file's bytes, unpacked when its name ends in ``.xz``.

    Raises:
        PageRefused: as :meth:`DumpFiles.read`.
        PageBroken: it is damaged, cut short, or larger than ``MAX_TEXT_BYTES`` once unpacked.
    """
    content = files.read(name, MAX_TEXT_BYTES)
    if PurePosixPath(name).suffix != ".xz":
        return content
    unpacker = lzma.LZMADecompressor(memlimit=_MAX_XZ_MEMORY)
    try:
        unpacked = unpacker.decompress(content, MAX_TEXT_BYTES + 1)
    except lzma.LZMAError as error:
        raise PageBroken(f"{name} is damaged: it is not xz") from error
    unpacked = _bounded(unpacked, name, MAX_TEXT_BYTES)
    if not unpacker.eof:
        raise PageBroken(f"{name} ends too early; download it again")
    return unpacked


def read_json(content: bytes, name: str) -> Any:
    """Return the JSON in a text file's bytes.

    Raises:
        PageBroken: it is not JSON; the message names the file and, where it is known, the line.
    """
    try:
        return json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise PageBroken(f"{name} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise PageBroken(f"{name}, line {error.lineno}: not JSON ({error.msg})", content=content) from error
    except (ValueError, RecursionError) as error:
        raise PageBroken(f"{name} holds numbers or depths that no post has", content=content) from error


def _bounded(content: bytes, name: str, max_bytes: int) -> bytes:
    if len(content) > max_bytes:
        raise PageBroken(f"{name} is larger than {max_bytes / 1e6:.0f} MB and is left out")
    return content
