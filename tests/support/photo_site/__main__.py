"""The site as a process, until its standard input ends: ``python -m tests.support.photo_site --log site.jsonl``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from tests.support.photo_site.server import Site, SiteRules, start_site


def main() -> None:
    """Serve until standard input ends, after the address was printed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path, required=True)
    for rule in fields(SiteRules):
        if isinstance(rule.default, bool):
            parser.add_argument(f"--{rule.name}", action=argparse.BooleanOptionalAction, default=rule.default)
        else:
            parser.add_argument(f"--{rule.name}", type=int, default=rule.default)
    given = vars(parser.parse_args())
    port, path = given.pop("port"), given.pop("log")
    with path.open("a", encoding="utf-8") as log:
        site = Site(SiteRules(**given), log)
        server = start_site(site, port)
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        sys.stdin.read()
        site.closing.set()
        server.shutdown()


if __name__ == "__main__":
    main()
