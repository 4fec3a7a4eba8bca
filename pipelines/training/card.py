"""``card.md``: what a bundle was made from, how good it is at what, and what it should not be used for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from core.bundle.manifest import Provenance
from models.backbones.registry import BACKBONES
from pipelines.report.figures import Confusion, figures, is_course
from pipelines.report.tables import Row, Table, markdown_table, markdown_text, shown, title_of, value_of

WEAKEST = 3

_PURPOSE = """\
It suggests hashtags for one post from its photograph, its caption and a few seed hashtags, in a fixed vocabulary: it
ranks hashtags that people used before and invents none."""

_NOT_FOR = """\
- **Judging people or content.** Topics and ImageNet classes are coarse guesses that help to rank hashtags. They are no
  moderation, no identification of anyone, no statement about age, health, belief or origin.
- **Reach.** Popularity is how often a hashtag stands in the posts above, from the months above; it is neither a
  platform's count of today nor a promise that anyone will see the post. Nothing was measured against likes.
- **Languages that are rare in the posts above.** It knows of a language what those posts taught it; a caption in
  another one adds little to what picture and seeds bring.
- **News.** What became a hashtag after the posts were collected is not in it.
- **Posting unread.** A person should look at the list: a block list takes out the worst words, not every unhappy
  double meaning."""

_HOW_MEASURED = """\
Hashtags of a post are hidden and must be found again; those outside the vocabulary count as misses. Figures are means
over posts with a 95 % bootstrap interval. Vocabulary, tables and the picture network saw train posts and pictures
alone; ranker and calibration saw val as well; test was only measured on. A person may find a suggestion good that the
author did not use, so exact hits understate; sources differ much, so the mean alone says little about yours."""

_GLOVE = {
    "what": "GloVe 6B word vectors, 100 dimensions (Pennington, Socher, Manning 2014)",
    "licence": "PDDL 1.0",
    "source": "nlp.stanford.edu/projects/glove",
}


def model_card(
    bundle_id: str,
    provenance: Provenance,
    metrics: Mapping[str, Any],
    corpus: Mapping[str, Any],
    training: Mapping[str, Mapping[str, Any]],
) -> str:
    """Return the card as Markdown.

    Args:
        bundle_id: the bundle's name.
        provenance: what its manifest says of its making.
        metrics: everything that evaluation measured.
        corpus: ``summary.json`` of the split.
        training: what stages measured of themselves while training, by their names.
    """
    found = list(figures(metrics))
    parts = [
        f"# {bundle_id}\n\n{_PURPOSE}",
        "## Made from\n\n" + _corpus(corpus) + "\n\n" + _counts(provenance),
        "## Weights and vectors that it started from\n\n" + _licences(provenance),
        f"## How it was measured\n\n{_HOW_MEASURED}",
        "## Weaknesses\n\n" + _weaknesses(found, corpus),
        f"## What not to use it for\n\n{_NOT_FOR}",
        "## How to make it again\n\n" + _reproduce(provenance),
        "## All figures\n\n" + "\n\n".join(_section(figure) for figure in found),
    ]
    aside = [figure for figure in figures(training) if not (isinstance(figure, Table) and is_course(figure))]
    if aside:
        parts.append("## What training measured on val\n\n" + "\n\n".join(_section(figure) for figure in aside))
    return "\n\n".join(parts) + "\n"


def licences_of(backbone: str, with_glove: bool) -> tuple[Mapping[str, str], ...]:
    """Return one entry for each pretrained part: what it is, its licence and its source.

    A backbone that the registry does not list has an unknown licence: none is made up for it.
    """
    unlisted = {"what": f"{backbone}, weights", "licence": "unknown", "source": "not a backbone of the registry"}
    listed = {known.name: {"what": known.what, "licence": known.licence, "source": known.source} for known in BACKBONES}
    picture = listed.get(backbone, unlisted)
    return (picture, _GLOVE) if with_glove else (picture,)


def _corpus(corpus: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{counted['posts']:,} {split}" for split, counted in corpus["splits"].items())
    removed = sum(counted["equal_posts_left_out"] for counted in corpus["splits"].values())
    columns = ("train", "val", "test", "with_caption", "first", "last")
    rows = {source: {name: facts.get(name) for name in columns} for source, facts in corpus["by_source"].items()}
    table = "\n\n".join(markdown_table(by_source) for by_source in figures(rows) if isinstance(by_source, Table))
    return (
        f"Posts: {counts}; {removed:,} equal posts were left out before. No post, caption, author or picture is in the "
        f"bundle: weights, vectors and counts are, the latter of hashtags that at least 3 posts use.\n\n{table}"
    )


def _counts(provenance: Provenance) -> str:
    rows = [f"- {name.replace('_', ' ')}: {count:,}" for name, count in provenance.counts.items()]
    return "\n".join([f"- topics: {', '.join(provenance.topics)}", *rows])


def _licences(provenance: Provenance) -> str:
    if not provenance.licences:
        return "None: everything was learnt from the data above."
    known = dict.fromkeys(name for licence in provenance.licences for name in licence)
    first, *columns = sorted(known, key=lambda name: (name != "what", name != "licence", name))
    rows = tuple(
        Row(licence.get(first, "–"), tuple(licence.get(column) for column in columns))
        for licence in provenance.licences
    )
    return markdown_table(Table((), tuple(columns), rows, corner=first))


def _weaknesses(found: list[Table | Confusion], corpus: Mapping[str, Any]) -> str:
    lines = list(_missed_bars(found))
    # The same rows stand in several tables where methods are set side by side; the first one is enough.
    weakest = {
        said: where for figure in reversed(found) if isinstance(figure, Table) for where, said in _weakest_rows(figure)
    }
    lines += [f"{where}, lowest {said}." for said, where in reversed(weakest.items())]
    lines += [line for figure in found if isinstance(figure, Confusion) for line in _worst_mistakes(figure)]
    thin = [name for name, counts in corpus["by_source"].items() if counts.get("test", 0) < 50]
    if thin:
        lines.append(f"Too few test posts to judge by source (under 50): {', '.join(thin)}.")
    return "\n".join(f"- {line}" for line in lines) or "None was measured."


def _missed_bars(found: list[Table | Confusion]) -> Iterator[str]:
    for table in found:
        if isinstance(table, Table) and "met" in table.columns:
            at = table.columns.index("met")
            for row in table.rows:
                if row.leaves[at] is False:
                    facts = zip(table.columns, row.leaves, strict=True)
                    said = "; ".join(
                        f"{name} {shown(leaf)}" for name, leaf in facts if name != "met" and leaf is not None
                    )
                    yield f"Missed bar, {row.name}: {said}."


def _weakest_rows(table: Table) -> Iterator[tuple[str, str]]:
    """Yield where and which are the worst rows of a table by topic or source, by a column that says how well."""
    if not (table.path and table.path[-1].startswith(("by_", "per_")) and len(table.rows) > WEAKEST):
        return
    judged = [name for name in ("nDCG@10", "top-1") if name in table.columns]
    if not judged:
        return
    at = table.columns.index(judged[0])
    valued = [
        (value, row) for row in table.rows if (value := value_of(row.leaves[at])) is not None and math.isfinite(value)
    ]
    worst = sorted(valued, key=lambda pair: pair[0])[:WEAKEST]
    said = ", ".join(f"{row.name} {shown(row.leaves[at])}" for _, row in worst)
    yield title_of(table.path), f"{judged[0]}: {said}"


def _worst_mistakes(confusion: Confusion) -> Iterator[str]:
    mistakes = [
        (count / max(1, sum(row)), confusion.labels[x], confusion.labels[y])
        for y, row in enumerate(confusion.counts)
        for x, count in enumerate(row)
        if x != y and count > 1
    ]
    worst = sorted(mistakes, reverse=True)[:WEAKEST]
    if worst:
        said = ", ".join(f"{is_} taken for {taken} ({share:.0%})" for share, taken, is_ in worst)
        yield f"{title_of(confusion.path)}, most frequent mistakes: {said}."


def _section(figure: Table | Confusion) -> str:
    heading = f"### {markdown_text(title_of(figure.path))}"
    if isinstance(figure, Table):
        return f"{heading}\n\n{markdown_table(figure)}"
    rows = tuple(Row(label, counts) for label, counts in zip(figure.labels, figure.counts, strict=True))
    table = markdown_table(Table(figure.path, figure.labels, rows))
    return f"{heading}\n\nRows: what it is; columns: what it was taken for.\n\n{table}"


def _reproduce(provenance: Provenance) -> str:
    hashes = "\n".join(f"- {name}: `{digest}`" for name, digest in sorted(provenance.data_hashes.items()))
    versions = ", ".join(f"{name} {version}" for name, version in sorted(provenance.package_versions.items()))
    return (
        "```sh\ntagsmith train --data DATA --weights WEIGHTS --out var/bundles\n```\n\n"
        "with the numbers under `config` in `manifest.json`. The same data gives the same figures on the same machine; "
        f"times differ. Hashes of what was read:\n\n{hashes}\n\nMade with {versions}."
    )
