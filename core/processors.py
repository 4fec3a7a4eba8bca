"""How many processors this process may use, by its affinity and by the quota of its container."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def available_processors(cgroup: Path = CGROUP) -> int:
    """Return how many processors may be kept busy, at least 1; a container's quota of 1.5 counts as 2.

    ``os.cpu_count()`` tells what the machine has, also where a container may use a part of it.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for quota_us, period_us in (_quota(cgroup / "cpu.max"), _old_quota(cgroup / "cpu")):
        if quota_us > 0 and period_us > 0:
            allowed = min(allowed, -(-quota_us // period_us))
    return max(1, allowed)


def _quota(path: Path) -> tuple[int, int]:
    """Return quota and period by control groups of version 2; 0 where there is none."""
    with suppress(OSError, ValueError):
        quota, period = path.read_text("ascii").split()
        return (0, 0) if quota == "max" else (int(quota), int(period))
    return 0, 0


def _old_quota(folder: Path) -> tuple[int, int]:
    """Return quota and period by control groups of version 1; 0 or less where there is none."""
    with suppress(OSError, ValueError):
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text("ascii") for name in ("quota", "period"))
        return int(quota), int(period)
    return 0, 0
