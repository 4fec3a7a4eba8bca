"""torchvision imports, whether its operators load or not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")
pytestmark = [pytest.mark.train, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[4]
WHOLE = "value = 'as installed'\n"
STOPS_UNLESS_DECLARED = """
import torch
if not torch._C._dispatch_has_kernel_for_dispatch_key('torchvision::nms', 'CPU'):
    try:
        torch._C._dispatch_find_schema_or_throw('torchvision::nms', '')
    except RuntimeError:
        raise RuntimeError('operator torchvision::nms does not exist') from None
"""


def run(code: str, first_on_path: Path) -> subprocess.CompletedProcess[str]:
    """Return what a fresh interpreter says to some code."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(first_on_path), str(ROOT)])}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, cwd=first_on_path
    )


def fake_torchvision(folder: Path, first_lines: str) -> Path:
    """Write a package called torchvision that begins with some lines."""
    (folder / "torchvision" / "models").mkdir(parents=True)
    (folder / "torchvision" / "__init__.py").write_text(first_lines)
    (folder / "torchvision" / "models" / "__init__.py").write_text(WHOLE)
    return folder


ASK = """
import models.backbones.torchvision_shim as shim
print(shim.import_torchvision_models().value, len(shim._keep_alive))
"""


def test_a_torchvision_that_imports_is_left_alone(tmp_path: Path) -> None:
    """Nothing is declared where nothing is missing."""
    done = run(ASK, fake_torchvision(tmp_path, ""))
    assert done.stdout.split() == ["as", "installed", "0"], done.stderr


def test_missing_operators_are_declared(tmp_path: Path) -> None:
    """A torchvision that stops for want of its operators imports after they are declared."""
    done = run(ASK, fake_torchvision(tmp_path, STOPS_UNLESS_DECLARED))
    assert done.stdout.split() == ["as", "installed", "1"], done.stderr


def test_another_failure_is_told(tmp_path: Path) -> None:
    """What the declaration cannot mend is an error that says what to install."""
    done = run(ASK, fake_torchvision(tmp_path, "raise RuntimeError('built for another torch')"))
    assert "MissingExtra" in done.stderr
    assert "built for another torch" in done.stderr
    absent = run(ASK, fake_torchvision(tmp_path / "absent", "raise ImportError('gone')"))
    assert "tagsmith[train]" in absent.stderr


def test_the_installed_torchvision_gives_networks() -> None:
    """Beside the torch of this machine, networks can be built."""
    pytest.importorskip("torch")
    from models.backbones.torchvision_shim import import_torchvision_models

    assert import_torchvision_models().resnet18().fc.out_features == 1000
