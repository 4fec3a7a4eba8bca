"""The stage between a clean corpus and training: writes the data folder of docs/data.md, split without overlap.

Every post gets its split here, once, and its picture the same one: ``posts`` teach hashtags, ``topics`` teaches what a
topic looks like, and a held-out share of the posts with pictures becomes ``multimodal``, which neither of them holds.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.atomic import link_or_copy
from core.errors import DataError
from core.hashes import uniform_draw
from core.posts import Post, Split, post_line
from pipelines.config.training import CorpusConfig, GrowConfig
from pipelines.corpus.overlap import demand_apart, groups_of
from pipelines.corpus.posts import FolderPosts, Tally, record_of
from pipelines.corpus.topics import LEXICON_FILE, read_lexicon
from pipelines.training.split import assign_splits
from pipelines.workshop.fingerprint import HashCache
from pipelines.workshop.stage import StageContext

VERSION = 1
MULTIMODAL = "multimodal"
SUMMARY = "summary.json"
IDS = "ids.txt"
"""The ids of all posts that are handed on, one a line."""


@dataclass(frozen=True, slots=True)
class ArrangeConfig:
    """What the stage reads of the configuration.

    Attributes:
        corpus: shares of the splits.
        grow: shares and least numbers of pictures.
        own_pictures: whether topics are learnt from the corpus's own pictures.
    """

    corpus: CorpusConfig
    grow: GrowConfig
    own_pictures: bool = True


def run(context: StageContext[ArrangeConfig]) -> None:
    """Write a data folder from the clean corpus ``clean`` and the ``topic_lexicon``.

    Raises:
        DataError: the corpus has too few posts or pictures to learn from, or posts of several splits overlap.
    """
    config, corpus = context.config, context.inputs["clean"]
    lexicon = read_lexicon(context.inputs["topic_lexicon"])
    topic_of = lexicon.topic_by_hashtag()
    tally = Tally()
    posts = list(_inside(FolderPosts(corpus / "posts", tally, min_hashtags=1).posts(), corpus, tally))
    hashes = _picture_hashes(posts, context.cache)
    dealt = deal_together(posts, hashes, topic_of, config, context.seed)
    demand_apart(dealt, hashes)

    out = context.out
    n_posts = _write_posts(out / "posts", [(split, post) for split, post in dealt if split != MULTIMODAL])
    held_out = [post for split, post in dealt if split == MULTIMODAL]
    _write_multimodal(out / MULTIMODAL, held_out, config.grow.multimodal_groups)
    labelled = [
        (split, topic, post)
        for split, post in dealt
        if split != MULTIMODAL and post.image is not None
        for topic in [topic_of.get(post.query_tag or "")]
        if topic is not None
    ]
    topics = sorted(lexicon.seeds)
    if config.own_pictures:
        topics = _enough(labelled, config.grow)
        _write_topics(out / "topics", [row for row in labelled if row[1] in topics])
        lexicon = lexicon.only(topics)
    (out / LEXICON_FILE).write_text(lexicon.to_json(), encoding="utf-8")
    (out / IDS).write_text("".join(f"{post.post_id}\n" for _, post in dealt), encoding="utf-8")
    summary = {
        "posts": {split: n_posts[split] for split in sorted(n_posts)},
        "multimodal": len(held_out),
        "pictures": {topic: dict(Counter(split for split, of, _ in labelled if of == topic)) for topic in topics},
        "topics_left_out": sorted(set(topic_of.values()) - set(topics)),
        "left_out": dict(tally.dropped),
    }
    (out / SUMMARY).write_text(json.dumps(summary, indent=1, ensure_ascii=False), encoding="utf-8")
    context.progress.note(
        f"{sum(n_posts.values()):,} posts, {len(labelled):,} labelled pictures of {len(topics)} topics"
    )


def deal_together(
    posts: Sequence[Post],
    hashes: Mapping[Path, str],
    topic_of: Mapping[str, str],
    config: ArrangeConfig,
    seed: int,
) -> list[tuple[str, Post]]:
    """Return (split, post): train, val, test, or ``multimodal`` for posts with pictures that only these hold.

    Posts that belong together stay together, and each topic's groups are dealt by themselves, so that a small topic has
    something to choose and to test by too. Posts that stand alone and have no author are dealt by time.

    Args:
        posts: of a clean corpus.
        hashes: content hash of each picture.
        topic_of: hashtag that a post was found under -> topic.
        config: shares.
        seed: of what is left to chance.
    """
    groups = groups_of(posts, hashes)
    members: dict[int, list[Post]] = defaultdict(list)
    for post, group in zip(posts, groups, strict=True):
        members[group].append(post)
    held_out = _held_out(members, config.grow, seed)
    by_topic: dict[str, list[int]] = defaultdict(list)
    alone = []
    for group, of_group in members.items():
        if group in held_out:
            continue
        if len(of_group) == 1 and not of_group[0].author and of_group[0].time:
            alone.append(of_group[0])
        else:
            by_topic[topic_of.get(of_group[0].query_tag or "", "")].append(group)
    split_of: dict[int, Split] = {}
    for topic in sorted(by_topic):
        split_of |= _dealt({group: len(members[group]) for group in by_topic[topic]}, config.corpus, seed)
    by_time = {post.post_id: post.split for post in assign_splits(alone, config.corpus, seed)}
    result: list[tuple[str, Post]] = []
    for post, group in zip(posts, groups, strict=True):
        split = post.split or split_of.get(group) or by_time.get(post.post_id) or "train"
        result.append((MULTIMODAL if group in held_out else split, replace(post, split=split)))
    return result


def _held_out(members: Mapping[int, Sequence[Post]], config: GrowConfig, seed: int) -> frozenset[int]:
    """Return the groups that are held out, or none where they would hold too few pictures."""
    pictured = {group: sum(post.image is not None for post in of_group) for group, of_group in members.items()}
    drawn = [
        group
        for group, n_pictures in pictured.items()
        if n_pictures and uniform_draw(seed, "held out", members[group][0].post_id) < config.multimodal_share
    ]
    return frozenset(drawn if sum(pictured[group] for group in drawn) >= config.min_multimodal else ())


def _dealt(sizes: Mapping[int, int], config: CorpusConfig, seed: int) -> dict[int, Split]:
    """Return group -> split: each, in an order by chance, to the split that lacks most of its share."""
    total = sum(sizes.values())
    shares: dict[Split, float] = {"val": config.val_share, "test": config.test_share}
    shares["train"] = 1 - sum(shares.values())
    room = {split: share * total for split, share in shares.items()}
    found: dict[int, Split] = {}
    for group in sorted(sizes, key=lambda group: uniform_draw(seed, "dealt", group)):
        split = max(room, key=lambda name: (room[name], name))
        found[group] = split
        room[split] -= sizes[group]
    return found


def _inside(posts: Iterable[Post], corpus: Path, tally: Tally) -> Iterable[Post]:
    """Yield the posts, without pictures that lie outside of the corpus: a line may name any file of the machine."""
    root = corpus.resolve()
    for post in posts:
        if post.image is not None and not post.image.is_relative_to(root):
            tally.dropped["a picture outside of the corpus (the post is kept)"] += 1
            post = replace(post, image=None)
        yield post


def _picture_hashes(posts: Iterable[Post], cache: Path) -> dict[Path, str]:
    known = HashCache(cache / "hashes.json")
    found = {post.image: known.sha256(post.image) for post in posts if post.image is not None}
    known.save()
    return found


def _write_posts(folder: Path, posts: Iterable[tuple[str, Post]]) -> Counter[str]:
    """Write one file a source, and return split -> posts."""
    by_source: dict[str, list[Post]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for split, post in posts:
        by_source[post.source].append(post)
        counts[split] += 1
    if not by_source:
        raise DataError("the clean corpus gives no post to learn from; collect more")
    folder.mkdir()
    for source, of_source in sorted(by_source.items()):
        _write_lines(folder / f"{source}.jsonl", (record_of(post) for post in of_source))
    return counts


def _write_multimodal(folder: Path, posts: Sequence[Post], n_groups: int) -> None:
    """Write posts with their pictures, their sources divided into groups of authors that can be left out in turn."""
    if not posts:
        return
    (folder / "images").mkdir(parents=True)
    records = []
    for post in posts:
        group = int(uniform_draw("group", post.author or post.post_id) * n_groups) + 1
        record = {**record_of(post), "source": f"{post.source}-{group}", "split": None, "tag_origin": "inline"}
        if post.image is not None:
            link_or_copy(post.image, folder / "images" / post.image.name)
            record["image"] = f"images/{post.image.name}"
        records.append(record)
    _write_lines(folder / "posts.jsonl", records)


def _write_topics(folder: Path, labelled: Iterable[tuple[str, str, Post]]) -> None:
    (folder / "pictures").mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as table:
        writer = csv.writer(table)
        writer.writerow(("path", "topics", "split", "source"))
        for split, topic, post in labelled:
            assert post.image is not None
            link_or_copy(post.image, folder / "pictures" / post.image.name)
            writer.writerow((f"pictures/{post.image.name}", topic, split, post.author or post.image.stem))


def _enough(labelled: Iterable[tuple[str, str, Post]], config: GrowConfig) -> list[str]:
    """Return the topics with enough pictures to learn and to choose by.

    Raises:
        DataError: fewer than two have.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for split, topic, _ in labelled:
        counts[topic][split] += 1
    topics = sorted(
        topic
        for topic, of in counts.items()
        if of["train"] >= config.min_train_pictures and of["val"] >= config.min_val_pictures
    )
    if len(topics) < 2:
        found = ", ".join(f"{topic} {of['train']}/{of['val']}" for topic, of in sorted(counts.items())) or "none"
        raise DataError(
            f"a topic needs {config.min_train_pictures} pictures to learn from and {config.min_val_pictures} to choose "
            f"by, and at least two topics are needed; there are (train/val): {found}. Collect more, or give --topics a "
            "folder of labelled pictures"
        )
    return topics


def _write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    with path.open("wb") as file:
        file.writelines(map(post_line, records))
