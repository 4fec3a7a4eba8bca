"""Exports a trained classifier in float32 and int8 and measures each as it would ship."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.ports import ImageClassifier
from core.query import ImageEvidence
from models.classifier.decode import decode
from models.classifier.files import NETWORK_FILE, ClassifierFacts, EnergyStatistics, write_facts
from models.classifier.preprocess import Preprocessing, prepare
from models.classifier.runtimes import open_classifier
from models.labelled.topic_folder import LabelledPicture
from models.labelled.topic_metrics import TopicScores, score_topics
from models.labelled.topic_predictions import observe, topic_probabilities
from models.training.config import Precision
from models.training.head import Floats, fit_temperature
from models.training.noise_pictures import draw_noise_pictures
from models.training.onnx_export import export_onnx, quantise
from models.training.topic_network import TopicNetwork

MOST_LOSS = 0.005
"""How much of top-1 or top-2 on val int8 may cost and still be worth its speed and size."""
ENERGY_SHARE = 0.01
"""Share of val photographs whose energy is below the threshold."""
QUANTILES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True, slots=True)
class ExportedClassifier:
    """A classifier on disk and what it does.

    Attributes:
        precision: float32 or int8.
        folder: holds ``topics.onnx`` and ``topics.json``.
        facts: what the latter says.
        seen: evidence in the val pictures.
        scores: over the val pictures.
    """

    precision: Precision
    folder: Path
    facts: ClassifierFacts
    seen: tuple[ImageEvidence, ...]
    scores: TopicScores


def export_precisions(
    network: TopicNetwork,
    facts: ClassifierFacts,
    pictures: Sequence[LabelledPicture],
    labels: Floats,
    strangers: Sequence[tuple[Floats, Floats]],
    folder: Path,
    n_noise: int,
    seed: int,
    workers: int,
    advance: Callable[[float], object],
) -> tuple[ExportedClassifier, ExportedClassifier]:
    """Return the classifier in float32 and in int8, each calibrated by its own answers.

    Args:
        network: trained.
        facts: all but temperature and energy, which are fitted here.
        pictures: n val pictures, which calibrate the int8 ranges too.
        labels: (n, n_topics).
        strangers: logits and labels of pictures whose sources the network that made the logits had not seen; they
            calibrate beside the val pictures, whose photographers it knows, because its users are strangers too.
        folder: gets a sub-folder for each.
        n_noise: noise pictures to measure the energy threshold with; drawn from ``seed``, which training must not use.
        seed: of the noise pictures.
        workers: pictures looked at at the same time.
        advance: told of each picture.
    """
    whole, small = folder / "float32", folder / "int8"
    for target in (whole, small):
        target.mkdir(parents=True, exist_ok=True)
        write_facts(facts, target)
    export_onnx(network, facts.preprocessing.crop, whole / NETWORK_FILE)
    spec = facts.preprocessing
    quantise(
        whole / NETWORK_FILE,
        small / NETWORK_FILE,
        (prepare(decode(picture.path.read_bytes()), spec) for picture in pictures),
    )

    def measured(precision: Precision, target: Path) -> ExportedClassifier:
        classifier = open_classifier(target, "onnx", threads=1)
        raw = observe(classifier, pictures, workers, advance)
        # At temperature 1 the logarithm of a probability is its logit, but for a number common to all topics.
        logits = np.log(topic_probabilities(raw) + 1e-12)
        temperature = round(fit_temperature([(logits, labels), *strangers]), 4)
        energy = _energy_statistics(classifier, raw, spec, n_noise, seed)
        final = replace(facts, temperature=temperature, energy=energy)
        write_facts(final, target)
        seen = tuple(observe(open_classifier(target, "onnx", threads=1), pictures, workers, advance))
        return ExportedClassifier(precision, target, final, seen, score_topics(topic_probabilities(seen), labels))

    return measured("float32", whole), measured("int8", small)


def _energy_statistics(
    classifier: ImageClassifier, photographs: Sequence[ImageEvidence], spec: Preprocessing, n_noise: int, seed: int
) -> EnergyStatistics:
    on_photographs = np.array([seen.energy for seen in photographs], dtype=np.float64)
    threshold = float(np.quantile(on_photographs, ENERGY_SHARE))
    pictures = draw_noise_pictures(n_noise, seed)
    noise = np.array(
        [classifier.evidence(prepare(image, spec)[None])[0].energy for image in pictures], dtype=np.float64
    )
    if len(noise):
        # Half way where the two lie apart: unusual photographs are photographs still.
        threshold = min(threshold, (threshold + float(np.quantile(noise, 1 - ENERGY_SHARE))) / 2)
    below = float((noise < threshold).mean()) if len(noise) else float("nan")
    return EnergyStatistics(_quantiles(on_photographs), round(threshold, 4), round(below, 4))


def choose_precision(wanted: Precision, whole: ExportedClassifier, small: ExportedClassifier) -> ExportedClassifier:
    """Return the classifier that ships: for "auto" int8, unless it costs more than half a point of top-1 or top-2."""
    if wanted == "auto":
        is_close = (
            small.scores.top1 >= whole.scores.top1 - MOST_LOSS and small.scores.top2 >= whole.scores.top2 - MOST_LOSS
        )
        return small if is_close else whole
    return small if wanted == "int8" else whole


def _quantiles(values: NDArray[np.float64]) -> Mapping[str, float]:
    """Return chosen quantiles of (n,) energies, keyed by their share."""
    return {str(share): round(float(np.quantile(values, share)), 4) for share in QUANTILES}
