"""Posts divided into train, to learn from, val, to choose by, and test, to measure on.

A ``split`` field in the data is taken as it is. Where there is none, posts are divided by what they share, strongest
first, so that nothing of a test post has been seen in training:

1. **author**: all posts of one author go to one split; one whose other posts come with a ``split`` follows them;
2. **time**: of a source without authors, the newest posts are tested on, as in use;
3. **the block of hashtags**: equal sets, which people paste again and again, go to one split.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import DataError
from core.hashes import uniform_draw
from core.posts import Post, Split
from pipelines.config.training import CorpusConfig
from pipelines.corpus.posts import SPLITS, FolderPosts, Tally, deduplicate, write_posts
from pipelines.workshop.stage import StageContext

VERSION = 3


def run(context: StageContext[CorpusConfig]) -> None:
    """Write ``train``, ``val``, ``test`` and, where there are any, ``multimodal`` posts, and ``summary.json``.

    Raises:
        DataError: posts are missing, malformed throughout, too few, or cannot be split without overlap.
    """
    config, data = context.config, context.inputs["data"]
    tally = Tally()
    task = context.progress.task("reading posts")
    posts = []
    for post in FolderPosts(context.inputs["posts"], tally, min_hashtags=config.min_hashtags).posts():
        posts.append(post)
        task.advance()
    assigned = assign_splits(posts, config, context.seed)
    parts: dict[str, list[Post]] = {split: [post for post in assigned if post.split == split] for split in SPLITS}
    n_read = {split: len(part) for split, part in parts.items()}
    for split in config.deduplicate:
        parts[split] = list(deduplicate(parts[split]))
    _require(len(parts["train"]), config.min_train, "training", "min_train", context.inputs["posts"])
    _require(len(parts["val"]), config.min_val, "validation", "min_val", context.inputs["posts"])
    for split, part in parts.items():
        write_posts(context.out / f"{split}.jsonl.gz", part, data)
    pictured = _pictured(context, tally)
    if pictured:
        write_posts(context.out / "multimodal.jsonl.gz", pictured, data)
    summary = {
        "splits": {
            split: {
                "posts": len(part),
                "with_caption": sum(_has_caption(post) for post in part),
                "equal_posts_left_out": n_read.get(split, len(part)) - len(part),
            }
            for split, part in (*parts.items(), ("multimodal", pictured))
        },
        "by_source": _by_source(parts),
        "authors_in_several_splits": len(overlapping_authors(assigned)),
        "malformed_lines": dict(tally.malformed),
        "first_malformed_line": tally.examples,
        "left_out": dict(tally.dropped),
    }
    (context.out / "summary.json").write_text(json.dumps(summary, indent=1, ensure_ascii=False), encoding="utf-8")
    context.progress.note(", ".join(f"{len(part):,} {split}" for split, part in parts.items()) + " posts")
    for name, count in tally.malformed.items():
        context.progress.note(f"{name}: {count:,} malformed lines left out, the first is {tally.examples[name]}")


def assign_splits(posts: Sequence[Post], config: CorpusConfig, seed: int) -> list[Post]:
    """Return the posts, in the same order, each with a split.

    Raises:
        DataError: an author whose posts lack a split stands in several splits of the data already.
    """
    given = _splits_of_authors(posts)
    cutoffs = _time_cutoffs([post for post in posts if post.split is None and not post.author], config)
    assigned = []
    for post in posts:
        if post.split is not None:
            assigned.append(post)
            continue
        if post.author:
            splits = given.get(post.author, set())
            if len(splits) > 1:
                raise DataError(
                    f"post {post.post_id} of source {post.source} has no 'split', and others of its author stand in "
                    f"{' and '.join(sorted(splits))}; give all posts of an author one split, or none"
                )
            split = next(iter(splits)) if splits else _by_hash(f"author\n{post.author}", config, seed)
        elif post.time is not None:
            split = cutoffs[post.source](_instant(post.time))
        else:
            split = _by_hash("block\n" + "\n".join(sorted(post.hashtags)), config, seed)
        assigned.append(replace(post, split=split))
    return assigned


def overlapping_authors(posts: Iterable[Post]) -> set[str]:
    """Return the authors with posts in more than one split."""
    return {author for author, splits in _splits_of_authors(posts).items() if len(splits) > 1}


def _splits_of_authors(posts: Iterable[Post]) -> dict[str, set[Split]]:
    found: dict[str, set[Split]] = defaultdict(set)
    for post in posts:
        if post.author and post.split is not None:
            found[post.author].add(post.split)
    return found


def _by_hash(key: str, config: CorpusConfig, seed: int) -> Split:
    """Return a split drawn by the hash of ``key``: the same wherever the post stands and whatever else there is."""
    drawn = uniform_draw(seed, key)
    if drawn < config.test_share:
        return "test"
    return "val" if drawn < config.test_share + config.val_share else "train"


def _time_cutoffs(posts: Iterable[Post], config: CorpusConfig) -> dict[str, Callable[[datetime], Split]]:
    """Return for each source what splits its times; posts of one instant stay together."""
    times: dict[str, list[datetime]] = defaultdict(list)
    for post in posts:
        if post.time is not None:
            times[post.source].append(_instant(post.time))
    return {source: _cutoff(sorted(instants), config) for source, instants in times.items()}


def _cutoff(instants: Sequence[datetime], config: CorpusConfig) -> Callable[[datetime], Split]:
    n_early = len(instants) * (1 - config.test_share)
    test_from = instants[min(round(n_early), len(instants) - 1)]
    val_from = instants[min(round(n_early - len(instants) * config.val_share), len(instants) - 1)]

    def split(instant: datetime) -> Split:
        if instant >= test_from:
            return "test"
        return "val" if instant >= val_from else "train"

    return split


def _instant(time: str) -> datetime:
    parsed = datetime.fromisoformat(time)
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)


def _pictured(context: StageContext[CorpusConfig], tally: Tally) -> list[Post]:
    """Return the posts with pictures, as they are; a test of its own with splits of its own."""
    if "multimodal" not in context.inputs:
        return []
    folder = context.inputs["multimodal"]
    posts = FolderPosts(folder, tally, min_hashtags=1).posts()
    return [post for post in posts if post.image is not None]


def _require(n_posts: int, least: int, what: str, key: str, folder: Path) -> None:
    if n_posts < least:
        raise DataError(
            f"{folder} gives only {n_posts:,} {what} posts, at least {least:,} are needed; collect more, or lower "
            f"corpus.{key} in the configuration if you know that so few will do"
        )


def _has_caption(post: Post) -> bool:
    return bool(post.caption.strip())


def _by_source(parts: dict[str, list[Post]]) -> dict[str, Any]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    months: dict[str, set[str]] = defaultdict(set)
    for split, part in parts.items():
        for post in part:
            counts[post.source][split] += 1
            counts[post.source]["with_caption"] += _has_caption(post)
            if post.time is not None:
                months[post.source].add(f"{_instant(post.time):%Y-%m}")
    return {
        source: {
            **counts[source],
            "first": min(months[source], default=None),
            "last": max(months[source], default=None),
        }
        for source in sorted(counts)
    }
