"""``tagsmith doctor``: what is installed, what would be used, and what to do about the rest."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from core.bundle.opening import open_bundle
from core.errors import TagsmithError
from core.version import package_version
from tagsmith.options import BundleOption, choose_bundle
from tagsmith.terminal import add_row, cell, show, tell_json

State = Literal["ok", "absent", "wrong"]

_SERVING = ("fastapi", "lightgbm", "numpy", "onnxruntime", "pillow", "pydantic", "uvicorn")
_OPTIONAL = {
    "openvino": "a faster runtime on Intel and AMD processors: pip install 'tagsmith[scale]'",
    "torch": "training, and answers from an NVIDIA card: pip install 'tagsmith[train]'",
    "torchvision": "training: pip install 'tagsmith[train]'",
    "gensim": "training: pip install 'tagsmith[train]'",
    "scikit-learn": "training: pip install 'tagsmith[train]'",
    "matplotlib": "plots of the training report: pip install 'tagsmith[train]'",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        what: its name.
        state: ``absent`` is fine where the thing is optional; ``wrong`` is not.
        detail: version, path, or what to do.
    """

    what: str
    state: State
    detail: str


def doctor(
    bundle: BundleOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Print what is installed, which runtime and bundle would be used, and whether a GPU is seen.

    Ends with exit code 2 when something that serving needs is wrong.
    """
    findings = list(look(bundle))
    if as_json:
        tell_json([asdict(finding) for finding in findings], indent=2)
    else:
        print_findings(findings, Console())
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(2)


def print_findings(findings: Sequence[Finding], console: Console) -> None:
    """Print what was found as a table."""
    marks = {"ok": cell("ok", "green"), "absent": cell("not there", "dim"), "wrong": cell("wrong", "red")}
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        add_row(table, finding.what, marks[finding.state], finding.detail)
    show(table, console)


def look(bundle: Path | None) -> Iterator[Finding]:
    """Yield every finding; never raises."""
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Finding("processors", "ok", f"{len(os.sched_getaffinity(0))} may be used")
    for name in _SERVING:
        yield _package(name, "wrong", "needed for serving: pip install tagsmith")
    for name, use in _OPTIONAL.items():
        yield _package(name, "absent", use)
    yield from _unknown_variables()
    yield _runtime()
    yield _gpu()
    yield _bundle(bundle)


def _package(name: str, without: State, advice: str) -> Finding:
    version = package_version(name)
    return Finding(name, without, advice) if version is None else Finding(name, "ok", version)


def _unknown_variables() -> Iterator[Finding]:
    """Yield variables that begin like settings but are none of them; they may be misspelt, and nothing fails for it."""
    from service.settings import unknown_variables

    for variable, nearest in unknown_variables().items():
        yield Finding(variable, "absent", "no setting has this name" + (f"; {nearest} is one" if nearest else ""))


def _runtime() -> Finding:
    """Return the runtime of the settings, and what ONNX Runtime, which every installation has, can run on."""
    from service.settings import load_settings

    try:
        chosen = load_settings().runtime
    except TagsmithError as error:
        return Finding("runtime", "wrong", str(error))
    try:
        import core.no_reports  # noqa: F401, I001 - before ONNX Runtime
        import onnxruntime
    except ImportError as error:
        return Finding("runtime", "wrong", f"ONNX Runtime cannot be loaded: {error}")
    providers = ", ".join(name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers())
    return Finding("runtime", "ok", f"{chosen}; ONNX Runtime can use {providers}")


def _gpu() -> Finding:
    """Return the graphics cards that the driver names; asking it needs no torch."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return Finding("gpu", "absent", "no NVIDIA driver; everything runs on the processor")
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("gpu", "absent", f"nvidia-smi does not answer: {type(error).__name__}")
    cards = "; ".join(line.strip() for line in told.splitlines() if line.strip())
    return Finding("gpu", "ok" if cards else "absent", cards or "the driver sees no card")


def _bundle(named: Path | None) -> Finding:
    try:
        opened = open_bundle(choose_bundle(named))
    except TagsmithError as error:
        return Finding("bundle", "wrong", str(error))
    return Finding("bundle", "ok", f"{opened.manifest.bundle_id} in {opened.root}, every file as published")
