"""Every number of a training run, read from TOML.

``pipelines/default.toml`` holds the one value of each field, with the reason where there is one; the
dataclasses below hold names, types and meaning only, so that no default stands in two places. A file given on the
command line overrides parts of it. Unknown keys and wrong types are errors: a misspelt number that silently keeps its
default costs an hour of training.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from embeddings.context_corpus import ContextConfig, TopicTablesConfig
from models.training.config import DistillationConfig, FineTuneConfig, HeadConfig, Precision, Trainable
from pipelines.config.clean import CleanConfig
from pipelines.config.toml_values import AtLeastOne, Share, read_config

OutlierMethod = Literal["confidence", "centroid", "kmeans"]


@dataclass(frozen=True, slots=True)
class CorpusConfig:
    """Which posts are learnt from, and how they are divided into splits.

    Attributes:
        min_hashtags: posts with fewer distinct hashtags teach nothing about which go together and are left out.
        deduplicate: the splits in which only the first of several equal posts is kept.
        min_train: fewest training posts to start with.
        min_val: fewest validation posts to start with.
        val_share: share of the posts without a ``split`` field that go to val, 0 to 1.
        test_share: share of them that go to test, 0 to 1.
    """

    min_hashtags: int
    deduplicate: tuple[str, ...]
    min_train: int
    min_val: int
    val_share: float
    test_share: float

    def __post_init__(self) -> None:
        """Refuse shares that leave nothing to train on.

        Raises:
            ValueError: a share is not above 0, or both together leave no post for train.
        """
        if min(self.val_share, self.test_share) <= 0 or self.val_share + self.test_share >= 1:
            raise ValueError("val_share and test_share must be above 0 and below 1 together")


@dataclass(frozen=True, slots=True)
class TopicsConfig:
    """How the topic classifier is trained and exported.

    Attributes:
        backbone: name of a backbone, or "auto" for ResNet50 where its ImageNet weights can be had and
            EfficientNet-Lite2 else.
        weights_file: the backbone's weights, or "" to look for them.
        trainable: the topic head alone, the backbone's last stage with it, or everything.
        head: how the head is fitted on frozen features; the other two start from it.
        fine_tune: how layers of the backbone are trained.
        held_out_groups: groups of whole sources that are left out in turn, to see how strangers' pictures fare.
        noise_pictures: generated pictures of nothing that photographs are told from.
        precision: what ships; "auto" is int8 unless it costs more than half a point on val.
        top_classes: ImageNet classes in a piece of evidence.
        workers: pictures looked at at the same time.
    """

    backbone: str
    weights_file: str
    trainable: Trainable
    head: HeadConfig
    fine_tune: FineTuneConfig
    held_out_groups: int
    noise_pictures: int
    precision: Precision
    top_classes: int
    workers: int


@dataclass(frozen=True, slots=True)
class WholePostConfig:
    """The whole-post skip-gram table that in-out and cosine scores read.

    Attributes:
        dimensions: length of a vector.
        epochs: passes over the posts.
        negatives: noise words for each true one.
    """

    dimensions: int
    epochs: int
    negatives: int


@dataclass(frozen=True, slots=True)
class EmbeddingsConfig:
    """How word and hashtag tables and counts are learnt."""

    word2vec: WholePostConfig
    context: ContextConfig
    topic: TopicTablesConfig


@dataclass(frozen=True, slots=True)
class RankerConfig:
    """How the ranker and its calibration are learnt.

    Attributes:
        draws: how often each val post is asked, with other hashtags as seeds each time.
        rounds: trees of each ranker.
        learning_rate: of boosting.
        leaves: most leaves of a tree.
        min_leaf: fewest candidates in a leaf.
        l2: penalty on leaf values.
        column_share: share of the signals that each tree may look at, 0 to 1.
        row_share: share of the candidates that each tree is grown on, 0 to 1.
        truncation: pairs are formed with this many of a question's best candidates.
        bins: most bins that a signal is divided into.
        image_pull: how strongly the weights of picture signals are held to their start, per post.
        confidence_questions: val questions of each kind that limits of trust are taken from.
        abstain_share: share of the val questions of each kind whose evidence may lie below the limit for abstaining,
            0 to 1.
        sure_share: share of all val questions that are not called well known, 0 to 1.
        sure_topic: probability of a picture's best topic from which it is called well known.
    """

    draws: int
    rounds: int
    learning_rate: float
    leaves: int
    min_leaf: int
    l2: float
    column_share: Share
    row_share: Share
    truncation: int
    bins: int
    image_pull: float
    confidence_questions: int
    abstain_share: Share
    sure_share: Share
    sure_topic: Share


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """What is measured, and how finely.

    Attributes:
        resamples: bootstrap resamples of every interval.
        picture_pairs: pairs of pictures of one topic whose answers are compared.
        nonsense: noise pictures, and captions of random letters, each.
    """

    resamples: int
    picture_pairs: int
    nonsense: int


@dataclass(frozen=True, slots=True)
class PublishConfig:
    """When a draft may become the current bundle, and what it is called.

    Attributes:
        name: first part of the bundle's id; the rest is a hash of what it was made of.
        at_least: figure of ``metrics.json``, its path joined by ``/`` -> least value with which to publish.
    """

    name: str
    at_least: dict[str, float]


@dataclass(frozen=True, slots=True)
class DistillConfig:
    """How a backbone without weights learns from one that has them.

    Attributes:
        teacher: name of the backbone that has weights.
        student: name of the backbone that gets them.
        recipe: the numbers.
    """

    teacher: str
    student: str
    recipe: DistillationConfig


@dataclass(frozen=True, slots=True)
class GrowConfig:
    """How a collected corpus becomes a data folder.

    Attributes:
        multimodal_share: share of the groups of posts with pictures that are held out for ``multimodal``, 0 to below 1.
        multimodal_groups: groups of authors that ``multimodal`` is divided into, to leave one out at a time; 2 or more.
        min_multimodal: fewest posts with pictures that are held out; with fewer, none are.
        min_train_pictures: fewest training pictures of a topic; topics with fewer are left out.
        min_val_pictures: fewest pictures of a topic to choose by.
        outliers: the method that finds training pictures of something else.
    """

    multimodal_share: Annotated[float, Field(ge=0, lt=1)]
    multimodal_groups: Annotated[int, Field(ge=2)]
    min_multimodal: int
    min_train_pictures: Annotated[int, Field(ge=10)]
    min_val_pictures: AtLeastOne
    outliers: OutlierMethod


@dataclass(frozen=True, slots=True)
class Config:
    """A whole training run, and the cleaning of what it reads.

    Attributes:
        seed: of every random generator of every stage.
    """

    seed: int
    corpus: CorpusConfig
    topics: TopicsConfig
    embeddings: EmbeddingsConfig
    ranker: RankerConfig
    evaluate: EvaluateConfig
    publish: PublishConfig
    distill: DistillConfig
    clean: CleanConfig
    grow: GrowConfig


def load_config(override: Path | None = None) -> Config:
    """Return the default configuration, with the values of one file laid over it.

    Raises:
        DataError: the file cannot be read, is not TOML, names an unknown key or has a value of the wrong type.
    """
    return read_config(Config, "default.toml", override)
