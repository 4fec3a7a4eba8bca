"""A key for a service that runs in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from tests.support.service_process import ROOT

SCOPES = ("suggest", "read", "feedback", "sets", "metrics")


def new_key(settings: Mapping[str, str]) -> str:
    """Return a new key with all scopes and no bound on its rate, in the database that ``settings`` name."""
    scopes = [word for scope in SCOPES for word in ("--scope", scope)]
    command = [sys.executable, "-m", "tagsmith", "keys", "create", "--name", "test", *scopes]
    command += ["--per-minute", "1000000", "--only-key"]
    environment = {**os.environ, **settings}
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
