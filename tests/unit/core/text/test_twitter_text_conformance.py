"""twitter-text's own cases for hashtags (https://github.com/twitter/twitter-text, Apache-2.0).

All of them hold. The one difference on purpose, that ``#sun#sea`` is two hashtags, is in none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from core.text.hashtags import extract, hashtag_spans, normalise


def _sections(folder: Path, file: str) -> dict[str, list[dict[str, Any]]]:
    tests: dict[str, list[dict[str, Any]]] = yaml.safe_load((folder / file).read_text("utf-8"))["tests"]
    return tests


@pytest.mark.parametrize("section", ["hashtags", "hashtags_from_astral"])
def test_the_same_hashtags_are_found(conformance_dir: Path, section: str) -> None:
    """Each case finds the hashtags as written, and ``extract`` their normal forms without duplicates."""
    cases = _sections(conformance_dir, "twitter_text_extract.yml")[section]
    assert cases
    for case in cases:
        found = [case["text"][start + 1 : end] for start, end in hashtag_spans(case["text"])]
        assert found == case["expected"], case["description"]
        assert extract(case["text"]) == tuple(dict.fromkeys(map(normalise, case["expected"]))), case["description"]


def test_hashtags_are_found_at_the_same_places(conformance_dir: Path) -> None:
    """Offsets are code points and cover the hash sign."""
    cases = _sections(conformance_dir, "twitter_text_extract.yml")["hashtags_with_indices"]
    assert cases
    for case in cases:
        expected = [tuple(entry["indices"]) for entry in case["expected"]]
        assert hashtag_spans(case["text"]) == expected, case["description"]


def test_the_same_hashtags_are_valid(conformance_dir: Path) -> None:
    """A hashtag is valid there exactly when it has a normal form here."""
    cases = _sections(conformance_dir, "twitter_text_validate.yml")["hashtags"]
    assert cases
    for case in cases:
        assert (normalise(case["text"]) is not None) == case["expected"], case["description"]
