"""What a cleaning found: for the caller, as JSON, as text and as one HTML page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.atomic import write_atomic
from core.errors import InvalidOption
from core.text.visible import visible
from pipelines.cleaning import comparing, examining, pictures, reading, spam
from pipelines.cleaning.ledger import Ledger
from pipelines.cleaning.review import PAGE
from pipelines.cleaning.writing import Written
from pipelines.report.page import Block, Code, Heading, Link, Paragraph, Picture, write_page
from pipelines.report.plots import bars_png
from pipelines.report.tables import Row, Table

FOLDER = "cleaning"
SUMMARY = "summary.json"
MADE_BY = "tagsmith clean"

SENTENCES: dict[str, str] = {
    reading.MALFORMED: "lines that are not posts",
    examining.QUARANTINED: "posts that tagsmith outliers took out",
    examining.BLOCKED: "more hashtags of the block list than may be taken out",
    examining.FEW_HASHTAGS: "too few hashtags left",
    examining.OTHER_LANGUAGE: "captions that are surely in a language not asked for",
    **{rule.name: rule.sentence for rule in spam.RULES},
    **comparing.SENTENCES,
}
"""Rule about posts -> what it drops, in the order in which posts meet the rules."""
PICTURE_SENTENCES: dict[str, str] = pictures.SENTENCES


@dataclass(frozen=True, slots=True)
class CleanReport:
    """What became of a corpus.

    Attributes:
        n_read: lines that held anything; every one of them is kept or counted under a reason.
        n_kept: posts written.
        n_with_picture: posts written with their picture.
        dropped: name of a rule -> posts that it took out; a post is counted under one rule only.
        pictures_dropped: name of a rule -> pictures taken from posts that stayed.
        mended: what was changed in posts that stayed -> how often.
        folder: where the report, its figures and the samples lie.
        repeated: whether nothing had changed since an earlier run, whose report this is.
    """

    n_read: int
    n_kept: int
    n_with_picture: int
    dropped: Mapping[str, int]
    pictures_dropped: Mapping[str, int]
    mended: Mapping[str, int]
    folder: Path
    repeated: bool = False


def summarise(fingerprint: str, config: Mapping[str, Any], ledger: Ledger, written: Written) -> dict[str, Any]:
    """Return every figure; the same corpus and numbers give the same ones."""
    dropped = ledger.total("dropped") + written.dropped
    return {
        "made_by": MADE_BY,
        "fingerprint": fingerprint,
        "read": ledger.n_read,
        "kept": written.n_kept,
        "with_picture": written.n_with_picture,
        "dropped": {rule: dropped[rule] for rule in SENTENCES if dropped[rule]},
        "pictures_dropped": {rule: n for rule in PICTURE_SENTENCES if (n := written.pictures_dropped[rule])},
        "mended": dict(sorted(ledger.total("mended").items())),
        "languages": dict(ledger.total("languages").most_common()),
        "other_languages": dict(ledger.total("other_languages").most_common()),
        "first_malformed_line": {shard.name: shard.malformed for shard in ledger.shards if shard.malformed},
        "config": dict(config),
    }


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Write the figures and the report into ``folder``."""
    write_atomic(folder / "report.txt", as_text(summary))
    write_page(folder / "report.html", "Cleaning", _blocks(summary))
    write_atomic(folder / SUMMARY, json.dumps(summary, indent=1, ensure_ascii=False))


def read_summary(out: Path) -> dict[str, Any] | None:
    """Return the figures of an earlier cleaning into ``out``, None where ``out`` is not there or empty.

    Raises:
        InvalidOption: ``out`` holds something else.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    try:
        summary = json.loads((out / FOLDER / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        summary = None
    if not isinstance(summary, dict) or summary.get("made_by") != MADE_BY:
        raise InvalidOption(f"{out} holds something that no cleaning made; choose another --out", field="out")
    return summary


def report_of(summary: Mapping[str, Any], out: Path, *, repeated: bool) -> CleanReport:
    """Return what a caller gets to see."""
    return CleanReport(
        n_read=summary["read"],
        n_kept=summary["kept"],
        n_with_picture=summary["with_picture"],
        dropped=summary["dropped"],
        pictures_dropped=summary["pictures_dropped"],
        mended=summary["mended"],
        folder=out / FOLDER,
        repeated=repeated,
    )


def as_text(summary: Mapping[str, Any]) -> str:
    """Return the figures as lines for a terminal."""
    n_read, n_kept = summary["read"], summary["kept"]
    lines = [
        f"{n_read:,} posts read, {n_kept:,} kept ({_share(n_kept, n_read)}), {summary['with_picture']:,} with a picture"
    ]
    lines += _counts("posts dropped", summary["dropped"], n_read)
    n_pictures = summary["with_picture"] + sum(summary["pictures_dropped"].values())
    lines += _counts("pictures taken from their posts", summary["pictures_dropped"], n_pictures)
    lines += _counts("mended", summary["mended"], n_read)
    lines += _counts("dropped for their language", summary["other_languages"], n_read)
    lines += [f"  {name}, {problem}" for name, problem in summary["first_malformed_line"].items()]
    return "\n".join(map(visible, lines)) + "\n"


def _counts(title: str, counts: Mapping[str, int], n_all: int) -> list[str]:
    if not counts:
        return []
    return [f"{title}:", *(f"  {n:>9,}  {_share(n, n_all):>7}  {name}" for name, n in counts.items())]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "-"


def _blocks(summary: Mapping[str, Any]) -> Iterator[Block]:
    yield Paragraph(
        f"{summary['read']:,} posts read, {summary['kept']:,} kept, {summary['with_picture']:,} of them with a picture."
    )
    yield Link("Samples of what was dropped", PAGE)
    for title, counts, sentences in (
        ("Posts dropped", summary["dropped"], SENTENCES),
        ("Pictures taken from their posts", summary["pictures_dropped"], PICTURE_SENTENCES),
    ):
        yield Heading(title)
        if len(counts) > 1:
            table = Table((title,), ("n",), tuple(Row(rule, (n,)) for rule, n in counts.items()))
            yield Picture(bars_png(table, "n"), "plot of the table below")
        rows = tuple(Row(rule, (sentences[rule], n)) for rule, n in counts.items())
        yield Table((title,), ("what it drops", "n"), rows, corner="rule") if rows else Paragraph("None.")
    for title, key, corner, column in (
        ("Mended", "mended", "", "n"),
        ("Languages, before comparing", "languages", "", "n"),
        ("Languages dropped", "other_languages", "", "n"),
        ("Lines that are not posts", "first_malformed_line", "shard", "the first"),
    ):
        if summary[key]:
            yield Heading(title)
            yield Table((title,), (column,), tuple(Row(name, (n,)) for name, n in summary[key].items()), corner)
    yield Heading("Numbers")
    yield Code(json.dumps(summary["config"], indent=1))
