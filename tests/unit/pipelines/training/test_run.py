"""A run is planned before it starts, so that a wrong path costs no time."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from core.bundle.opening import current, list_bundles, open_bundle
from core.errors import DataError, InvalidOption
from pipelines.config.training import load_config
from pipelines.training.run import STAGE_NAMES, TrainingPaths, plan, run
from pipelines.workshop.progress import SilentProgress
from pipelines.workshop.stage import Stage, StageRecord
from tests.unit.pipelines.posts_on_disk import record, write_lines


@pytest.fixture
def paths(tmp_path: Path) -> TrainingPaths:
    """A data folder with what every run needs, and no more."""
    for name in ("posts", "topics"):
        (tmp_path / "data" / name).mkdir(parents=True)
    (tmp_path / "data" / "topic_lexicon.json").write_text("{}")
    return TrainingPaths(tmp_path / "data", None, tmp_path / "out")


def test_every_stage_comes_after_those_whose_results_it_reads(paths: TrainingPaths) -> None:
    """And reads a section that the configuration has."""
    done: list[str] = []
    for stage in plan(paths):
        assert set(stage.after) <= set(done)
        assert hasattr(load_config(), stage.section)
        done.append(stage.name)
    assert tuple(done) == STAGE_NAMES


def test_weights_and_pictured_posts_may_be_missing(paths: TrainingPaths) -> None:
    """Packages bring some weights, and not everybody has posts with pictures."""
    roles = {role for stage in plan(paths) for role in stage.sources}
    assert roles == {"posts", "topics", "topic_lexicon", "block_list"}


def test_weights_that_were_named_must_be_there(paths: TrainingPaths) -> None:
    """A mistyped folder does not train without weights."""
    with pytest.raises(DataError, match="nowhere does not exist; the weights folder"):
        plan(TrainingPaths(paths.data, paths.data / "nowhere", paths.out))


def test_other_pictures_can_stand_in_for_the_topics(paths: TrainingPaths, tmp_path: Path) -> None:
    """A second set of topics is trained with the same data folder."""
    (tmp_path / "styles").mkdir()
    stages = {stage.name: stage for stage in plan(TrainingPaths(paths.data, None, paths.out, tmp_path / "styles"))}
    assert stages["train-topics"].sources["topics"] == tmp_path / "styles"


NOTHING = "tests.unit.pipelines.nothing_stage_for_tests"
QUICK = {
    "train-topics": NOTHING,
    "train-embeddings": NOTHING,
    "train-ranker": "tests.unit.pipelines.draft_stage_for_tests",
    "evaluate": "tests.unit.pipelines.evaluate_stage_for_tests",
    "count-trends": NOTHING,
}


def quick_plan(paths: TrainingPaths) -> tuple[Stage, ...]:
    """Return the real plan with stages that learn nothing in place of those that learn."""
    return tuple(replace(stage, module=QUICK.get(stage.name, stage.module)) for stage in plan(paths))


def run_quickly(
    paths: TrainingPaths, *, name: str = "bundle", until: str | None = None, **at_least: float
) -> list[str]:
    """Run all stages and return what became of each."""
    config = load_config()
    config = replace(config, publish=replace(config.publish, name=name, at_least=at_least))
    done: list[StageRecord] = []
    run(
        paths,
        config,
        open_progress=lambda stage: nullcontext(SilentProgress()),
        on_done=done.append,
        until=until,
        make_plan=quick_plan,
    )
    return [one.outcome for one in done]


@pytest.fixture
def with_posts(paths: TrainingPaths) -> TrainingPaths:
    """A data folder that can be trained from."""
    splits = ("train",) * 600 + ("val",) * 120 + ("test",) * 20
    write_lines(paths.data / "posts" / "walks.jsonl", [record(n, split=split) for n, split in enumerate(splits)])
    return paths


def test_a_run_ends_with_a_current_bundle_that_says_what_made_it(with_posts: TrainingPaths) -> None:
    """Configuration, data and packages are in the manifest, the report beside the bundle."""
    assert run_quickly(with_posts) == ["done"] * len(STAGE_NAMES)
    manifest = open_bundle(current(with_posts.out)).manifest
    assert manifest.config["corpus"]["min_train"] == load_config().corpus.min_train
    assert set(manifest.data_hashes) == {"posts", "topics", "topic_lexicon", "block_list"}
    assert "numpy" in manifest.package_versions
    assert manifest.bundle_id in (with_posts.out / "report.html").read_text()


def test_the_same_run_again_does_nothing(with_posts: TrainingPaths) -> None:
    """And leaves one bundle."""
    run_quickly(with_posts)
    assert run_quickly(with_posts) == ["skipped"] * len(STAGE_NAMES)
    assert len(list_bundles(with_posts.out)) == 1


def test_another_name_only_publishes_again(with_posts: TrainingPaths) -> None:
    """Nothing is trained for it."""
    run_quickly(with_posts)
    assert run_quickly(with_posts, name="starter") == ["skipped"] * (len(STAGE_NAMES) - 1) + ["done"]
    assert current(with_posts.out).name.startswith("starter-")


def test_a_refused_draft_has_its_report(with_posts: TrainingPaths) -> None:
    """Its figures say why."""
    with pytest.raises(DataError, match="tags was not measured"):
        run_quickly(with_posts, tags=0.3)
    assert "nDCG@10" in (with_posts.out / "report.html").read_text()


def test_a_run_can_stop_early(with_posts: TrainingPaths) -> None:
    """The stages after it stay as they were."""
    assert run_quickly(with_posts, until="train-embeddings") == ["done"] * 3
    assert list_bundles(with_posts.out) == ()
    with pytest.raises(InvalidOption, match="there is no stage 'bake'"):
        run_quickly(with_posts, until="bake")
