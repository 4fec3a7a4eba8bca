"""Backbones, their cuts and their weights."""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

from safetensors.torch import save_file

from core.errors import DataError, WeightsUnavailable
from models.backbones.networks import load_network, new_network
from models.backbones.registry import BACKBONES, Backbone, find_backbone
from models.backbones.weights import choose_backbone, find_weights, read_state
from models.training.config import Trainable
from models.training.distillation import write_network
from models.training.topic_network import HeadInputs, TopicNetwork
from tests.support.tiny_network import MAP_WIDTH, SIDE, SPEC, TINY, WIDTH, tiny_network


def no_report(done: int, total: int | None) -> None:
    """Listen to nothing."""


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "efficientnet_lite2"])
def test_a_backbone_gives_features_and_classes(name: str) -> None:
    """The cut network yields vectors of the promised width, none negative, and 1000 logits."""
    backbone = find_backbone(name)
    network = new_network(backbone, seed=0)
    pixels = torch.randn(1, 3, backbone.preprocessing.crop, backbone.preprocessing.crop)
    with torch.no_grad():
        features, logits = network.features(pixels), network(pixels)
    assert features.shape == (1, backbone.width)
    assert (features >= 0).all()
    assert logits.shape == (1, 1000)


def test_every_backbone_of_the_registry_can_be_found_and_no_other() -> None:
    """Names lead to their description; a wrong one lists the right ones."""
    assert all(find_backbone(backbone.name) is backbone for backbone in BACKBONES)
    with pytest.raises(DataError, match="resnet50.*efficientnet_lite2"):
        find_backbone("alexnet")


def test_every_backbone_has_its_builder() -> None:
    """Its dotted name leads to a function; a misspelt one would fail only when somebody trains with it."""
    for backbone in BACKBONES:
        module, _, function = backbone.builder.partition(":")
        assert callable(getattr(import_module(module), function, None)), backbone.name


def test_weights_are_looked_for_in_file_then_folder(tmp_path: Path) -> None:
    """A file of one's own wins; the weights folder comes next; the error else says every way out."""
    resnet = find_backbone("resnet50")
    mine = tmp_path / "mine.pth"
    mine.write_bytes(b"x")
    assert find_weights(resnet, tmp_path, mine) == mine
    (tmp_path / resnet.weight_file).write_bytes(b"x")
    assert find_weights(resnet, tmp_path) == tmp_path / resnet.weight_file
    with pytest.raises(WeightsUnavailable, match="internet access.*weights_file under"):
        find_weights(resnet, tmp_path / "elsewhere")
    with pytest.raises(WeightsUnavailable, match="Correct the path"):
        find_weights(resnet, None, tmp_path / "typo.pth")


def served(tmp_path: Path, content: bytes, digest: str) -> Backbone:
    """Return a backbone whose weights are served from a file."""
    source = tmp_path / f"net-{digest[:8]}.pth"
    source.write_bytes(content)
    return Backbone("net", 1, SPEC, "nowhere:nothing", source.name, None, source.as_uri(), "none", "none", "none")


def test_a_download_is_checked_kept_and_reported(tmp_path: Path) -> None:
    """What comes from the web is kept under its name once its hash is right, and found there the next time."""
    content = b"weights" * 1000
    backbone = served(tmp_path, content, hashlib.sha256(content).hexdigest())
    told: list[int] = []
    kept = find_weights(backbone, None, None, tmp_path / "kept", lambda done, _total: told.append(done))
    assert kept.read_bytes() == content
    assert told[-1] == len(content)
    Path(backbone.url.removeprefix("file://") if backbone.url else "").unlink()
    assert find_weights(backbone, None, None, tmp_path / "kept") == kept


def test_a_download_with_another_hash_leaves_nothing(tmp_path: Path) -> None:
    """A changed file is refused and not kept."""
    backbone = served(tmp_path, b"something else", "0" * 64)
    with pytest.raises(WeightsUnavailable, match="hash"):
        find_weights(backbone, None, None, tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


def test_without_resnet_weights_auto_takes_the_fallback(tmp_path: Path) -> None:
    """Automatic choice prefers ResNet50 and says why it took another."""
    fallback = find_backbone("efficientnet_lite2")
    (tmp_path / fallback.weight_file).write_bytes(b"x")
    chosen, _, why = choose_backbone("auto", tmp_path, None, tmp_path / "downloads", no_report)
    assert chosen is fallback
    assert "resnet50" in why
    (tmp_path / find_backbone("resnet50").weight_file).write_bytes(b"x")
    chosen, weights, _ = choose_backbone("auto", tmp_path, None, tmp_path / "downloads", no_report)
    assert (chosen.name, weights) == ("resnet50", tmp_path / chosen.weight_file)


def test_own_weights_are_read_back(tmp_path: Path) -> None:
    """A network written by this program computes the same when it is loaded."""
    network = tiny_network(3)
    write_network(network, tmp_path / "tiny.safetensors")
    pixels = torch.randn(2, 3, SIDE, SIDE)
    with torch.no_grad():
        assert torch.equal(load_network(TINY, tmp_path / "tiny.safetensors")(pixels), network(pixels))


def test_torchvision_weights_are_read_under_their_own_names(tmp_path: Path) -> None:
    """A ResNet file as torchvision publishes it fills the cut network."""
    from models.backbones.torchvision_shim import import_torchvision_models

    whole = import_torchvision_models().resnet18().eval()
    torch.save(whole.state_dict(), tmp_path / "resnet18.pth")
    pixels = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        cut = load_network(find_backbone("resnet18"), tmp_path / "resnet18.pth")
        assert torch.allclose(cut(pixels), whole(pixels), atol=1e-5)


@pytest.mark.parametrize("content", [b"", b"\x80\x04 not weights", b"PK\x03\x04 neither"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_damaged_weights_file_is_named(tmp_path: Path, content: bytes, suffix: str) -> None:
    """Reading garbage says which file and what to do, and runs nothing that is in it."""
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError, match="Fetch it again"):
        read_state(path)


def test_the_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    """Right format, wrong network: an error, not a half-filled model."""
    save_file({"fc.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="resnet18"):
        load_network(find_backbone("resnet18"), tmp_path / "other.safetensors")
    write_network(tiny_network(), tmp_path / "tiny.safetensors")
    with pytest.raises(DataError, match="resnet18"):
        load_network(find_backbone("resnet18"), tmp_path / "tiny.safetensors")


def trainable_names(network: TopicNetwork) -> set[str]:
    """Return which parts of a network have free weights."""
    return {name.split(".")[0] for name, one in network.named_parameters() if one.requires_grad}


@pytest.mark.parametrize(
    ("trainable", "expected"),
    [("head", {"head"}), ("last-stage", {"head", "topic_tail"}), ("all", {"head", "network"})],
)
def test_only_what_was_asked_for_is_trainable(trainable: Trainable, expected: set[str]) -> None:
    """Each setting frees its own layers."""
    inputs = HeadInputs(torch.zeros(MAP_WIDTH), torch.ones(MAP_WIDTH))
    network = TopicNetwork(tiny_network(), inputs, WIDTH, 3, trainable)
    assert trainable_names(network) == expected
    topics, classes = network(torch.randn(2, 3, SIDE, SIDE))
    assert topics.shape == (2, 3)
    assert classes.shape == (2, 1000)


def test_head_inputs_do_not_depend_on_how_much_there_is() -> None:
    """Features twice as strong give the same roots; classes come at half their length."""
    inputs = HeadInputs(torch.zeros(4), torch.ones(4))
    features, logits, maps = torch.rand(3, 6) + 0.5, torch.randn(3, 1000), torch.randn(3, 4)
    once, twice = inputs(maps, features, logits), inputs(maps, 2 * features, logits)
    assert torch.allclose(once, twice, atol=1e-4)
    assert torch.linalg.vector_norm(once[:, :6], dim=1).tolist() == pytest.approx([1, 1, 1], abs=1e-3)
    assert torch.linalg.vector_norm(once[:, 6:1006], dim=1).tolist() == pytest.approx([0.5] * 3, abs=1e-3)


def test_new_networks_follow_from_the_seed() -> None:
    """Random weights are the same for the same seed and leave the global generator alone."""
    state = torch.random.get_rng_state()
    first, second, other = (new_network(TINY, seed) for seed in (1, 1, 2))
    assert torch.equal(first.classifier.weight, second.classifier.weight)
    assert not torch.equal(first.classifier.weight, other.classifier.weight)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_mobilenet_weights_are_dequantised_by_row() -> None:
    """An int8 row times its scale is the weight."""
    from models.backbones.networks import _dequantise

    plain = _dequantise(
        {"a.weight_int8": torch.tensor([[1, -2], [3, 4]], dtype=torch.int8), "a.scale": torch.tensor([0.5, 2.0])}
    )
    assert np.array_equal(plain["a.weight"].numpy(), [[0.5, -1.0], [6.0, 8.0]])
