"""The same stage after its code changed."""

from __future__ import annotations

from tests.unit.pipelines.stages_for_tests import run

__all__ = ["VERSION", "run"]

VERSION = 2
