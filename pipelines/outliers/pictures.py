"""The pictures among which outliers are looked for: what each is said to show, and its features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import BadInput, DataError
from core.processors import available_processors
from models.classifier.decode import decode
from models.labelled.picture_features import PictureFeatures, open_bundle_extractor, read_features
from models.labelled.topic_folder import list_pictures, picture_key
from pipelines.corpus.posts import FolderPosts, Tally
from pipelines.corpus.topics import lexicon_of_corpus
from pipelines.workshop.progress import ProgressPort

FEWEST_PER_TOPIC = 10

Advance = Callable[[float], object]
ReadFeatures = Callable[[list[Path], Advance], PictureFeatures]
"""From picture files to their features; a file that cannot be read is marked as such and raises nothing."""


@dataclass(frozen=True, slots=True)
class GatheredPicture:
    """One picture.

    Attributes:
        key: its name in a quarantine: the path below the folder, or the id of its post.
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
        listed_in: the folder whose quarantine the keys belong to.
        topics: names, sorted.
        pictures: sorted by key.
        left_out: reason -> pictures that are not looked at.
    """

    listed_in: Path
    topics: tuple[str, ...]
    pictures: tuple[GatheredPicture, ...]
    left_out: Mapping[str, int]

    def label_matrix(self) -> NDArray[np.float32]:
        """Return (n, n_topics) float32, 1 where a picture is said to show a topic."""
        labels = np.zeros((len(self.pictures), len(self.topics)), dtype=np.float32)
        for row, picture in enumerate(self.pictures):
            labels[row, [self.topics.index(topic) for topic in picture.topics]] = 1
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
    left_out: Counter[str] = Counter()
    is_corpus = (folder / "posts").is_dir()
    found = _of_corpus(folder, lexicon, left_out) if is_corpus else _of_folder(folder, left_out)
    root = folder.resolve()
    inside = []
    for picture in found:
        if picture.path.is_symlink() or not picture.path.resolve().is_relative_to(root):
            left_out["a link, or outside the folder"] += 1
        else:
            inside.append(picture)
    inside.sort(key=lambda picture: picture.key)
    counts = Counter(topic for picture in inside for topic in picture.topics)
    poor = sorted(topic for topic, n in counts.items() if n < FEWEST_PER_TOPIC)
    if len(counts) < 2 or poor:
        thin = f"too few of {', '.join(poor)}" if poor else "fewer than two topics"
        raise DataError(f"{folder}: {thin}; outliers need two topics and {FEWEST_PER_TOPIC} pictures of each")
    return Gathered(quarantine_folder(folder), tuple(sorted(counts)), tuple(inside), dict(left_out))


def quarantine_folder(folder: Path) -> Path:
    """Return the folder whose quarantine leaves out pictures of ``folder``: the posts of a corpus, else itself."""
    posts = folder / "posts"
    return posts if posts.is_dir() else folder


def _of_folder(folder: Path, left_out: Counter[str]) -> list[GatheredPicture]:
    found = []
    for picture in list_pictures(folder):
        if picture.split not in ("", "train"):
            left_out[f"of the {picture.split} split"] += 1
        else:
            key = picture_key(folder, picture.path)
            found.append(GatheredPicture(key, picture.path, picture.topics, picture.source))
    return found


def _of_corpus(corpus: Path, lexicon: Path | None, left_out: Counter[str]) -> list[GatheredPicture]:
    leading = lexicon_of_corpus(corpus, lexicon).leading
    found = []
    for post in FolderPosts(corpus / "posts", Tally(), min_hashtags=0).posts():
        topics = tuple(sorted(topic for topic, tags in leading.items() if post.query_tag in tags))
        if post.image is None:
            left_out["a post without a picture"] += 1
        elif not topics:
            left_out["a post found under no topic's hashtag"] += 1
        else:
            found.append(GatheredPicture(post.post_id, post.image, topics, post.author or post.post_id))
    return found


def from_bundle(bundle: Path, cache: Path) -> ReadFeatures:
    """Return a reader of the features that the network of the bundle in ``bundle`` gives; needs no torch.

    Raises:
        BundleError: the bundle has no network to read.
    """
    extractor = open_bundle_extractor(bundle)
    return lambda paths, advance: read_features(paths, extractor, cache, available_processors(), advance)


def from_backbone(name: str, weights: Path | None, cache: Path, progress: ProgressPort) -> ReadFeatures:
    """Return a reader of the features that `tagsmith train` learns from, cached the same way; needs torch.

    Args:
        name: of a backbone, or ``auto``.
        weights: the folder of pretrained weights, or None.
        cache: where features are cached, such as the ``.work/cache/train-topics`` of a store.
        progress: told which backbone it is.

    Raises:
        DataError: there is no such backbone.
        WeightsUnavailable: its weights can neither be found nor fetched.
    """
    import torch

    from models.backbones.networks import load_network
    from models.backbones.weights import choose_backbone
    from models.training.features import compute_features
    from models.training.frozen_training import FrozenBackbone, use_one_thread

    use_one_thread()
    backbone, file, why = choose_backbone(name, weights, None, cache, lambda done, total: None)
    progress.note(why)
    frozen = FrozenBackbone.open(backbone, load_network(backbone, file), cache, available_processors(), 0)

    def read(paths: list[Path], advance: Advance) -> PictureFeatures:
        readable = np.array([_is_picture(path) for path in paths], dtype=np.bool_)
        good = [path for path, fine in zip(paths, readable, strict=True) if fine]
        features = np.zeros((len(paths), frozen.width), np.float32)
        logits = np.zeros((len(paths), 1000), np.float32)
        if good:
            plain = compute_features(good, frozen.recipe, frozen.extract, cache, frozen.workers, advance)
            features[readable] = plain[:, 0, : frozen.width]
            with torch.no_grad():
                classifier = frozen.network.classifier.cpu()
                logits[readable] = classifier(torch.from_numpy(features[readable])).numpy()
        return PictureFeatures(readable, features, logits)

    return read


def _is_picture(path: Path) -> bool:
    try:
        decode(path.read_bytes())
    except (OSError, BadInput):
        return False
    return True
