"""Makes ``import torchvision`` work beside a CPU build of torch, whose wheel lacks the operators it looks for.

A torchvision wheel built for CUDA does not find its compiled operators next to a CPU torch and stops while importing,
when it registers the shapes that ``nms`` returns. Declaring the two operators beforehand is enough for its networks;
``torchvision.ops`` and its JPEG decoding stay unusable, and nothing here uses them.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import torch

from core.errors import MissingExtra, lacking

MISSING_OPERATORS = ("nms", "qnms")
_keep_alive: list[Any] = []  # the declarations vanish with their Library object


def import_torchvision_models() -> ModuleType:
    """Return ``torchvision.models``, declaring what is missing only where a plain import fails.

    Raises:
        MissingExtra: torchvision is not installed, or fails for another reason.
    """
    try:
        return importlib.import_module("torchvision.models")
    except ImportError as error:
        raise lacking("this", "torchvision", "train") from error
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise MissingExtra(f"torchvision does not go with this torch: {error}; install a matching one") from error
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # a half-imported package would be handed out as it is
    _declare_operators()
    return importlib.import_module("torchvision.models")


def _declare_operators() -> None:
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in MISSING_OPERATORS:
        schema = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(schema)  # type: ignore[no-untyped-call]
    _keep_alive.append(library)
