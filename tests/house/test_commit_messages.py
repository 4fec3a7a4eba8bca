"""The hooks on commit messages refuse what CONTRIBUTING.md rules out."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.house.rooms import ROOT

WHY = "\n\nTwo readers of one format disagreed about hidden files.\n"


def refusals(message: str) -> list[str]:
    """Return the ids of the hooks that refuse a commit message, searched as pre-commit's pygrep searches."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"] if hook.get("stages") == ["commit-msg"]]
    assert "commit-msg" in config["default_install_hook_types"]
    return [hook["id"] for hook in hooks if re.search(hook["entry"], message, flags=re.MULTILINE | re.DOTALL)]


@pytest.mark.parametrize(
    "message",
    [
        f"Read posts in one place{WHY}",
        f"{'x' * 72}{WHY}",
        f"Read posts in one place{WHY}\n# Please enter the commit message for your changes.\n",
        "fixup! Read posts in one place\n",
        "Merge branch 'trends'\n",
    ],
)
def test_a_short_subject_with_a_reason_passes(message: str) -> None:
    """At most 72 characters, an empty line, and why."""
    assert refusals(message) == []


@pytest.mark.parametrize(
    ("message", "refused"),
    [
        (f"{'x' * 73}{WHY}", "commit-subject"),
        (f"Read posts in one place.{WHY}", "commit-subject"),
        ("Read posts in one place\n", "commit-body"),
        ("Read posts in one place\n\n# Please enter the commit message for your changes.\n", "commit-body"),
        ("Read posts in one place\nwithout an empty line\n", "commit-body"),
    ],
)
def test_other_messages_are_refused(message: str, refused: str) -> None:
    """A subject that git log cuts off, or no reason, is refused before the commit is made."""
    assert refusals(message) == [refused]
