"""The golden copy of the contract. ``make golden`` writes it again; its change is read like one of the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from service.app import create_app
from service.settings import Settings
from tests.support.serving import fake_loaded, loader

GOLDEN = Path(__file__).with_name("openapi.json")


def contract() -> dict[str, Any]:
    """Return the OpenAPI document, without the version of the package."""
    document = json.loads(json.dumps(create_app(Settings(), load=loader(fake_loaded())).openapi()))
    document["info"]["version"] = ""
    return dict(document)


def written(document: dict[str, Any]) -> str:
    """Return the document as the golden copy has it."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    GOLDEN.write_text(written(contract()), encoding="utf-8")
    print(GOLDEN.name)
