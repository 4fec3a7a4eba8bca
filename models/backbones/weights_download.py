"""Fetches a weights file: with a time limit, with progress, checked against the hash in its name."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from core.errors import WeightsUnavailable

HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.\w+$")
CHUNK_BYTES = 1 << 20
SILENCE_S = 20.0

Report = Callable[[int, int | None], object]


def fetch(url: str, target: Path, report: Report = lambda _done, _total: None) -> None:
    """Download ``url`` to ``target``, which appears only when it is whole and has the hash that its name promises.

    Args:
        url: ends in ``-<first digits of the SHA-256>.<suffix>``, as torchvision's do.
        target: written.
        report: told the bytes that have come and, where the server says it, the bytes in all.

    Raises:
        OSError: the network or the disk failed, or the server was silent for 20 seconds.
        WeightsUnavailable: what came has another hash.
    """
    promised = HASH_IN_NAME.search(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    digest, done = hashlib.sha256(), 0
    try:
        with urlopen(url, timeout=SILENCE_S) as answer, aside.open("wb") as handle:  # nosec B310
            length = answer.headers.get("Content-Length")
            while chunk := answer.read(CHUNK_BYTES):
                handle.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                report(done, int(length) if length else None)
            handle.flush()
            os.fsync(handle.fileno())
        if promised is None or not digest.hexdigest().startswith(promised.group(1)):
            raise WeightsUnavailable(f"What {url} sent does not have the hash that its name promises. Try again.")
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
