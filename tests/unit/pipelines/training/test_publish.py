"""A draft becomes the current bundle whole, once, and only when it is good enough."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.bundle.draft import DraftBundle
from core.bundle.manifest import Provenance
from core.bundle.opening import current, list_bundles, open_bundle
from core.errors import BundleCorrupt, DataError
from core.trend_snapshot import read_snapshot, write_snapshot
from pipelines.config.training import PublishConfig
from pipelines.training.publish import run
from pipelines.workshop.progress import SilentProgress
from pipelines.workshop.stage import StageContext
from tests.support.dated_posts import snapshot_of

METRICS = {
    "tags": {
        "methods": {"learned": {"nDCG@10": {"value": 0.25, "low": 0.24, "high": 0.26}}},
        "by_source": {
            name: {"nDCG@10": value} for name, value in zip("abcde", (0.5, 0.1, 0.3, 0.05, 0.2), strict=True)
        },
    },
    "confusion": {"labels": ["food", "art"], "counts": [[9, 3], [2, 8]]},
    "bars": {"tags": {"ratio": 1.02, "bar": 1.05, "met": False}},
}
SUMMARY = {
    "splits": {"train": {"posts": 800, "equal_posts_left_out": 20}, "test": {"posts": 100, "equal_posts_left_out": 0}},
    "by_source": {"walks": {"train": 800, "val": 100, "test": 100, "first": "2015-01"}, "shop": {"train": 3}},
}
FACTS = {"config": {"seed": 5}, "data_hashes": {"posts": "ab" * 32}, "package_versions": {"numpy": "2"}}


@dataclass
class Run:
    """One training run that has come to its last stage."""

    folder: Path
    at_least: dict[str, float]

    @property
    def store(self) -> Path:
        """Where bundles are published."""
        return self.folder / "store"

    def publish(self) -> dict[str, str]:
        """Run the stage and return its note."""
        out = self.folder / "out"
        out.mkdir(exist_ok=True)
        places = ("split", "train-topics", "train-embeddings", "train-ranker", "evaluate", "count-trends", "store")
        inputs = {name: self.folder / name for name in places} | {"facts": self.folder / "facts.json"}
        config = PublishConfig(name="test", at_least=self.at_least)
        run(StageContext(out, out, out, inputs, config, SilentProgress(), 5))
        note: dict[str, str] = json.loads((out / "published.json").read_text())
        return note


def write(path: Path, content: dict[str, Any]) -> None:
    """Write JSON, and the folders around it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def finished(tmp_path: Path) -> Run:
    """A run whose draft and figures are there."""
    write(tmp_path / "split" / "summary.json", SUMMARY)
    write(tmp_path / "evaluate" / "metrics.json", METRICS)
    write(tmp_path / "facts.json", FACTS)
    write(tmp_path / "train-topics" / "metrics.json", {"val": {"top-1": 0.9}, "epochs": [{"loss": 0.123}] * 3})
    licences = ({"what": "a network", "licence": "Apache-2.0", "source": "somewhere"},)
    with DraftBundle(tmp_path / "train-ranker", "draft") as draft:
        draft.path("tables/global/words.txt").write_text("sea\nsun\n")
        draft.seal(
            Provenance(
                created="2026-11-22T00:00:00+00:00", topics=("food", "art"), licences=licences, counts={"hashtags": 2}
            )
        )
        draft.publish()
    return Run(tmp_path, {})


def test_the_draft_becomes_current_with_card_figures_and_provenance(finished: Run) -> None:
    """Nothing of the draft is lost, and the manifest says what trained it."""
    note = finished.publish()
    bundle = open_bundle(current(finished.store))
    assert bundle.manifest.bundle_id == note["bundle"]
    assert set(bundle.names()) == {"card.md", "metrics.json", "tables/global/words.txt"}
    assert bundle.manifest.config == {"seed": 5}
    assert bundle.manifest.data_hashes == FACTS["data_hashes"]
    assert bundle.manifest.topics == ("food", "art")
    assert bundle.manifest.licences[0]["licence"] == "Apache-2.0"


def test_publishing_the_same_again_changes_nothing(finished: Run) -> None:
    """A run that was killed after publishing and before noting it goes through."""
    first = finished.publish()
    manifest = (finished.store / first["bundle"] / "manifest.json").read_bytes()
    assert finished.publish() == first
    assert (finished.store / first["bundle"] / "manifest.json").read_bytes() == manifest
    assert list_bundles(finished.store) == (first["bundle"],)


def test_other_figures_make_another_bundle_and_the_old_one_stays(finished: Run) -> None:
    """One can go back to it."""
    first = finished.publish()
    write(finished.folder / "evaluate" / "metrics.json", METRICS | {"n": 1})
    second = finished.publish()
    assert set(list_bundles(finished.store)) == {first["bundle"], second["bundle"]}
    assert current(finished.store).name == second["bundle"]


@pytest.mark.parametrize(
    ("name", "least", "why"),
    [
        ("tags/methods/learned/nDCG@10", 0.3, "is 0.2500, below 0.3"),
        ("tags/methods/learned/nDCG@5", 0.1, "was not measured"),
        ("tags/methods", 0.1, "was not measured"),
    ],
)
def test_a_draft_below_its_gate_is_not_published(finished: Run, name: str, least: float, why: str) -> None:
    """The bundle in use stays in use."""
    before = finished.publish()
    finished.at_least[name] = least
    write(finished.folder / "evaluate" / "metrics.json", METRICS | {"n": 2})
    with pytest.raises(DataError, match=f"{name} {why}"):
        finished.publish()
    assert list_bundles(finished.store) == (before["bundle"],)
    assert current(finished.store).name == before["bundle"]


def test_a_figure_that_is_not_a_number_fails_its_gate(finished: Run) -> None:
    """NaN is below and above nothing."""
    finished.at_least["x"] = 0.1
    (finished.folder / "evaluate" / "metrics.json").write_text('{"x": NaN}')
    with pytest.raises(DataError, match="x is nan"):
        finished.publish()


def test_a_damaged_draft_is_not_published(finished: Run) -> None:
    """What was measured is what ships."""
    words = next((finished.folder / "train-ranker").glob("draft/tables/global/words.txt"))
    words.write_text("sea\nsin\n")
    with pytest.raises(BundleCorrupt, match=r"words\.txt"):
        finished.publish()
    assert list_bundles(finished.store) == ()


def test_the_card_says_what_is_weak(finished: Run) -> None:
    """Missed bars, the worst sources, the most frequent mistakes and thin sources are found in the figures."""
    card = (finished.store / finished.publish()["bundle"] / "card.md").read_text()
    assert "Missed bar, tags: ratio 1.020; bar 1.050." in card
    assert "lowest nDCG@10: d 0.050, b 0.100, e 0.200." in card
    assert "food taken for art (25%), art taken for food (20%)" in card
    assert "Too few test posts to judge by source (under 50): shop." in card
    assert "| a network | Apache-2.0 | somewhere |" in card
    assert "0.250 (0.240–0.260)" in card


def test_the_card_shows_what_training_measured_but_not_every_epoch(finished: Run) -> None:
    """And no time, so that the same training gives the same card."""
    card = (finished.store / finished.publish()["bundle"] / "card.md").read_text()
    assert "### train-topics · val" in card
    assert "0.123" not in card
    assert open_bundle(current(finished.store)).manifest.created[:10] not in card


def test_counted_trends_are_published_with_the_draft(finished: Run) -> None:
    """Listed and hashed like any other file; a corpus without times leaves none, which is fine."""
    without = finished.publish()
    (finished.folder / "count-trends").mkdir()
    write_snapshot(snapshot_of({"sea": {0: 3, 9: 4}}), finished.folder / "count-trends" / "trends.json")
    assert finished.publish()["bundle"] != without["bundle"]
    bundle = open_bundle(current(finished.store))
    assert read_snapshot(bundle.path("counts/trends.json")).hashtags == ("sea",)
