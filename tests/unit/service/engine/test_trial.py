"""A bundle is tried in a child: what it does to that process, its caller is told and survives."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from core.bundle.opening import move_current
from core.errors import BundleCorrupt, BundleMismatch, MissingExtra, TagsmithError
from service.engine import trial
from service.engine.lifecycle import Load
from service.engine.loading import Loaded
from service.engine.trial import TriedLoad, try_bundle
from service.settings import Settings
from tests.support.fake_bundles import DEADLY, load_fake_bundle, publish_fake


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that name a store with the bundles "one" and "two", the second current."""
    publish_fake(tmp_path / "store", "one")
    publish_fake(tmp_path / "store", "two")
    return Settings(bundle=tmp_path / "store")


def killed(settings: Settings) -> Loaded:
    """Die as by a fault of native code."""
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def ended(settings: Settings) -> Loaded:
    """Leave as a library that calls exit."""
    print("[LightGBM] [Fatal] good bye", flush=True)
    os._exit(7)


def endless(settings: Settings) -> Loaded:
    """Never come back."""
    time.sleep(600)
    raise AssertionError


def greedy(settings: Settings) -> Loaded:
    """Write to more memory than there may be."""
    return np.ones(1 << 31)  # type: ignore[return-value]


def strange(settings: Settings) -> Loaded:
    """Fail as nobody foresaw."""
    raise RuntimeError("what native code tells")


def mismatched(settings: Settings) -> Loaded:
    """Fail as foreseen."""
    raise BundleMismatch("of another format; train again")


def lacking(settings: Settings) -> Loaded:
    """Fail for something that is not the bundle's fault."""
    raise MissingExtra("not installed; install it")


@pytest.mark.parametrize(
    ("load", "error", "says"),
    [
        (killed, BundleCorrupt, "SIGSEGV.*train or download"),
        (ended, BundleCorrupt, "exit code 7"),
        (endless, BundleCorrupt, "not open after 4 s"),
        (greedy, BundleCorrupt, "MemoryError.*train or download"),
        (strange, BundleCorrupt, "RuntimeError.*train or download"),
        (mismatched, BundleMismatch, "another format"),
        (lacking, MissingExtra, "not installed"),
    ],
)
def test_what_happens_to_the_child_is_told(
    settings: Settings, load: Load, error: type[TagsmithError], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """As an error, and what native code prints as it dies goes nowhere."""
    with pytest.raises(error, match=says):
        try_bundle(settings, load, wall_s=4.0 if load is endless else 60.0)
    assert "LightGBM" not in "".join(capfd.readouterr())


def test_a_bundle_that_opens_is_opened(settings: Settings) -> None:
    """Here too, after the trial."""
    assert TriedLoad(load_fake_bundle)(settings).bundle.manifest.bundle_id == "two"


def test_the_bundle_that_was_tried_is_the_one_that_is_opened(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pointer may move in between."""
    monkeypatch.setattr(trial, "try_bundle", lambda *_: move_current(tmp_path / "store", "one"))
    assert TriedLoad(load_fake_bundle)(settings).bundle.manifest.bundle_id == "two"


def test_the_bundle_that_comes_with_the_program_is_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is nothing at all, which tests of the service open."""
    starter = publish_fake(tmp_path / "shipped", DEADLY.upper())

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(trial, "try_bundle", never)
    empty = Settings(bundle=tmp_path / "empty", starter=starter)
    assert TriedLoad(load_fake_bundle)(empty).bundle.root == starter


def test_a_deadly_bundle_ends_nobody(settings: Settings, tmp_path: Path) -> None:
    """Also one whose manifest is locked by another worker's trial and then free."""
    publish_fake(tmp_path / "store", DEADLY)
    with pytest.raises(BundleCorrupt, match="SIGABRT"):
        TriedLoad(load_fake_bundle)(settings)
