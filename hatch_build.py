"""Puts the starter bundle into the wheel, as ``tagsmith/starter``.

An editable install reads it where it lies; listed statically in pyproject.toml, it would be copied there as well, and
grow stale. Forced in, no exclusion can leave a part of it behind.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class StarterBundle(BuildHookInterface[Any]):
    """Adds ``bundles/starter`` to a wheel that is to be shipped."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folder to ``build_data``, unless ``version`` is "editable" or a fork ships no bundle."""
        starter = Path(self.root, "bundles", "starter")
        if version == "standard" and starter.is_dir():
            build_data["force_include"][str(starter)] = "tagsmith/starter"
