"""The runtimes that a trained classifier can be opened with, found by name."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from core.errors import InvalidOption, lacking
from models.classifier.evidence import Forward, NetworkClassifier
from models.classifier.files import read_facts


@dataclass(frozen=True, slots=True)
class Runtime:
    """One way to run ``topics.onnx``.

    Attributes:
        name: as in settings and on the command line.
        module: dotted name of the module with ``open_forward(folder, threads)``; imported only when chosen.
        needs: packages that must be installed.
        extra: of tagsmith that brings them; None for the one that every install has.
    """

    name: str
    module: str
    needs: tuple[str, ...]
    extra: str | None = None


RUNTIMES = (
    Runtime("onnx", "models.classifier.runtime_onnx", ("onnxruntime",)),
    Runtime("openvino", "models.classifier.runtime_openvino", ("openvino",), "scale"),
    Runtime("torch", "models.classifier.runtime_torch", ("torch", "onnx"), "gpu"),
)
AUTO = "auto"


def open_classifier(folder: Path, runtime: str = AUTO, threads: int | None = None) -> NetworkClassifier:
    """Return the classifier that lies in ``folder`` as ``topics.onnx`` and ``topics.json``.

    Args:
        folder: a bundle, or what training wrote.
        runtime: a name of ``RUNTIMES``, or "auto" for the first one that is installed.
        threads: most threads for one forward pass; None leaves it to the runtime.

    Raises:
        InvalidOption: there is no such runtime.
        MissingExtra: it is not installed.
        BundleMissing, BundleCorrupt: the files are not there or damaged.
    """
    chosen = _choose(runtime)
    facts = read_facts(folder)
    open_forward = importlib.import_module(chosen.module).open_forward
    return NetworkClassifier(facts, cast(Callable[[Path, int | None], Forward], open_forward)(folder, threads))


def _choose(name: str) -> Runtime:
    if name == AUTO:
        for runtime in RUNTIMES:
            if _is_installed(runtime):
                return runtime
        raise lacking("the picture network", "a runtime", None)
    for runtime in RUNTIMES:
        if runtime.name == name:
            if not _is_installed(runtime):
                raise lacking(f"the runtime {name}", " and ".join(runtime.needs), runtime.extra)
            return runtime
    known = ", ".join((AUTO, *(runtime.name for runtime in RUNTIMES)))
    raise InvalidOption(f"There is no runtime {name!r}. Choose one of: {known}.")


def _is_installed(runtime: Runtime) -> bool:
    return all(importlib.util.find_spec(package) is not None for package in runtime.needs)
