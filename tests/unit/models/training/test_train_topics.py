"""The stage that trains the classifier, from a folder of pictures to what opens and answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("matplotlib")
pytestmark = [pytest.mark.train, pytest.mark.slow]

from models.backbones.networks import new_network
from models.backbones.registry import find_backbone
from models.classifier.files import NETWORK_FILE, read_facts
from models.classifier.runtimes import open_classifier
from models.labelled.topic_folder import read_topic_folder
from models.labelled.topic_predictions import observe, topic_probabilities
from models.training.distillation import write_network
from models.training.precision import MOST_LOSS
from pipelines.config.training import TopicsConfig, load_config
from pipelines.training.train_topics import CONFUSION_FILE, METRICS_FILE, TopicPaths, train_topics
from pipelines.workshop.progress import SilentProgress
from tests.support.tiny_network import COLOURS, write_coloured_topics

AGREE_FLOAT32 = 1e-3
AGREE_INT8 = 0.05
"""Largest difference of a topic probability between runtimes."""


def small_config(weights: Path, backbone: str) -> TopicsConfig:
    """Return the default numbers, but fewer of everything."""
    default = load_config().topics
    head = replace(default.head, views=1, iterations=20)
    return replace(
        default, backbone=backbone, weights_file=str(weights), head=head, noise_pictures=8, held_out_groups=2, workers=1
    )


def paths(root: Path, topics: Path) -> TopicPaths:
    """Return empty folders for one run."""
    found = TopicPaths(topics, None, root / "out", root / "work", root / "cache")
    for folder in (found.out, found.work, found.cache):
        folder.mkdir(parents=True)
    return found


@pytest.fixture(scope="module")
def topics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three topics that colour tells apart."""
    return write_coloured_topics(tmp_path_factory.mktemp("pictures") / "topics", per_topic=8)


def random_weights(folder: Path, backbone: str) -> Path:
    """Write a weights file of random numbers, as distillation writes one."""
    path = folder / f"{backbone}.safetensors"
    write_network(new_network(find_backbone(backbone), seed=0), path)
    return path


def test_the_same_pictures_give_the_same_bytes(topics: Path, tmp_path: Path) -> None:
    """Two runs, with different numbers of workers, write identical networks and facts."""
    config = small_config(random_weights(tmp_path, "resnet18"), "resnet18")
    for name, workers in (("first", 1), ("second", 2)):
        train_topics(replace(config, workers=workers), paths(tmp_path / name, topics), SilentProgress(), seed=3)
    files = [
        {path.name: path.read_bytes() for path in (tmp_path / name / "out").iterdir()} for name in ("first", "second")
    ]
    assert files[0] == files[1]
    assert {NETWORK_FILE, METRICS_FILE, CONFUSION_FILE} < set(files[0])


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_resnet50_trains_exports_and_answers_alike_in_every_runtime(
    precision: str, topics: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    """The whole path of the default backbone, whatever the starter bundle holds."""
    work = request.getfixturevalue("trained_resnet50")
    pixels = [
        open_classifier(work / precision).prepare(path.read_bytes()) for path in sorted(topics.glob("*/*_00[0-3].jpg"))
    ]
    batch = np.stack(pixels)
    expected = topic_probabilities(open_classifier(work / precision, "onnx", 1).evidence(batch))
    most = AGREE_INT8 if precision == "int8" else AGREE_FLOAT32
    for runtime in ("openvino", "torch"):
        pytest.importorskip(runtime)
        seen = topic_probabilities(open_classifier(work / precision, runtime, 1).evidence(batch))
        assert np.abs(seen - expected).max() < most, runtime


@pytest.fixture(scope="module")
def trained_resnet50(topics: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A topic head on a ResNet50 of random weights: its work folder holds both precisions."""
    root = tmp_path_factory.mktemp("resnet50")
    config = small_config(random_weights(root, "resnet50"), "resnet50")
    found = paths(root, topics)
    train_topics(config, found, SilentProgress(), seed=3)
    figures = json.loads((found.out / METRICS_FILE).read_text())["topics"]
    assert figures["val, int8"]["top-1"] >= figures["val, float32"]["top-1"] - 1 / 3 - MOST_LOSS
    return found.work


def test_what_was_learnt_is_what_the_folder_shows(topics: Path, trained_resnet50: Path) -> None:
    """Topics come in the folder's order, and most training pictures are recognised, even on random features."""
    classifier = open_classifier(trained_resnet50 / "float32", threads=1)
    folder = read_topic_folder(topics, seed=3)
    assert classifier.topics == tuple(sorted(COLOURS)) == read_facts(trained_resnet50 / "float32").topics
    pictures = folder.of_split("train")
    predicted = topic_probabilities(observe(classifier, pictures)).argmax(axis=1)
    assert (predicted == folder.label_matrix(pictures).argmax(axis=1)).mean() > 0.6


@pytest.mark.parametrize("trainable", ["last-stage", "all"])
def test_layers_of_the_backbone_can_be_trained(trainable: str, topics: Path, tmp_path: Path) -> None:
    """Fine-tuning goes through the same door and leaves an exported classifier."""
    config = small_config(random_weights(tmp_path, "resnet18"), "resnet18")
    tune = replace(config.fine_tune, epochs=1, batch=8)
    found = paths(tmp_path / "run", topics)
    train_topics(replace(config, trainable=trainable, fine_tune=tune), found, SilentProgress(), seed=3)  # type: ignore[arg-type]
    assert open_classifier(found.out).topics == tuple(sorted(COLOURS))
