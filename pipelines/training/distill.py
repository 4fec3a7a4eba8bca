"""Makes weights for a backbone that has none: it learns to compute what a backbone with weights computes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from core.atomic import aside, write_atomic
from core.errors import DataError
from models.backbones.networks import load_network, new_network
from models.backbones.registry import find_backbone
from models.backbones.weights import find_weights
from models.labelled.topic_folder import PICTURE_SUFFIXES, SPLITS, read_topic_folder
from models.training.distillation import Distillation, Reached, write_network
from models.training.features import open_extractor
from pipelines.config.training import DistillConfig
from pipelines.workshop.progress import ProgressPort

FEWEST_PICTURES = 16
REPORT_FILE = "distillation.json"


def distill(
    config: DistillConfig,
    sources: Sequence[Path],
    weights: Path | None,
    out: Path,
    minutes: float,
    progress: ProgressPort,
    seed: int,
    clock: Callable[[], float] = time.monotonic,
) -> Path:
    """Return the weights file of the distilled student, for ``topics.weights_file`` with its backbone's name.

    Stopped, the same command goes on from the last checkpoint, which lies in ``out``; with more minutes it goes on
    after it was done.

    Args:
        config: teacher, student and numbers.
        sources: folders of pictures, labels unused; of a topic folder with splits the train split alone.
        weights: where the teacher's weights are looked for.
        out: folder for the student and the checkpoints.
        minutes: of training, all runs together.
        progress: told how far it is.
        seed: of everything random.
        clock: seconds that only rise.

    Raises:
        DataError: there are too few pictures.
        WeightsUnavailable: the teacher's weights can neither be found nor fetched.
    """
    pictures = gather_pictures(sources)
    if len(pictures) < FEWEST_PICTURES:
        raise DataError(f"Only {len(pictures)} pictures to distil from; at least {FEWEST_PICTURES} are needed.")
    out.mkdir(parents=True, exist_ok=True)
    teacher, student = find_backbone(config.teacher), find_backbone(config.student)
    teacher_network = load_network(teacher, find_weights(teacher, weights, downloads=out))
    extract = open_extractor(teacher_network, teacher.preprocessing.crop, out)
    network = new_network(student, seed)
    task = progress.task(f"distilling {student.name}", 100)
    shown = 0.0

    def tell(reached: Reached, share: float) -> None:
        nonlocal shown
        task.advance(100 * share - shown)
        shown = 100 * share

    distillation = Distillation(
        network,
        student.preprocessing,
        extract,
        teacher.preprocessing,
        pictures,
        config.recipe,
        out / "checkpoints",
        seed,
        clock,
    )
    reached = distillation.run(minutes, tell)
    target = out / f"{student.name}_distilled.safetensors"
    with aside(target) as hidden:
        write_network(network, hidden)
    report = {"teacher": teacher.name, "student": student.name, "pictures": len(pictures), "minutes": minutes}
    write_atomic(out / REPORT_FILE, json.dumps(report | asdict(reached), indent=1) + "\n")
    progress.note(f"{target}: {reached.step} batches, divergence {reached.recent_loss:.2f} nats")
    return target


def gather_pictures(sources: Sequence[Path]) -> tuple[Path, ...]:
    """Return all picture files of folders; of a labelled one the train split alone, in a stable order.

    Raises:
        DataError: a source is not a folder.
    """
    found: list[Path] = []
    for source in sources:
        if not source.is_dir():
            raise DataError(f"{source} is not a folder of pictures.")
        if (source / "labels.csv").is_file() or (source / SPLITS[0]).is_dir():
            found += [picture.path for picture in read_topic_folder(source).of_split("train")]
        else:
            found += sorted(path for path in source.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    return tuple(found)
