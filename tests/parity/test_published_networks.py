"""Our networks against the published ones, number by number, where the published ones are installed."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.train, pytest.mark.slow]

from core.errors import WeightsUnavailable
from models.backbones.networks import load_network, new_network
from models.backbones.registry import find_backbone
from models.backbones.weights import find_weights, read_state


def test_efficientnet_lite2_equals_the_package_of_2020() -> None:
    """The same weights give the same logits, to the bit or nearly."""
    published = pytest.importorskip("efficientnet_lite_pytorch")
    backbone = find_backbone("efficientnet_lite2")
    try:
        path = find_weights(backbone, None)
    except WeightsUnavailable:
        pytest.skip("the weights package is not installed")
    theirs = published.EfficientNet.from_name("efficientnet-lite2").eval()
    theirs.load_state_dict(read_state(path))
    pixels = torch.randn(2, 3, 260, 260, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(load_network(backbone, path)(pixels), theirs(pixels), atol=1e-4)


def test_resnet50_equals_torchvisions() -> None:
    """Cut into three it computes what the whole network does."""
    from models.backbones.torchvision_shim import import_torchvision_models

    ours = new_network(find_backbone("resnet50"), seed=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        theirs = import_torchvision_models().resnet50().eval()
    pixels = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        assert torch.allclose(ours(pixels), theirs(pixels), atol=1e-5)


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_vgg_equals_torchvisions(name: str) -> None:
    """Without its adaptive pooling, which does nothing at 224 pixels, the answer is the same."""
    from models.backbones.torchvision_shim import import_torchvision_models

    ours = new_network(find_backbone(name), seed=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        theirs = getattr(import_torchvision_models(), name)().eval()
    pixels = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        assert torch.allclose(ours(pixels), theirs(pixels), atol=1e-4)
        assert ours.features(pixels).shape == (1, find_backbone(name).width)
