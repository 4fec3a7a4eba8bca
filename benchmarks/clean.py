"""How fast ``tagsmith clean`` is and how much memory it takes, from ten thousand posts to a million.

    python -m benchmarks.clean --out var/bench-clean

Writes made-up corpora (``synthetic_posts.py``), cleans each in a process of its own, one after the other, and prints
posts a second, processor seconds, the highest resident memory, and how much of what was planted is left. Ends
with 1 when memory or time a post grows with the corpus by more than a bar.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.synthetic_posts import kind_of, write_corpus

SIZES = (10_000, 100_000, 1_000_000)
MAX_MEMORY_RATIO = 1.25
MAX_TIME_RATIO = 1.25


def measure(corpus: Path, out: Path) -> dict[str, Any]:
    """Clean a corpus in this process and return what it took."""
    from pipelines.cleaning.clean import clean
    from pipelines.config.training import load_config
    from pipelines.workshop.progress import SilentProgress

    before = _memory_mb()
    start, spent = time.perf_counter(), time.process_time()
    report = clean(corpus, out, load_config().clean, SilentProgress())
    seconds, cpu = time.perf_counter() - start, time.process_time() - spent
    return {
        "posts": report.n_read,
        "kept": report.n_kept,
        "with_picture": report.n_with_picture,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "posts_a_second": round(report.n_read / seconds),
        "posts_a_cpu_second": round(report.n_read / cpu),
        "peak_mb": _memory_mb(),
        "mb_before": before,
        "dropped": dict(report.dropped),
    }


def main() -> int:
    """Run the benchmark and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="a folder for the corpora; 3 GB for a million posts")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="posts of each corpus")
    parser.add_argument("--plot", type=Path, help="where the curve goes, as PNG")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure is not None:
        print(json.dumps(measure(arguments.measure, arguments.out)))
        return 0
    rows = [_one(arguments.out, size) for size in arguments.sizes]
    if arguments.plot is not None:
        arguments.plot.write_bytes(_curve(rows))
    return _judge(rows)


def _one(out: Path, size: int) -> dict[str, Any]:
    corpus = out / f"corpus-{size}"
    if not (corpus / "whole").is_file():
        shutil.rmtree(corpus, ignore_errors=True)
        print(f"writing {size:,} posts", flush=True)
        write_corpus(corpus, size, lambda _: None)
        (corpus / "whole").touch()
    target = out / f"clean-{size}"
    shutil.rmtree(target, ignore_errors=True)
    command = [sys.executable, "-m", "benchmarks.clean", "--measure", str(corpus), "--out", str(target)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    row: dict[str, Any] = json.loads(done.stdout)
    print(
        f"{row['posts']:>9,} posts  {row['seconds']:>7.1f} s  {row['posts_a_second']:>6,} posts/s  "
        f"{row['posts_a_cpu_second']:>6,} posts/cpu s  {row['peak_mb']:>4} MB at most, {row['mb_before']} before"
    )
    planted = Counter(kind_of(number) for number in range(size))
    kept = Counter(map(kind_of, _kept(target)))
    print("".join(f"{'':>12}{kind}: {planted[kind]:,} planted, {kept[kind]:,} kept\n" for kind in planted), end="")
    print(f"{'':>12}{json.dumps(row['dropped'])}, {row['with_picture']:,} pictures kept", flush=True)
    return row


def _kept(out: Path) -> Iterator[int]:
    """Yield the numbers of the posts that stayed."""
    for shard in (out / "posts").glob("*.jsonl"):
        with shard.open("rb") as lines:
            yield from (int(json.loads(line)["id"].removeprefix("made-up:")) for line in lines)


def _judge(rows: list[dict[str, Any]]) -> int:
    if len(rows) < 2:
        return 0
    memory = rows[-1]["peak_mb"] / rows[0]["peak_mb"]
    per_post = [row["cpu_seconds"] / row["posts"] for row in rows]
    slower = per_post[-1] / per_post[0]
    first, last = rows[0]["posts"], rows[-1]["posts"]
    print(f"from {first:,} to {last:,} posts: memory x {memory:.2f}, time a post x {slower:.2f}")
    return int(memory > MAX_MEMORY_RATIO or slower > MAX_TIME_RATIO)


def _curve(rows: list[dict[str, Any]]) -> bytes:
    """Return the speed and the memory over the number of posts."""
    import io

    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 2.9), layout="constrained")
    n_posts = [row["posts"] for row in rows]
    panels = {"posts_a_cpu_second": "posts a second of one core", "peak_mb": "resident memory at most, MB"}
    for axes, (key, title) in zip(figure.subplots(1, 2), panels.items(), strict=True):
        axes.plot(n_posts, [row[key] for row in rows], color="#3b7ea1", marker="o")
        for x, row in zip(n_posts, rows, strict=True):
            axes.annotate(f"{row[key]:,}", (x, row[key]), (0, 7), textcoords="offset points", ha="center", fontsize=8)
        axes.set_xscale("log")
        axes.set_xlim(n_posts[0] / 2, n_posts[-1] * 2)
        axes.set_ylim(0, 1.25 * max(row[key] for row in rows))
        axes.set_xlabel("posts in the corpus", fontsize=9)
        axes.set_title(title, fontsize=10, loc="left")
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def _memory_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    sys.exit(main())
