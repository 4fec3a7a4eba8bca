"""The photo-sharing site in a process of its own, and what may be asked of it and of its log."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.support.photo_site.server import SESSION, SiteRules, read_log
from tests.support.photo_site.world import SitePost, build_posts

ROOT = Path(__file__).resolve().parents[3]
PROFILE = Path(__file__).with_name("profile.toml")


class RunningSite:
    """A site that serves until it is stopped."""

    def __init__(self, folder: Path, rules: SiteRules) -> None:
        """Start it on a free port; its log lies in ``folder``."""
        self.rules = rules
        self.log = folder / "site.jsonl"
        words = [
            f"--{'' if value else 'no-'}{name}" if isinstance(value, bool) else f"--{name}={value}"
            for name, value in asdict(rules).items()
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.photo_site", "--log", str(self.log), *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        assert self.address.startswith("http://"), "the site did not start"

    def posts(self) -> dict[str, SitePost]:
        """Return what a crawl of all its hashtags is to find: id in a corpus -> post."""
        return {f"browser:{post.post_id}": post for post in build_posts(self.rules.n_posts, self.rules.seed)}

    def requests(self) -> list[dict[str, Any]]:
        """Return what was asked for so far."""
        return read_log(self.log)

    def n_requests(self) -> int:
        """Return how many requests there were so far."""
        return self.log.read_bytes().count(b"\n")

    def answered(self, *beginnings: str) -> Counter[str]:
        """Return path -> times that it was answered in full, of the paths that begin so."""
        return Counter(
            asked["path"]
            for asked in self.requests()
            if asked["status"] == 200 and asked["path"].startswith(beginnings)
        )

    def write_login(self, path: Path) -> Path:
        """Write the cookies of a visitor who is logged in, as a browser's cookie exporter does."""
        path.write_text(f"# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tsession\t{SESSION}\n")
        return path

    def stop(self) -> None:
        """End it."""
        self._process.communicate(timeout=30)
