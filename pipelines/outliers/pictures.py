"""Which pictures are looked at for outliers, and what each is said to show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.text.hashtags import normalise
from models.labelled.topic_folder import list_pictures
from pipelines.config.collect import load_collect_config
from pipelines.corpus.posts import FolderPosts, Tally
from pipelines.corpus.topics import read_collecting

FEWEST_PER_TOPIC = 10
LEXICON_FILE = "topic_lexicon.json"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One picture.

    Attributes:
        key: what names it: its path below the folder, or the id of its post.
        path: the file.
        topics: what it is said to show, at least one.
        source: whose picture it is.
    """

    key: str
    path: Path
    topics: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """All pictures that are looked at.

    Attributes:
        folder: where they are from.
        is_corpus: whether it is a collected corpus, not a folder of labelled pictures.
        topics: names, sorted.
        candidates: the pictures, by key.
        left_out: pictures that are not looked at, by reason.
    """

    folder: Path
    is_corpus: bool
    topics: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    left_out: Mapping[str, int]

    def label_matrix(self) -> NDArray[np.float32]:
        """Return (n, n_topics) float32, 1 where a picture is said to show a topic."""
        labels = np.zeros((len(self.candidates), len(self.topics)), dtype=np.float32)
        for row, one in enumerate(self.candidates):
            labels[row, [self.topics.index(topic) for topic in one.topics]] = 1
        return labels


def gather(folder: Path, lexicon: Path | None = None) -> Gathered:
    """Return the pictures of a folder of labelled pictures or of a collected corpus.

    Of a folder with splits the training pictures alone: figures on a test set that was cleaned by a classifier flatter
    it. Of a corpus those of posts whose ``query_tag`` leads to a topic. Links are left alone.

    Args:
        folder: labelled pictures in one of the layouts of docs/data.md, or a corpus.
        lexicon: which hashtags lead to which topic, for a corpus; None for the corpus' own, else the configuration that
            ``tagsmith collect`` has.

    Raises:
        DataError: it is neither, or there are too few pictures of a topic to tell what is out of place.
    """
    is_corpus = (folder / "posts").is_dir()
    left_out: Counter[str] = Counter()
    found = _of_corpus(folder, lexicon, left_out) if is_corpus else _of_folder(folder, left_out)
    root = folder.resolve()
    inside = []
    for one in found:
        if one.path.is_symlink() or not one.path.resolve().is_relative_to(root):
            left_out["a link, or outside the folder"] += 1
        else:
            inside.append(one)
    inside.sort(key=lambda one: one.key)
    counts = Counter(topic for one in inside for topic in one.topics)
    poor = sorted(topic for topic, n in counts.items() if n < FEWEST_PER_TOPIC)
    if len(counts) < 2 or poor:
        thin = f"too few of {', '.join(poor)}" if poor else "fewer than two topics"
        raise DataError(f"{folder}: {thin}; outliers need two topics and {FEWEST_PER_TOPIC} pictures of each")
    return Gathered(folder, is_corpus, tuple(sorted(counts)), tuple(inside), dict(left_out))


def _of_folder(folder: Path, left_out: Counter[str]) -> list[Candidate]:
    pictures = list_pictures(folder)
    found = []
    for one in pictures:
        if one.split not in ("", "train"):
            left_out[f"of the {one.split} split"] += 1
        else:
            found.append(Candidate(one.path.relative_to(folder).as_posix(), one.path, one.topics, one.source))
    return found


def _of_corpus(corpus: Path, lexicon: Path | None, left_out: Counter[str]) -> list[Candidate]:
    own = corpus / LEXICON_FILE
    if lexicon is not None or own.is_file():
        leading = read_collecting(lexicon or own)
    else:
        searched = load_collect_config().topics
        leading = {topic: frozenset(filter(None, map(normalise, words))) for topic, words in searched.items()}
    found = []
    for post in FolderPosts(corpus / "posts", Tally(), min_hashtags=0).posts():
        topics = tuple(sorted(topic for topic, tags in leading.items() if post.query_tag in tags))
        if post.image is None:
            left_out["a post without a picture"] += 1
        elif not topics:
            left_out["a post found under no topic's hashtag"] += 1
        else:
            found.append(Candidate(post.post_id, post.image, topics, post.author or post.post_id))
    return found
