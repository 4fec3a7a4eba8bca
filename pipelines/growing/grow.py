"""From a collected corpus to a published bundle: clean, look for outliers, arrange, train, publish.

The first stages have a workshop of their own beside the training's, so that each is skipped while what it reads is
unchanged, and a run that was killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from core.atomic import write_atomic
from core.errors import DataError
from pipelines.collecting.collect import STATE_FOLDER
from pipelines.config.training import Config
from pipelines.corpus.topics import LEXICON_FILE, lexicon_of_searches
from pipelines.corpus.trainings import record_training
from pipelines.growing.arrange import IDS, ArrangeConfig
from pipelines.training.run import TrainingPaths, run
from pipelines.workshop.fingerprint import HashCache, fingerprint
from pipelines.workshop.progress import ProgressPort
from pipelines.workshop.stage import HASHES_FILE, Stage, StageRecord, Workshop
from scraper.crawling.privacy import Privacy, read_salt

STAGE_MODULES: Mapping[str, str] = {
    "clean": "pipelines.cleaning.clean",
    "arrange": "pipelines.growing.arrange",
    "outliers": "pipelines.growing.outlier_stage",
}
"""The stages before training, as ``pipelines.training.run.STAGE_MODULES`` names those of training."""
WORK = ".grow"


@dataclass(frozen=True, slots=True)
class GrowPaths:
    """Where growing reads and writes.

    Attributes:
        corpus: as ``tagsmith collect`` left it.
        weights: folder of pretrained weights, or None to use only what packages bring.
        out: the bundle store; work state lies in ``.grow`` and ``.work`` inside it.
        installation: folder with the salt that the corpus's authors were hashed with.
        bundle: whose backbone looks for outliers.
        topics: labelled pictures to learn topics from in place of the corpus's own, or None.
    """

    corpus: Path
    weights: Path | None
    out: Path
    installation: Path
    bundle: Path
    topics: Path | None = None


def grow(
    paths: GrowPaths,
    config: Config,
    searched_by: dict[str, tuple[str, ...]],
    *,
    open_progress: Callable[[str], AbstractContextManager[ProgressPort]],
    on_done: Callable[[StageRecord], None],
) -> Path:
    """Return the page of the report after publishing a bundle that was made from the corpus.

    Args:
        paths: where to read and write.
        config: every number.
        searched_by: topic -> hashtags that the corpus was collected by.
        open_progress: as for :func:`pipelines.training.run.run`.
        on_done: told of every stage that is done or skipped.

    Raises:
        DataError: the corpus is missing, too small, or its posts overlap between splits.
        TagsmithError: whatever a stage cannot work with; the results of the stages before it are kept.
    """
    corpus = paths.corpus.resolve()
    if not (corpus / "posts").is_dir():
        raise DataError(f"{paths.corpus} is not a corpus: there is no posts folder in it; run tagsmith collect first")
    with Workshop(paths.out / WORK).opened() as workshop:
        lexicon = workshop.folder / LEXICON_FILE
        write_atomic(lexicon, lexicon_of_searches(searched_by).to_json())
        for stage, numbers in plan(paths, lexicon, config):
            with open_progress(stage.name) as progress:
                on_done(workshop.run(stage, numbers, config.seed, progress))
        data = workshop.result("arrange")
        _leave_ledger(corpus, data, workshop.folder, paths.installation)
        topics = paths.topics or workshop.result("outliers") / "topics"
        training = TrainingPaths(data, paths.weights, paths.out, topics)
        return run(training, config, open_progress=open_progress, on_done=on_done)


def plan(paths: GrowPaths, lexicon: Path, config: Config) -> tuple[tuple[Stage, object], ...]:
    """Return the stages from a corpus to what training reads, each with its numbers.

    Pictures are dealt before outliers are looked for, so that those that choose and test are left as they come.
    """
    corpus = paths.corpus.resolve()
    # The crawl's own state changes at every visit and says nothing about the posts.
    content = {name: corpus / name for name in ("posts", "pictures") if (corpus / name).is_dir()}
    clean = Stage("clean", STAGE_MODULES["clean"], "clean", (), content, {"corpus": corpus})
    arrange = Stage("arrange", STAGE_MODULES["arrange"], "grow", ("clean",), {"topic_lexicon": lexicon})
    numbers = ArrangeConfig(config.corpus, config.grow, own_pictures=paths.topics is None)
    stages: tuple[tuple[Stage, object], ...] = ((clean, config.clean), (arrange, numbers))
    if paths.topics is not None:
        return stages
    bundle = {"bundle": paths.bundle.resolve()}
    outliers = Stage("outliers", STAGE_MODULES["outliers"], "grow", ("arrange",), bundle)
    return (*stages, (outliers, config.grow))


def _leave_ledger(corpus: Path, data: Path, work: Path, installation: Path) -> None:
    """Note in the corpus which posts training is about to read, under the hash that the bundle's manifest will name."""
    cache = HashCache(work / HASHES_FILE)
    data_hash = fingerprint(None, [("posts", (data / "posts").resolve())], (), cache)
    cache.save()
    privacy = Privacy(read_salt(installation))
    ids = (data / IDS).read_text(encoding="utf-8").splitlines()
    record_training(
        corpus / STATE_FOLDER, data_hash, (privacy.post(*post_id.split(":", 1)) for post_id in ids if ":" in post_id)
    )
