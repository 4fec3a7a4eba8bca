"""How well each way of `tagsmith outliers` finds pictures that were put under a wrong topic on purpose.

    python -m benchmarks.outliers --pictures TOPICS --others FLICKR8K --bundle bundles/starter --out var/outlier-figures

TOPICS is a folder of labelled pictures with splits. Into its training pictures are planted, under topics they do not
have, pictures of its other splits ("other topic"), pictures of FLICKR8K ("no topic"; a folder with Images/ and
captions.txt, never under a topic that a caption speaks of), or half of each. No file is copied or moved.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from core.processors import available_processors
from models.labelled.picture_features import open_bundle_extractor, read_features
from models.labelled.topic_folder import read_topic_folder
from pipelines.evaluation.bootstrap import Resamples
from pipelines.outliers.scores import METHODS, LabelledFeatures, Verdict, head_inputs, judge_agreement

SPOKEN_OF = {
    "architecture": "building|street|city|house|bridge|church|tower|wall|sidewalk|window|stairs?|brick|store|roof"
    "|statue|road",
    "art": "paint|painting|painted|art|draw|drawing|statue|mural|graffiti|sculpture|colou?rful",
    "babies": "baby|babies|toddler|infant|child|children|kids?|boys?|girls?|little",
    "fashion": "shirt|dress|hat|wears?|wearing|jacket|coat|suit|skirt|jeans|costume|shoes?|glasses|pants|outfit"
    "|uniform|shorts",
    "food": "food|eats?|eating|drinks?|restaurant|cake|meal|kitchen|cook|cooking|dinner|table|beer|fruit|bread",
    "jewellery": "necklace|ring|jewel|jewelry|earrings?|bracelet|watch",
    "nature": "beach|mountains?|lake|snow|snowy|water|trees?|fields?|grass|grassy|forest|woods|river|ocean|sea|sand"
    "|rocks?|rocky|cliff|hill|sky|sunset|park|outdoors?|pool|waves?|flowers?|garden|leaves|dirt|mud|ice|desert"
    "|hik\\w+|climb\\w*|surf\\w*",
    "pets": "dogs?|cats?|pupp\\w+|kittens?|horses?|animals?|birds?|cows?|sheep",
    "selfie": "camera|faces?|smil\\w+|portrait|close|pos\\w+",
    "travel": ".",
}
"""Topic -> words of a caption after which a picture is not planted there; travel never, as it may show anything."""
KINDS = ("other topic", "no topic", "half of each")
SHARES = (0.05, 0.20)


def main() -> None:
    """Measure and write ``outliers.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--others", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5, help="plantings of each kind and share")
    parser.add_argument("--first-seed", type=int, default=100)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    bench = Bench(asked.pictures, asked.others, asked.bundle, asked.out / "features")
    figures: dict[str, object] = {"bundle": asked.bundle.name, "seeds": asked.seeds, "train pictures": len(bench.train)}
    for share in SHARES:
        for kind in KINDS:
            row = bench.measure(share, kind, range(asked.first_seed, asked.first_seed + asked.seeds))
            figures[f"{share:.0%}, {kind}"] = row
            print(f"{share:.0%} {kind}", json.dumps(row), flush=True)
            (asked.out / "outliers.json").write_text(json.dumps(figures, indent=1))


class Bench:
    """The pictures with their features, ready to be planted."""

    def __init__(self, pictures: Path, others: Path, bundle: Path, cache: Path) -> None:
        folder = read_topic_folder(pictures)
        self.topics = folder.topics
        extractor = open_bundle_extractor(bundle)
        rows = [picture for picture in folder.pictures if picture.split in ("train", "val", "test", "ood")]
        self.other_paths = sorted(others.rglob("*.jpg"))
        workers = available_processors()
        own = read_features([picture.path for picture in rows], extractor, cache, workers)
        foreign = read_features(self.other_paths, extractor, cache, workers)
        self.features = np.concatenate([own.features, foreign.features])
        self.logits = np.concatenate([own.logits, foreign.logits])
        self.labels = folder.label_matrix(rows)
        self.sources = [picture.source for picture in rows]
        self.train = [row for row, picture in enumerate(rows) if picture.split == "train"]
        self.pool = [row for row, picture in enumerate(rows) if picture.split != "train"]
        self.foreign = range(len(rows), len(rows) + len(self.other_paths))
        self.fitting = _topics_not_spoken_of(others, self.other_paths, self.topics)
        self.of_topic = {
            topic: [self.sources[row] for row in self.train if self.labels[row, topic] > 0]
            for topic in range(len(self.topics))
        }

    def planted(self, share: float, kind: str, seed: int) -> tuple[LabelledFeatures, np.ndarray]:
        """Return what the methods see, and (n,) which of it was planted."""
        rng = np.random.default_rng(seed)
        wanted = round(share * len(self.train) / (1 - share))
        n_other = {"other topic": wanted, "no topic": 0, "half of each": wanted // 2}[kind]
        rows, topics = [], []
        for row in rng.choice(self.pool, n_other, replace=False):
            rows.append(int(row))
            topics.append(int(rng.choice(np.flatnonzero(self.labels[row] == 0))))
        usable = [other for other in rng.permutation(len(self.foreign)) if self.fitting[other]]
        for other in usable[: wanted - n_other]:
            rows.append(self.foreign[int(other)])
            topics.append(int(rng.choice(self.fitting[other])))
        given = np.zeros((len(rows), len(self.topics)), np.float32)
        given[np.arange(len(rows)), topics] = 1
        looked_at = [*self.train, *rows]
        # As if collected there: under the name of somebody whose other pictures are of that topic.
        sources = [
            *(self.sources[row] for row in self.train),
            *(str(rng.choice(self.of_topic[topic])) for topic in topics),
        ]
        looked = LabelledFeatures(
            self.features[looked_at], self.logits[looked_at], np.concatenate([self.labels[self.train], given]), sources
        )
        return looked, np.arange(len(looked_at)) >= len(self.train)

    def measure(self, share: float, kind: str, seeds: range) -> dict[str, object]:
        """Return precision, recall and F1 of each way, with intervals over the pictures of all plantings."""
        flags: dict[str, list[np.ndarray]] = defaultdict(list)
        truths, seconds = [], defaultdict(float)
        for seed in seeds:
            looked, truth = self.planted(share, kind, seed)
            truths.append(truth)
            for name, method in METHODS.items():
                began = time.perf_counter()
                flags[name].append(method(looked, seed).outlier)
                seconds[name] += time.perf_counter() - began
            flags["confidence, whole sources held out"].append(_by_source(looked).outlier)
            chance = np.random.default_rng(seed)
            flags["random, as many as planted"].append(chance.permutation(truth))
        truth = np.concatenate(truths)
        resamples = Resamples(len(truth), n_resamples=1000, seed=0)
        found: dict[str, object] = {"pictures": len(truth), "planted": int(truth.sum())}
        for name, parts in flags.items():
            figures = _figures(np.concatenate(parts), truth, resamples)
            each = [round(_f1(flag, truth), 3) for flag, truth in zip(parts, truths, strict=True)]
            found[name] = {**figures, "F1 of each planting": each, "seconds": round(seconds[name] / len(truths), 1)}
        return found


def _figures(flag: np.ndarray, truth: np.ndarray, resamples: Resamples) -> dict[str, list[float]]:
    hit, flagged, planted = (flag & truth).astype(float), flag.astype(float), truth.astype(float)
    both = flagged + planted
    shares = {
        "precision": resamples.share(hit, flagged),
        "recall": resamples.share(hit, planted),
        "F1": resamples.share(2 * hit, both),
    }
    return {name: [round(share.value, 3), round(share.low, 3), round(share.high, 3)] for name, share in shares.items()}


def _f1(flag: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (flag & truth).sum() / max(1, flag.sum() + truth.sum()))


def _by_source(looked: LabelledFeatures) -> Verdict:
    groups = np.unique(np.array(looked.sources), return_inverse=True)[1]
    return judge_agreement(head_inputs(looked.features, looked.logits), looked.labels, groups.astype(np.int64))


def _topics_not_spoken_of(folder: Path, paths: list[Path], topics: tuple[str, ...]) -> list[list[int]]:
    captions: dict[str, str] = defaultdict(str)
    with (folder / "captions.txt").open(newline="", encoding="utf-8") as handle:
        for row in csv.DictReader(handle):
            captions[row["image"]] += " " + row["caption"].lower()
    patterns = [re.compile(rf"\b(?:{SPOKEN_OF.get(topic, '.')})\b" if topic != "travel" else ".") for topic in topics]
    return [
        [n for n, pattern in enumerate(patterns) if not pattern.search(captions[path.name] or " ")] for path in paths
    ]


if __name__ == "__main__":
    main()
