"""What lies beside the network: read back equal, refused when damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from core.errors import BundleCorrupt, BundleMissing, InvalidOption
from models.classifier.files import FACTS_FILE, NETWORK_FILE, read_facts, write_facts
from models.classifier.runtimes import open_classifier
from tests.support.tiny_classifier import FACTS, write_tiny_classifier


def test_facts_survive_writing(tmp_path: Path) -> None:
    """What is written is read back equal, accents and all."""
    write_facts(FACTS, tmp_path)
    assert read_facts(tmp_path) == FACTS


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0},
        {"topics": ["one"]},
        {"top_classes": 5000},
        {"energy": {}},
        {"preprocessing": None},
        {"temperature": "warm"},
    ],
)
def test_impossible_facts_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    """Damage is found when the classifier is opened, not when it answers."""
    (tmp_path / FACTS_FILE).write_text(json.dumps(FACTS.to_dict() | change))
    with pytest.raises(BundleCorrupt):
        read_facts(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{", "null", "3"])
def test_what_is_no_object_is_refused(tmp_path: Path, content: str) -> None:
    """Cut short or of another kind: one clear error."""
    (tmp_path / FACTS_FILE).write_text(content)
    with pytest.raises(BundleCorrupt):
        read_facts(tmp_path)


def test_missing_files_are_named(tmp_path: Path) -> None:
    """The error says which of the two files is not there."""
    with pytest.raises(BundleMissing, match=FACTS_FILE):
        open_classifier(tmp_path)
    write_facts(FACTS, tmp_path)
    with pytest.raises(BundleMissing, match=NETWORK_FILE):
        open_classifier(tmp_path)


@pytest.mark.parametrize("runtime", ["onnx", "openvino", "torch"])
def test_a_damaged_network_is_refused(tmp_path: Path, runtime: str) -> None:
    """Bytes that are no network are an error of the bundle, in every runtime."""
    pytest.importorskip({"onnx": "onnxruntime"}.get(runtime, runtime))
    write_tiny_classifier(tmp_path)
    (tmp_path / NETWORK_FILE).write_bytes(b"not a network")
    with pytest.raises(BundleCorrupt, match="Train or fetch"):
        open_classifier(tmp_path, runtime)


def test_an_unknown_runtime_lists_those_there_are(tmp_path: Path) -> None:
    """A misspelt setting is answered with the right spellings."""
    with pytest.raises(InvalidOption, match="auto, onnx, openvino, torch"):
        open_classifier(tmp_path, "tensorrt")
