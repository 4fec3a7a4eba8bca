"""The stage that makes the picture classifier: ``topics.onnx``, ``topics.json``, and what they were measured to do."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.atomic import write_atomic
from models.backbones.networks import load_network, read_class_names
from models.backbones.registry import Backbone
from models.backbones.weights import choose_backbone
from models.classifier.files import FACTS_FILE, NETWORK_FILE, ClassifierFacts, EnergyStatistics
from models.labelled.topic_folder import TopicFolder, group_by_source, learnable_elsewhere, read_topic_folder
from models.labelled.topic_metrics import TopicScores, confusion_matrix, score_topics
from models.labelled.topic_predictions import same_top_classes, topic_probabilities
from models.training.fine_tuning import FineTuning
from models.training.frozen_training import FrozenBackbone, read_training_set, use_one_thread, with_photo_energy
from models.training.head import held_out_logits, softmax
from models.training.precision import ExportedClassifier, choose_precision, export_precisions
from models.training.topic_network import TopicNetwork
from pipelines.config.training import TopicsConfig
from pipelines.report.figures import Confusion
from pipelines.report.plots import confusion_png
from pipelines.workshop.progress import ProgressPort
from pipelines.workshop.stage import StageContext

VERSION = 1
METRICS_FILE = "metrics.json"
CONFUSION_FILE = "confusion_val.png"


@dataclass(frozen=True, slots=True)
class TopicPaths:
    """Where the stage reads and writes.

    Attributes:
        topics: labelled pictures, as ``models.labelled.topic_folder`` reads them.
        weights: the weights folder, or None to use only what packages bring and the web gives.
        out: for the result.
        work: for checkpoints.
        cache: for features and downloads.
    """

    topics: Path
    weights: Path | None
    out: Path
    work: Path
    cache: Path


def run(context: StageContext[TopicsConfig]) -> None:
    """Train the classifier from the sources ``topics`` and, where there is one, ``weights``."""
    paths = TopicPaths(
        context.inputs["topics"], context.inputs.get("weights"), context.out, context.work, context.cache
    )
    train_topics(context.config, paths, context.progress, context.seed)


def train_topics(config: TopicsConfig, paths: TopicPaths, progress: ProgressPort, seed: int) -> None:
    """Write a classifier that ``models.classifier.runtimes.open_classifier`` opens, its figures and a confusion matrix.

    The same pictures, weights, numbers and library versions give the same bytes.

    Raises:
        DataError: the pictures cannot be learnt from.
        WeightsUnavailable: the backbone's weights can neither be found nor fetched.
    """
    use_one_thread()
    folder = read_topic_folder(paths.topics, seed)
    backbone, weights = _choose(config, paths, progress)
    network = load_network(backbone, weights)
    frozen = FrozenBackbone.open(backbone, network, paths.cache, config.workers, seed)
    task = progress.task("features of the training pictures", len(folder.of_split("train")))
    training, inputs = read_training_set(folder, frozen, config.head, task.advance)

    progress.note("fitting the topic head")
    head = with_photo_energy(training.fit(config.head), training, frozen, inputs, config.noise_pictures, seed)
    classifier = TopicNetwork(network, inputs, backbone.width, len(folder.topics), config.trainable)
    classifier.load_head(head)
    if config.trainable != "head":
        epochs = progress.task("fine-tuning", config.fine_tune.epochs)
        tuning = FineTuning(
            classifier, folder, backbone.preprocessing, config.head, config.fine_tune, paths.work / "tuning", seed
        )
        tuning.run(epochs.advance)

    progress.note("leaving sources out")
    groups = group_by_source(training.pictures, config.held_out_groups)
    logits = held_out_logits(training.inputs, training.labels, training.weights, groups, config.head)
    fair = learnable_elsewhere(training.labels, groups)
    left_out = [(logits[fair], training.labels[fair])] if fair.any() else []
    val = folder.of_split("val")
    labels = folder.label_matrix(val)
    whole, small = export_precisions(
        classifier,
        _facts(config, backbone, folder, paths.weights),
        val,
        labels,
        left_out if config.trainable == "head" else [],
        paths.work,
        config.noise_pictures,
        seed + 1,  # other noise than was learnt from
        config.workers,
        progress.task("measuring on val", 4 * len(val)).advance,
    )
    chosen = choose_precision(config.precision, whole, small)
    progress.note(f"{backbone.name} in {chosen.precision}: top-1 {chosen.scores.top1:.3f} on val")
    for name in (NETWORK_FILE, FACTS_FILE):
        shutil.copyfile(chosen.folder / name, paths.out / name)
    figures = _figures(whole, small, chosen)
    for logits, truth in left_out:
        figures["topics"]["train, sources left out"] = _row(
            score_topics(softmax(logits, chosen.facts.temperature), truth)
        )
    counts = confusion_matrix(topic_probabilities(chosen.seen), labels)
    figures["confusion"] = {"val": {"labels": list(folder.topics), "counts": counts.tolist()}}
    write_atomic(paths.out / METRICS_FILE, json.dumps(figures, indent=1) + "\n")
    table = Confusion(("val",), folder.topics, tuple(tuple(row) for row in counts.tolist()))
    write_atomic(paths.out / CONFUSION_FILE, confusion_png(table))


def _choose(config: TopicsConfig, paths: TopicPaths, progress: ProgressPort) -> tuple[Backbone, Path]:
    bytes_come = 0
    task = progress.task("fetching weights")

    def report(done: int, _total: int | None) -> None:
        nonlocal bytes_come
        task.advance(done - bytes_come)
        bytes_come = done

    weights_file = Path(config.weights_file) if config.weights_file else None
    backbone, weights, why = choose_backbone(config.backbone, paths.weights, weights_file, paths.cache, report)
    progress.note(why)
    return backbone, weights


def _facts(config: TopicsConfig, backbone: Backbone, folder: TopicFolder, weights: Path | None) -> ClassifierFacts:
    return ClassifierFacts(
        backbone=backbone.name,
        topics=folder.topics,
        temperature=1.0,
        imagenet_classes=read_class_names(weights),
        top_classes=config.top_classes,
        preprocessing=backbone.preprocessing,
        energy=EnergyStatistics({}, 0.0, 0.0),
    )


def _figures(whole: ExportedClassifier, small: ExportedClassifier, chosen: ExportedClassifier) -> dict[str, Any]:
    rows = {"val, float32": _row(whole.scores), "val, int8": _row(small.scores)}
    shipped = {
        "backbone": chosen.facts.backbone,
        "precision": chosen.precision,
        "temperature": chosen.facts.temperature,
        "energy threshold": chosen.facts.energy.threshold,
        "noise below it": chosen.facts.energy.noise_below,
        "top-5 shared by float32 and int8": round(same_top_classes(whole.seen, small.seen), 4),
    }
    return {"topics": rows, "shipped": {"classifier": shipped}}


def _row(scores: TopicScores) -> dict[str, float | int]:
    return {
        "n": scores.n_pictures,
        "top-1": round(scores.top1, 4),
        "top-2": round(scores.top2, 4),
        "macro top-1": round(scores.macro_top1, 4),
        "ECE": round(scores.ece, 4),
    }
