"""Keeps the runtimes of the picture network from reporting to their makers; imported for that alone, before them.

ONNX Runtime's published builds send what machine and model they run on and how often, and keep an identifier in the
home folder; they begin while they are imported, so that only a variable that is set before stops all of it. OpenVINO
tells that it was imported through a package of its own, and does without where that package cannot be imported.
"""

from __future__ import annotations

import os
import sys

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # how Python is told that there is none
