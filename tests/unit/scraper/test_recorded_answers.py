"""Recorded answers of platforms, parsed: each folder holds an input, the output or exception, and where it is from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from scraper import errors
from scraper.dump.export import export_post
from scraper.instaloader_posts import found_post
from scraper.licences import OPEN
from scraper.mastodon.posts import posts_of, ranked_tags
from scraper.photographs.commons import demand_answer, files_of, joined
from scraper.photographs.commons import photographs as commons_photographs
from scraper.photographs.openverse import photographs as openverse_photographs

RECORDED = Path(__file__).resolve().parents[2] / "recorded"


def commons(answer: Any, meta: dict[str, Any]) -> Any:
    """Return what the commons source makes of one answer."""
    return commons_photographs(joined([files_of(demand_answer(answer, None))]), frozenset(OPEN))


def tags(answer: Any, meta: dict[str, Any]) -> Any:
    """Return ranked hashtags with their days as lists."""
    return [
        {"raw": tag.raw, "n_posts": tag.n_posts, "days": [[day.day, day.n_posts, day.n_accounts] for day in tag.days]}
        for tag in ranked_tags(answer)
    ]


PARSERS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "mastodon": lambda answer, meta: posts_of(answer, host=meta["host"]),
    "mastodon_tags": tags,
    "commons": commons,
    "openverse": lambda answer, meta: openverse_photographs(answer, frozenset(OPEN)),
    "instagram": lambda answer, meta: found_post(answer),
    "instagram_export": lambda answer, meta: export_post(answer, "", "me"),
}
CASES = sorted(folder for source in PARSERS for folder in (RECORDED / source).iterdir())


def plain(value: Any) -> Any:
    """Return posts as JSON would hold them."""
    if isinstance(value, tuple):
        return [plain(entry) for entry in value]
    return json.loads(json.dumps(asdict(value))) if hasattr(value, "__dataclass_fields__") else value


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_an_answer_gives_what_was_recorded_with_it(case: Path) -> None:
    """A parser gives the posts that stand beside the answer, or the error."""
    meta = json.loads((case / "meta.json").read_text(encoding="utf-8"))
    answer = json.loads((case / "input.json").read_text(encoding="utf-8"))
    parse = PARSERS[case.parent.name]
    if (case / "exception.json").exists():
        expected = json.loads((case / "exception.json").read_text(encoding="utf-8"))
        with pytest.raises(getattr(errors, expected["class"]), match=expected["message"]):
            parse(answer, meta)
    else:
        assert plain(parse(answer, meta)) == json.loads((case / "output.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_a_recording_says_where_its_shape_is_from(case: Path) -> None:
    """Nobody can tell a made-up shape from a platform's own without being told."""
    assert json.loads((case / "meta.json").read_text(encoding="utf-8"))["source"]
