"""What a trained topic classifier leaves on disk: ``topics.onnx`` beside ``topics.json``, and how both are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import BundleCorrupt, BundleMissing
from models.classifier.network_file import MOST_BYTES, NotANetwork, check_network
from models.classifier.preprocess import Preprocessing

NETWORK_FILE = "topics.onnx"
FACTS_FILE = "topics.json"
INPUT_NAME = "pixels"
OUTPUT_NAMES = ("topic_logits", "imagenet_logits")


@dataclass(frozen=True, slots=True)
class EnergyStatistics:
    """What ``ImageEvidence.energy`` looks like on photographs.

    Attributes:
        quantiles: share of val photographs -> their energy at that quantile, in nats; keys such as "0.01".
        threshold: below it a picture resembles none of the photographs seen: half way between the least energies
            of val photographs and the highest of noise, or the former where the two overlap.
        noise_below: share of the generated noise pictures whose energy is below the threshold, 0 to 1.
    """

    quantiles: Mapping[str, float]
    threshold: float
    noise_below: float


@dataclass(frozen=True, slots=True)
class ClassifierFacts:
    """Everything about a classifier that its network file does not say.

    Attributes:
        backbone: name of the network it is built on.
        topics: names in the order of ``topic_logits``.
        temperature: topic logits are divided by it before the softmax; above 0.
        imagenet_classes: names in the order of ``imagenet_logits``.
        top_classes: how many ImageNet classes a piece of evidence holds.
        preprocessing: how pictures are prepared.
        energy: what energies to expect.
    """

    backbone: str
    topics: tuple[str, ...]
    temperature: float
    imagenet_classes: tuple[str, ...]
    top_classes: int
    preprocessing: Preprocessing
    energy: EnergyStatistics

    def to_dict(self) -> dict[str, Any]:
        """Return the plain form that ``topics.json`` holds."""
        return {
            "backbone": self.backbone,
            "topics": list(self.topics),
            "temperature": self.temperature,
            "top_classes": self.top_classes,
            "preprocessing": self.preprocessing.to_dict(),
            "energy": {
                "quantiles": dict(self.energy.quantiles),
                "threshold": self.energy.threshold,
                "noise_below": self.energy.noise_below,
            },
            "imagenet_classes": list(self.imagenet_classes),
        }


def write_facts(facts: ClassifierFacts, folder: Path) -> None:
    """Write ``topics.json`` into ``folder``."""
    text = json.dumps(facts.to_dict(), ensure_ascii=False, indent=1)
    (folder / FACTS_FILE).write_text(text + "\n", encoding="utf-8")


def read_facts(folder: Path) -> ClassifierFacts:
    """Return what ``topics.json`` in ``folder`` says.

    Raises:
        BundleMissing: there is no such file.
        BundleCorrupt: it is not what ``write_facts`` writes.
    """
    path = folder / FACTS_FILE
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        energy = plain["energy"]
        facts = ClassifierFacts(
            backbone=str(plain["backbone"]),
            topics=tuple(map(str, plain["topics"])),
            temperature=float(plain["temperature"]),
            imagenet_classes=tuple(map(str, plain["imagenet_classes"])),
            top_classes=int(plain["top_classes"]),
            preprocessing=Preprocessing.from_dict(plain["preprocessing"]),
            energy=EnergyStatistics(
                quantiles={str(share): float(value) for share, value in energy["quantiles"].items()},
                threshold=float(energy["threshold"]),
                noise_below=float(energy["noise_below"]),
            ),
        )
    except FileNotFoundError as error:
        raise BundleMissing(f"There is no {FACTS_FILE} in {folder}. Train or fetch a bundle.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleCorrupt(f"{path} is damaged ({type(error).__name__}). Train or fetch the bundle again.") from error
    if facts.temperature <= 0 or len(facts.topics) < 2 or not 0 < facts.top_classes <= len(facts.imagenet_classes):
        raise BundleCorrupt(f"{path} holds impossible values. Train or fetch the bundle again.")
    return facts


def network_path(folder: Path) -> Path:
    """Return the path of ``topics.onnx`` in ``folder``, which a runtime may be given.

    Raises:
        BundleMissing: there is no such file.
        BundleCorrupt: it cannot be read, or is not a plain graph of known layers with its weights in it.
    """
    path = folder / NETWORK_FILE
    if not path.is_file():
        raise BundleMissing(f"There is no {NETWORK_FILE} in {folder}. Train or fetch a bundle.")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise NotANetwork(f"it has more than {MOST_BYTES // 1_000_000} MB")
        check_network(path.read_bytes())
    except OSError as error:
        raise BundleCorrupt(f"{path} cannot be read ({error.strerror}). Train or fetch the bundle again.") from error
    except NotANetwork as error:
        raise BundleCorrupt(f"{path} cannot be run: {error}. Train or fetch the bundle again.") from error
    return path
