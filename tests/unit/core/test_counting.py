"""How long a text is to a platform."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from core.counting import COUNTERS, code_points, emoji_as_bytes, graphemes, utf8_bytes, utf16_units, weighted

# Where the count differs from twitter-text on purpose: description of the case -> reason.
DIFFERENT_ON_PURPOSE = {
    "Handle long url with invalid domain labels and short url": "host names are not checked for their length",
    "Allow > 140 CJK characters by virtue of CJK chars less than 63 punycode encoded chars in the host": (
        "host names in other scripts than Latin are not taken for links without a scheme"
    ),
    "Tweet text containing directional characters should be considered valid": (
        "links end where the script turns Arabic: the longer count is the safe one"
    ),
}

WILD = st.text(st.one_of(st.characters(), st.sampled_from("a1é한😀👍🏽🇩\u200d\ufe0f\u20e3\ud800\r\n")), max_size=40)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # code points, UTF-16 units, graphemes, UTF-8 bytes, emoji as bytes, weighted
        ("#dog", (4, 4, 4, 4, 4, 4)),
        ("é", (1, 1, 1, 2, 1, 1)),
        ("e\u0301", (2, 2, 1, 3, 2, 1)),
        ("漢字", (2, 2, 2, 6, 2, 4)),
        ("😀", (1, 2, 1, 4, 4, 2)),
        ("👍🏽", (2, 4, 1, 8, 8, 2)),
        ("🇩🇪", (2, 4, 1, 8, 8, 2)),
        ("1️⃣", (3, 3, 1, 7, 7, 2)),
        ("👨‍👩‍👧", (5, 8, 1, 18, 18, 2)),
        ("a https://example.com/a/long/path b", (35, 35, 35, 35, 35, 27)),
        ("", (0, 0, 0, 0, 0, 0)),
    ],
)
def test_each_unit_counts_in_its_own_way(text: str, expected: tuple[int, ...]) -> None:
    """Known texts in every unit."""
    counters = (code_points, utf16_units, graphemes, utf8_bytes, emoji_as_bytes, weighted)
    assert tuple(counter(text) for counter in counters) == expected


@given(WILD)
def test_counts_never_fail_and_are_ordered(text: str) -> None:
    """Any text has a length, and the units stand in their order."""
    assert all(counter(text) >= 0 for counter in COUNTERS.values())
    assert graphemes(text) <= code_points(text) <= utf16_units(text) <= utf8_bytes(text) <= 3 * utf16_units(text)
    assert code_points(text) <= emoji_as_bytes(text) <= utf8_bytes(text)


@given(st.text(max_size=40))
def test_utf16_equals_the_encoder(text: str) -> None:
    """The sum over code points is what the encoder writes."""
    assert utf16_units(text) == len(text.encode("utf-16-le", "surrogatepass")) // 2


@pytest.mark.parametrize(
    "section", ["WeightedTweetsWithDiscountedEmojiCounterTest", "UnicodeDirectionalMarkerCounterTest"]
)
def test_weighted_length_is_that_of_twitter_text(conformance_dir: Path, section: str) -> None:
    """Its own cases, save for the listed ones, which must still differ."""
    cases = yaml.safe_load((conformance_dir / "twitter_text_validate.yml").read_text("utf-8"))["tests"][section]
    assert cases
    for case in cases:
        same = weighted(case["text"]) == case["expected"]["weightedLength"]
        assert same == (case["description"] not in DIFFERENT_ON_PURPOSE), case["description"]
