"""What the service adds to the work itself, and how it holds up under load.

    python -m benchmarks.serving --bundle var/bundles --photo examples/photos/boot.jpg

Starts ``tagsmith serve`` as a process of its own, then

1. sends one 1080x1350 JPEG with caption and seeds again and again, each time followed by the same work in a bare loop
   of this process (prepare, evidence, recommend), so that both meet the same load of the machine;
2. sends thousands of requests from several clients, some with and some without the picture.

Prints the milliseconds of each part, the ratio, errors, memory and the time to /ready; ends with 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from core.query import Query
from core.text.caption import caption_words
from service.engine.loading import Loaded, load
from service.settings import load_settings

CAPTION = "Sunday walk with my best friend in the old town"
SEEDS = ("dog", "weekend")
SIZE = (1080, 1350)
STAGES = ("read", "queue", "decode", "classify", "rank")
BARE = ("decode", "classify", "rank")

MAX_RATIO = 1.5
MAX_READY_S = 4.0
MAX_RSS_MB = 500.0


class Service:
    """The service in a process of its own."""

    def __init__(self, bundle: Path, threads: int | None) -> None:
        started = time.perf_counter()
        command = [sys.executable, "-m", "tagsmith", "serve", "--port", "0", "--bundle", str(bundle)]
        if threads is not None:
            command += ["--threads", str(threads)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        lines = iter(self.process.stderr.readline, "")
        self.address = next(json.loads(line)["url"] for line in lines if '"listening"' in line).split("//")[1]
        next(line for line in lines if '"ready"' in line)
        self.ready_s = time.perf_counter() - started
        # Nobody reads the log from here on; a full pipe would stop the service.
        threading.Thread(target=lambda: list(lines), daemon=True).start()

    def rss_mb(self, which: str) -> float:
        """Return resident memory: ``VmRSS`` now, ``VmHWM`` at its highest."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return int(re.search(rf"{which}:\s+(\d+) kB", status)[1]) / 1000.0  # type: ignore[index]


@contextmanager
def running(bundle: Path, threads: int | None) -> Iterator[Service]:
    """Run the service and end it."""
    service = Service(bundle, threads)
    try:
        yield service
    finally:
        service.process.terminate()
        service.process.wait(30)


def photograph(path: Path) -> bytes:
    """Return the middle of a picture as a 1080x1350 JPEG."""
    with Image.open(path) as image:
        width, height = image.size
        scale = max(SIZE[0] / width, SIZE[1] / height)
        grown = image.convert("RGB").resize((round(width * scale), round(height * scale)))
    left, top = (grown.width - SIZE[0]) // 2, (grown.height - SIZE[1]) // 2
    out = io.BytesIO()
    grown.crop((left, top, left + SIZE[0], top + SIZE[1])).save(out, "JPEG", quality=90)
    return out.getvalue()


def form(photo: bytes | None, seeds: str) -> tuple[bytes, str]:
    """Return (body, content type) of one request."""
    files = {"image": ("photo.jpg", photo, "image/jpeg")} if photo else {"image": ("", b"")}
    request = httpx.Request("POST", "http://t", data={"caption": CAPTION, "seeds": seeds}, files=files)
    return request.read(), request.headers["content-type"]


def post(connection: http.client.HTTPConnection, body: bytes, content_type: str) -> http.client.HTTPResponse:
    """Send one request and read its answer."""
    connection.request("POST", "/v1/suggestions", body, {"Content-Type": content_type})
    response = connection.getresponse()
    response.read()
    return response


def bare(loaded: Loaded, photo: bytes) -> dict[str, float]:
    """Do the work of one request without the service; return milliseconds."""
    at = [time.perf_counter()]
    pixels = loaded.classifier.prepare(photo)
    at.append(time.perf_counter())
    (evidence,) = loaded.classifier.evidence(pixels[None])
    at.append(time.perf_counter())
    query = replace(Query(words=caption_words(CAPTION), seeds=SEEDS), image=evidence)
    loaded.recommender.recommend([query])
    at.append(time.perf_counter())
    return dict(zip(BARE, np.diff(at) * 1000.0, strict=True)) | {"total": (at[-1] - at[0]) * 1000.0}


def compare(service: Service, loaded: Loaded, photo: bytes, n_rounds: int) -> float:
    """Alternate request and bare loop, print both, return the ratio of their medians."""
    connection = http.client.HTTPConnection(service.address)
    body, content_type = form(photo, ",".join(SEEDS))
    served: list[dict[str, float]] = []
    worked: list[dict[str, float]] = []
    for i in range(n_rounds + 10):
        started = time.perf_counter()
        response = post(connection, body, content_type)
        total = (time.perf_counter() - started) * 1000.0
        assert response.status == 200
        parts = {name: float(ms) for name, ms in re.findall(r"(\w+);dur=([\d.]+)", response.headers["Server-Timing"])}
        alone = bare(loaded, photo)
        if i >= 10:  # the first ones warm up
            served.append(parts | {"total": total})
            worked.append(alone)
    print(f"\n{n_rounds} requests alternating with the bare loop, ms, median (90 % below)")
    for name in (*STAGES, "total"):
        line = f"  {name:9}{_spread(served, name)}"
        print(line + (f"   bare {_spread(worked, name)}" if name in worked[0] else ""))
    ratio = _median(served, "total") / _median(worked, "total")
    print(f"  ratio     {ratio:.3f} (at most {MAX_RATIO})")
    return ratio


def load_test(service: Service, photo: bytes, n_requests: int, n_clients: int) -> int:
    """Send requests from several clients at once, print what became of them, return how many failed."""
    here = threading.local()
    with_photo, text_only = form(photo, "dog"), form(None, "dog,cat")

    def ask(i: int) -> tuple[int, float]:
        if not hasattr(here, "connection"):
            here.connection = http.client.HTTPConnection(service.address)
        started = time.perf_counter()
        try:
            status = post(here.connection, *(with_photo if i % 2 else text_only)).status
        except OSError:
            here.connection.close()
            status = 0
        return status, (time.perf_counter() - started) * 1000.0

    started = time.perf_counter()
    with ThreadPoolExecutor(n_clients) as pool:
        results = list(pool.map(ask, range(n_requests)))
    seconds = time.perf_counter() - started
    statuses = Counter(status for status, _ in results)
    times = np.percentile([ms for _, ms in results], [50, 95, 99])
    print(f"\n{n_requests} requests from {n_clients} clients, every second one with the picture")
    print(f"  statuses  {dict(statuses)}; {n_requests / seconds:.0f} a second")
    print(f"  ms        median {times[0]:.1f}, 95 % {times[1]:.1f}, 99 % {times[2]:.1f}")
    return n_requests - statuses[200]


def _median(rows: list[dict[str, float]], name: str) -> float:
    return statistics.median(row[name] for row in rows)


def _spread(rows: list[dict[str, float]], name: str) -> str:
    return f"{_median(rows, name):8.2f} ({np.percentile([row[name] for row in rows], 90):.2f})"


def main() -> int:
    """Run both measurements; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--threads", type=int)
    chosen = parser.parse_args()
    photo = photograph(chosen.photo)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {SIZE[0]}x{SIZE[1]} JPEG of {len(photo):,} bytes")
    with running(chosen.bundle, chosen.threads) as service:
        ready_rss = service.rss_mb("VmRSS")
        print(f"ready after {service.ready_s:.2f} s (at most {MAX_READY_S}) with {ready_rss:.0f} MB")
        loaded = load(load_settings(bundle=chosen.bundle, threads=chosen.threads))
        ratio = compare(service, loaded, photo, chosen.rounds)
        n_failed = load_test(service, photo, chosen.requests, chosen.clients)
        peak = service.rss_mb("VmHWM")
        print(f"  memory    {service.rss_mb('VmRSS'):.0f} MB, {peak:.0f} MB at its highest (at most {MAX_RSS_MB:.0f})")
    missed = ratio > MAX_RATIO or service.ready_s > MAX_READY_S or peak > MAX_RSS_MB or n_failed > 0
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
