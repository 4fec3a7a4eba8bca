"""A whole bundle over the posts of ``tiny_posts``, made in a second: real counts, trees, weights and classifier.

Vectors come from a singular value decomposition of what is used together, where training fits them by gradients, so
that nothing here needs a training framework.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from core.bundle.opening import Bundle, open_bundle
from core.query import ImageEvidence, Options, Query
from core.text.caption import caption_words
from core.text.display import build_word_counts
from embeddings.array_folder import write_array, write_json
from embeddings.context import GRAM, TOPIC, WORD, ContextEmbedding, gram_buckets, join
from embeddings.cooccurrence import Counts, TokenisedPost, count_posts, save_counts
from embeddings.overlay import build_delta, save_delta
from embeddings.table import EmbeddingTable, build_table, log_prior_of, open_table, save_table
from embeddings.tag_habits import count_habits, save_habits
from models.classifier.files import (
    INPUT_NAME,
    NETWORK_FILE,
    OUTPUT_NAMES,
    ClassifierFacts,
    EnergyStatistics,
    write_facts,
)
from models.classifier.preprocess import Preprocessing
from pipelines.config.training import RankerConfig, load_config
from pipelines.corpus.topics import topics_of
from pipelines.training.train_ranker import DRAFT
from pipelines.training.train_ranker import run as run_train_ranker
from pipelines.workshop.progress import SilentProgress
from pipelines.workshop.stage import StageContext
from recommend.assemble import Engine, assemble
from tests.support.tiny_posts import LEXICON, TOPICS, themed_posts, write_split

Floats = NDArray[np.float32]

DIMENSIONS = 12
N_BUCKETS = 128
SIDE = 16
N_CLASSES = 1000
CLASSES = {
    207: "golden retriever",
    281: "tabby, tabby cat",
    959: "carbonara",
    963: "pizza, pizza pie",
    978: "seashore, coast, seacoast, sea-coast",
}
"""The classes that have names; all others are called by their number."""
CLASS_NAMES = tuple(CLASSES.get(number, f"class {number}") for number in range(N_CLASSES))
FACTS = ClassifierFacts(
    backbone="tiny",
    topics=TOPICS,
    temperature=1.0,
    imagenet_classes=CLASS_NAMES,
    top_classes=20,
    preprocessing=Preprocessing(SIDE, SIDE, "bicubic", (127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    energy=EnergyStatistics({"0.01": 3.0}, 3.0, 1.0),
)
RANKER = replace(load_config().ranker, rounds=40, leaves=7, min_leaf=5, learning_rate=0.2, confidence_questions=60)


@dataclass(frozen=True, slots=True)
class TinyWorld:
    """The bundle at work and the folders that it was made from.

    Attributes:
        engine: answers with everything wired as when serving.
        data: pictures of the posts that have one.
        split: posts.
        learnt: what the stage that learns embeddings leaves.
        classifier: what the stage that trains topics leaves.
        ranker: what the stage that learns to rank left.
    """

    engine: Engine
    data: Path
    split: Path
    learnt: Path
    classifier: Path
    ranker: Path

    @property
    def bundle(self) -> Bundle:
        """The draft bundle, opened."""
        return open_bundle(self.ranker / DRAFT)


def build_tiny_world(folder: Path) -> TinyWorld:
    """Make everything below ``folder``."""
    data, out = folder / "data", folder / "ranker"
    data.mkdir(parents=True)
    split = write_split(folder / "split", data)
    learnt, classifier = write_learnt(folder / "learnt"), write_colour_classifier(folder / "classifier")
    out.mkdir()
    run_train_ranker(ranker_context(out, data, split, learnt, classifier))
    engine = assemble(open_bundle(out / DRAFT), runtime="onnx", threads=1)
    return TinyWorld(engine, data, split, learnt, classifier, out)


def ranker_context(
    out: Path, data: Path, split: Path, learnt: Path, classifier: Path, config: RankerConfig = RANKER
) -> StageContext[RankerConfig]:
    """Return what the stage that learns to rank is given."""
    inputs = {"data": data, "split": split, "train-embeddings": learnt, "train-topics": classifier}
    return StageContext(out, out, out, inputs, config, SilentProgress(), 7)


def look(topic: str, *classes: tuple[int, float], certainty: float = 0.9, energy: float = 9.0) -> ImageEvidence:
    """Return the evidence of a picture of one topic that shows ``classes`` (number, probability)."""
    topics = np.full(len(TOPICS), (1 - certainty) / (len(TOPICS) - 1), np.float32)
    topics[TOPICS.index(topic)] = certainty
    numbers = np.array([number for number, _ in classes], dtype=np.int32)
    return ImageEvidence(topics, numbers, np.array([p for _, p in classes], dtype=np.float32), energy)


DOG, PIZZA, CARBONARA = look("pets", (207, 0.8)), look("food", (963, 0.8)), look("food", (959, 0.8))
GREY = look("pets", (5, 0.02), (6, 0.02), certainty=0.4, energy=1.1)


def ask(
    caption: str = "",
    seeds: Sequence[str] = (),
    image: ImageEvidence | None = None,
    options: Options | None = None,
) -> Query:
    """Return a query as the service makes it from a caption."""
    return Query(caption_words(caption), tuple(seeds), image, options or Options())


def tokenised_posts() -> list[TokenisedPost]:
    """Return the training posts as counting sees them."""
    posts = themed_posts(60, 1, "train")
    return [TokenisedPost(post.hashtags, caption_words(post.caption), post.author) for post in posts]


def write_learnt(folder: Path) -> Path:
    """Write counts, habits, tables and topic head in the form that the stage ``train-embeddings`` gives them."""
    posts = tokenised_posts()
    shares = topics_of(themed_posts(60, 1, "train"), TOPICS, LEXICON)
    with_pairs = [
        TokenisedPost(
            post.hashtags, (*post.words, *(f"{a} {b}" for a, b in zip(post.words, post.words[1:], strict=False)))
        )
        for post in posts
    ]
    counts = count_posts(with_pairs, topics=TOPICS, topic_weights=shares)
    folder.mkdir(parents=True)
    save_counts(counts, folder / "counts")
    save_habits(count_habits(posts, counts.tags), folder / "habits")
    uses = {tag: int(n) for tag, n in zip(counts.tags, counts.whole.tag_posts, strict=True)}
    write_json(folder / "words.json", build_word_counts((post.words for post in posts), uses, ()))
    words = [word for word in counts.words if " " not in word]
    inputs, outputs = _vectors(counts, words)
    names = [*counts.tags, *(WORD + word for word in words)]
    prior = log_prior_of(counts.whole.tag_posts)
    save_table(build_table(names, inputs, outputs, prior), folder / "tables" / "word2vec", row_format="int8")
    base = _context_table(names, [*counts.tags, *words], inputs, outputs, prior, counts)
    save_table(base, folder / "tables" / "global", row_format="int8")
    base = open_table(folder / "tables" / "global")
    for part, topic in zip(counts.by_topic, TOPICS, strict=True):
        _save_topic(folder / "tables" / f"topic-{topic}", base, part.tag_posts, counts.whole.tag_posts)
    write_array(folder / "topic_head.npy", _topic_head(ContextEmbedding(base), posts, shares))
    _save_meanings(folder / "tables" / "meaning", counts.tags, words)
    return folder


def _vectors(counts: Counts, words: Sequence[str]) -> tuple[Floats, Floats]:
    """Return input vectors of hashtags and words and output vectors of hashtags whose products are their lifts."""
    whole = counts.whole
    by_word = whole.word_tag.to_scipy().toarray()[counts.word_ids(words)]
    uses = np.concatenate([whole.tag_posts, whole.word_posts[counts.word_ids(words)]]).astype(float)
    together = np.concatenate([whole.tag_tag.to_scipy().toarray(), by_word])
    expected = uses[:, None] * whole.tag_posts[None, :] / whole.n_posts
    lift = np.log((together + 1) / (expected + 1))
    left, weight, right = np.linalg.svd(lift, full_matrices=False)
    scale = np.sqrt(weight[:DIMENSIONS])
    return (left[:, :DIMENSIONS] * scale).astype(np.float32), (right[:DIMENSIONS].T * scale).astype(np.float32)


def _context_table(
    names: list[str], spellings: list[str], inputs: Floats, outputs: Floats, prior: Floats, counts: Counts
) -> EmbeddingTable:
    """Return the table with a vector for each topic (the mean of its hashtags) and bucket (the mean of its members)."""
    topics = np.stack([inputs[counts.tag_ids(sorted(LEXICON[topic]))].mean(axis=0) for topic in TOPICS])
    total, n = np.zeros((N_BUCKETS, DIMENSIONS), np.float32), np.zeros((N_BUCKETS, 1), np.float32)
    for spelling, vector in zip(spellings, inputs, strict=True):
        for bucket in set(gram_buckets(spelling, N_BUCKETS).tolist()):
            total[bucket] += vector
            n[bucket] += 1
    return build_table(
        [*names, *(TOPIC + topic for topic in TOPICS), *(f"{GRAM}{bucket}" for bucket in range(N_BUCKETS))],
        np.concatenate([inputs, topics, 0.1 * total / np.maximum(1, n)]),
        outputs,
        prior,
        output_bias=prior,
    )


def _save_topic(folder: Path, base: EmbeddingTable, mine: NDArray[np.uint32], all_posts: NDArray[np.uint32]) -> None:
    assert base.output_bias is not None
    used = mine >= 5
    shift = np.where(used, np.log((mine + 1) / (all_posts + 1) * all_posts.sum() / (mine.sum() + 1)), 0)
    delta = build_delta(
        base,
        base.dense_input(),
        base.dense_output() * np.where(used, 1.1, 1.0)[:, None],
        log_prior_of(mine),
        output_bias=base.output_bias + shift,
        min_change=0.01,
    )
    save_delta(delta, folder)


def _topic_head(context: ContextEmbedding, posts: Sequence[TokenisedPost], shares: Floats) -> Floats:
    """Return a head fitted by least squares from contexts to shares, scaled so that the softmax is confident."""
    contexts = np.stack([join(context.word_vectors(post.words), context.tag_vectors(post.hashtags)) for post in posts])
    inputs = np.column_stack([contexts, np.ones(len(posts))])
    wanted = np.column_stack([shares, 1 - shares.sum(axis=1)])
    gram = inputs.T @ inputs + 0.1 * np.eye(inputs.shape[1])
    head: Floats = (8 * np.linalg.solve(gram, inputs.T @ wanted)).astype(np.float32)
    return head


def _save_meanings(folder: Path, tags: Sequence[str], words: Sequence[str]) -> None:
    """Write a word space with an axis for pets, for food and for the sea."""
    axes = {"dog puppy goldenretriever cat tabby": 0, "pizza carbonara pasta cheese": 1, "sea seashore beach waves": 2}
    axis_of = {spelt: axis for together, axis in axes.items() for spelt in together.split()}
    class_axes = {207: 0, 281: 0, 959: 1, 963: 1, 978: 2}
    places = [*map(axis_of.get, tags), *map(class_axes.get, range(N_CLASSES)), *map(axis_of.get, words)]
    vectors = np.zeros((len(places), 3), np.float32)
    for row, axis in enumerate(places):
        if axis is not None:
            vectors[row, axis] = 1
    names = [*tags, *(f"c:{number}" for number in range(N_CLASSES)), *(WORD + word for word in words)]
    save_table(build_table(names, vectors, None, log_prior_of(np.ones(len(tags)))), folder, row_format="int8")


def write_colour_classifier(folder: Path) -> Path:
    """Write a network that sees beach in blue, food in red, pets in green, and nothing in grey."""
    folder.mkdir(parents=True, exist_ok=True)
    topics = 8 * np.array([[-0.5, -0.5, 1], [1, -0.5, -0.5], [-0.5, 1, -0.5]], np.float32)
    classes = np.zeros((N_CLASSES, 3), np.float32)
    for number, (red, green, blue) in {
        207: (2, 12, -12),
        281: (-2, 12, -12),
        959: (12, -12, -2),
        963: (12, -12, 2),
        978: (-12, -12, 12),
    }.items():
        classes[number] = red, green, blue
    constants = [numpy_helper.from_array(topics, "topics"), numpy_helper.from_array(classes, "classes")]
    nodes = [
        helper.make_node("GlobalAveragePool", [INPUT_NAME], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["colour"]),
        helper.make_node("Gemm", ["colour", "topics"], [OUTPUT_NAMES[0]], transB=1),
        helper.make_node("Gemm", ["colour", "classes"], [OUTPUT_NAMES[1]], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [
            helper.make_tensor_value_info(OUTPUT_NAMES[0], TensorProto.FLOAT, ["n", len(TOPICS)]),
            helper.make_tensor_value_info(OUTPUT_NAMES[1], TensorProto.FLOAT, ["n", N_CLASSES]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / NETWORK_FILE)
    write_facts(FACTS, folder)
    return folder
