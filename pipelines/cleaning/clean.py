"""A collected corpus in, a clean one out: the same layout, without what would teach nonsense.

Three passes, in memory that does not grow with the corpus, apart from one byte a post:

1. ``reading.py`` judges every post by itself and writes the good ones to a work folder, with 8-byte keys;
2. ``comparing.py`` and ``pictures.py`` find copies from the keys alone, and look at the pictures of the posts
   that are left;
3. ``writing.py`` writes the corpus.

The result is built aside and renamed when it is whole. The corpus is only read.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.atomic import sync_folder
from core.errors import DataError, InvalidOption, lacking
from core.locks import hold_work_folder
from core.quarantine import quarantined
from core.text.blocklist import load_blocklist
from pipelines.config.clean import CleanConfig
from pipelines.workshop.progress import ProgressPort
from pipelines.workshop.stage import StageContext, room_errors

if TYPE_CHECKING:
    from pipelines.cleaning.summary import CleanReport

VERSION = 2
CORPUS = "corpus"
"""The name of the corpus among the inputs of the stage."""


def clean(corpus: Path, out: Path, config: CleanConfig, progress: ProgressPort) -> CleanReport:
    """Write the clean copy of ``corpus`` to ``out`` and return what became of every post.

    ``out`` appears when everything is done, and replaces what an earlier cleaning left there. Stopped or killed, the
    same call goes on where it was; when nothing has changed since, it returns the report that is there.

    Raises:
        DataError: the corpus is missing, holds no post, or a shard is damaged; the message names it.
        InvalidOption: ``out`` holds something else than an earlier cleaning, or lies in the corpus.
        MissingExtra: a package that cleaning needs is not installed.
        StorageError: the disk is full, ``out`` cannot be written, or another cleaning is at work there.
    """
    from pipelines.cleaning.summary import read_summary, report_of

    _demand_apart(corpus, out)
    work = out.absolute().parent / f".{out.name}.cleaning"
    busy = f"another cleaning into {out} is at work; wait for it, or choose another --out"
    with room_errors(out.absolute().parent), hold_work_folder(work, busy):
        _put_back(out, work)
        known = read_summary(out)
        mark = _fingerprint(corpus, config)
        if known is not None and known["fingerprint"] == mark:
            report = report_of(known, out, repeated=True)
        else:
            aside = work / "out"
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir()
            summary = _clean(corpus, aside, work, mark, config, progress)
            _put_in_place(aside, out, work)
            report = report_of(summary, out, repeated=False)
        shutil.rmtree(work, ignore_errors=True)
    return report


def run(context: StageContext[CleanConfig]) -> None:
    """Clean ``context.inputs["corpus"]`` into ``context.out`` as a stage of a run; raises as :func:`clean` does."""
    corpus = context.inputs[CORPUS]
    mark = _fingerprint(corpus, context.config)
    _clean(corpus, context.out, context.work, mark, context.config, context.progress)


def _clean(
    corpus: Path, out: Path, work: Path, mark: str, config: CleanConfig, progress: ProgressPort
) -> dict[str, Any]:
    """Write the clean corpus into the empty folder ``out`` and return its figures."""
    try:
        from pipelines.cleaning import (
            comparing,
            examining,
            ledger,
            pictures,
            reading,
            review,
            signatures,
            summary,
            writing,
        )
        from pipelines.cleaning.ledger import POSTS, find_shards
    except ModuleNotFoundError as error:
        raise lacking("cleaning", error.name, "scrape") from error

    shards = find_shards(corpus)
    real = corpus.resolve()
    signer = signatures.Signer(config.copies.similarity, config.copies.permutations)
    left_out = quarantined(corpus / POSTS)
    done = ledger.Ledger(
        work, _numbers(config, left_out), shards, reading.key_records(signer.n_bands), config.copies.permutations
    )
    try:
        if done.resumed:
            progress.note(f"going on after {done.n_read:,} posts of an earlier run")
        examiner = examining.Examiner(config, load_blocklist(), quarantined=left_out)
        reading.Reader(config, examiner, signer, done).read(shards, progress)
        if done.keys.n_rows == 0 and done.n_read == done.total("dropped")[reading.MALFORMED]:
            raise DataError(_nothing_usable(corpus, done.shards))
        posts = comparing.Comparison(done.keys, done.signatures, signer, config).verdicts(progress)
        gallery = pictures.Gallery(done, posts, real / POSTS, real, config.pictures)
        gallery.look(progress)
        seen = gallery.compare(progress, config.samples)
        written = writing.Writer(done, posts, seen, real, out).write(progress)
        figures = summary.summarise(mark, asdict(config), done, written)
        folder = out / summary.FOLDER
        folder.mkdir()
        samples = [
            *review.read_dropped(work / "dropped.jsonl", config.samples),
            *review.post_samples(posts, written),
            *review.picture_samples(seen, written, config),
        ]
        review.write_review(folder, samples, {**summary.SENTENCES, **summary.PICTURE_SENTENCES})
        summary.write_summary(folder, figures)
    finally:
        done.close()
    return figures


def _nothing_usable(corpus: Path, shards: Sequence[Any]) -> str:
    first = next((f"{shard.name}, {shard.malformed}" for shard in shards if shard.malformed), "every shard is empty")
    return f"{corpus} holds no usable post: {first}; each line must be one JSON object, see docs/data.md"


def _fingerprint(corpus: Path, config: CleanConfig) -> str:
    """Return a hash of what the result depends on: posts by content, pictures by name, size and time."""
    from pipelines.cleaning.ledger import POSTS, find_shards

    total = hashlib.sha256(_numbers(config, quarantined(corpus / POSTS)).encode())
    for shard in find_shards(corpus):
        total.update(f"\n{shard.name}\t{shard.sha256}".encode("utf-8", "surrogateescape"))
    # A sum, so that the folder need be neither sorted nor held.
    pictures = 0
    for path, found in _files(corpus / "pictures"):
        line = f"{path}\t{found.st_size}\t{found.st_mtime_ns}".encode("utf-8", "surrogateescape")
        pictures += int.from_bytes(hashlib.blake2b(line, digest_size=16).digest(), "little")
    total.update(f"\n{pictures % 2**128:x}".encode())
    return total.hexdigest()


def _numbers(config: CleanConfig, left_out: frozenset[str]) -> str:
    """Return what verdicts on single posts depend on beside the posts, as one text."""
    numbers: dict[str, Any] = {"version": VERSION, "config": asdict(config)}
    if left_out:
        numbers["quarantined"] = sorted(left_out)
    return json.dumps(numbers, sort_keys=True)


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            yield os.path.relpath(path, folder), os.lstat(path)


def _demand_apart(corpus: Path, out: Path) -> None:
    if not corpus.is_dir():
        raise DataError(f"{corpus} is not a folder; name the corpus that `tagsmith collect` wrote")
    here, there = corpus.resolve(), out.resolve()
    if there.is_relative_to(here) or here.is_relative_to(there):
        raise InvalidOption(f"{out} and the corpus {corpus} lie in each other; choose another --out", field="out")


def _put_in_place(aside: Path, out: Path, work: Path) -> None:
    """Give the finished folder its name; what an earlier cleaning left is kept until then."""
    before = work / "before"
    shutil.rmtree(before, ignore_errors=True)
    if out.exists():
        os.rename(out, before)
    os.rename(aside, out)
    sync_folder(out.absolute().parent)


def _put_back(out: Path, work: Path) -> None:
    """Undo a replacement that was killed between its two renames."""
    if (work / "before").is_dir() and not out.exists():
        os.rename(work / "before", out)
