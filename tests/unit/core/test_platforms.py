"""Platform rules as dated data, and the sets made by them."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from core.platforms import FactName, Platform, PlatformSet, load_platforms, platform_set
from core.text.hashtags import extract, normalise

PLATFORMS = load_platforms()
TAGS = tuple(f"tag{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")


def naive_set(platform: Platform, hashtags: tuple[str, ...], caption: str) -> PlatformSet:
    """Judge each prefix as a whole: the slow twin of ``platform_set`` for inline platforms."""
    taken: list[str] = []
    left_out = []
    for hashtag in hashtags:
        attempt = [*taken, hashtag]
        text = platform.joiner.join("#" + tag for tag in attempt)
        post = f"{caption.rstrip()}\n\n{text}" if caption.strip() else text
        own = extract(caption)
        if rule := platform.rule_broken(hashtag):
            left_out.append((hashtag, rule))
        elif hashtag in own:
            left_out.append((hashtag, "already_in_caption"))
        elif platform.max_hashtags is not None and len(attempt) + len(own) > platform.max_hashtags:
            left_out.append((hashtag, "max_hashtags"))
        elif platform.inline and (
            (platform.text_limit is not None and platform.count(post) > platform.text_limit)
            or (platform.byte_limit is not None and len(post.encode()) > platform.byte_limit)
        ):
            left_out.append((hashtag, "text_limit"))
        else:
            taken = attempt
    text = platform.joiner.join("#" + tag for tag in taken)
    return PlatformSet(tuple(taken), text, platform.count(text), tuple(left_out))


def test_every_fact_has_a_source_and_a_day() -> None:
    """No rule is claimed without saying where and when it was read, and none is from the future."""
    facts = [(name, fact) for name, platform in PLATFORMS.items() for fact in platform.facts]
    assert len(facts) > 20
    for name, fact in facts:
        assert fact.source, name
        assert fact.as_of is not None
        assert date(2025, 1, 1) <= date.fromisoformat(fact.as_of) <= date.today()


@pytest.mark.parametrize(
    ("name", "max_hashtags", "text_limit"),
    [
        ("instagram", 5, 2200),
        ("threads", 1, 500),
        ("tiktok", 5, 2200),
        ("x", None, 280),
        ("youtube", 15, 5000),
        ("linkedin", None, 3000),
        ("facebook", None, 63206),
        ("pinterest", 20, 500),
        ("bluesky", None, 300),
        ("mastodon", None, None),
        ("pixelfed", 60, 500),
        ("tumblr", None, None),
    ],
)
def test_the_caps_of_today(name: str, max_hashtags: int | None, text_limit: int | None) -> None:
    """The limits that the rules state; None is unknown, never a guess."""
    assert (PLATFORMS[name].max_hashtags, PLATFORMS[name].text_limit) == (max_hashtags, text_limit)
    assert len(PLATFORMS) == 12


def test_a_set_is_ready_to_paste() -> None:
    """Text, length and order are those of the hashtags shown."""
    shown = {"goldenretriever": "GoldenRetriever", "puppylove": "PuppyLove"}
    answer = platform_set(PLATFORMS["instagram"], list(shown), display=shown.__getitem__)
    assert answer == PlatformSet(("goldenretriever", "puppylove"), "#GoldenRetriever #PuppyLove", 27, ())


@pytest.mark.parametrize("name", ["instagram", "threads", "tiktok", "youtube", "pinterest", "pixelfed"])
def test_a_cap_is_filled_and_not_passed(name: str) -> None:
    """The first hashtags are taken; each of the rest is named with the rule."""
    tags = tuple(f"t{letter}{other}" for letter in "abcdefgh" for other in "abcdefghij")
    cap = PLATFORMS[name].max_hashtags
    assert cap is not None
    answer = platform_set(PLATFORMS[name], tags)
    assert answer.hashtags == tags[:cap]
    assert answer.left_out == tuple((tag, "max_hashtags") for tag in tags[cap:])


def test_hashtags_of_the_caption_count_and_are_not_repeated() -> None:
    """Two hashtags in the caption leave room for three on Instagram."""
    answer = platform_set(PLATFORMS["instagram"], ["dog", *TAGS[:4]], caption="My #Dog in the #park")
    assert answer.hashtags == TAGS[:3]
    assert answer.left_out == (("dog", "already_in_caption"), (TAGS[3], "max_hashtags"))


def test_the_caption_uses_up_the_text() -> None:
    """A long caption leaves room for a short hashtag after a long one did not fit, and a full one for none."""
    x = PLATFORMS["x"]
    answer = platform_set(x, ["photography", "sea"], caption="a" * 270)
    assert answer == PlatformSet(("sea",), "#sea", 4, (("photography", "text_limit"),))
    assert platform_set(x, ["sea"], caption="漢" * 139).left_out == (("sea", "text_limit"),)
    assert platform_set(PLATFORMS["bluesky"], ["sea"], caption="👨‍👩‍👧" * 170).left_out == (("sea", "text_limit"),)
    assert platform_set(PLATFORMS["threads"], ["sea"], caption="😀" * 124).left_out == (("sea", "text_limit"),)
    assert platform_set(PLATFORMS["threads"], ["sea"], caption="😀" * 123).hashtags == ("sea",)


def test_a_platform_with_a_field_for_hashtags_does_not_count_the_caption() -> None:
    """Tumblr's tags are no part of the text."""
    assert platform_set(PLATFORMS["tumblr"], ["sea"], caption="a" * 100_000).hashtags == ("sea",)


@pytest.mark.parametrize(
    ("name", "shown", "rule"),
    [
        ("instagram", "dog", None),
        ("instagram", "2026", "hashtag_signs"),
        ("instagram", "il·lusió", "hashtag_signs"),
        ("mastodon", "il·lusió", None),
        ("mastodon", "می\u200cخواهم", None),
        ("mastodon", "2026", "hashtag_signs"),
        ("threads", "golden retriever", None),
        ("threads", "a.b", "hashtag_signs"),
        ("threads", "a" * 50, None),
        ("threads", "a" * 51, "hashtag_length"),
        ("x", "dog-cat", "hashtag_signs"),
        ("bluesky", "a" * 64, None),
        ("bluesky", "a" * 65, "hashtag_length"),
        ("bluesky", "é" * 64, None),
        ("bluesky", "ก\u0e49\u0e49\u0e49" * 64, "hashtag_length"),
        ("pixelfed", "a" * 124, None),
        ("pixelfed", "a" * 125, "hashtag_length"),
    ],
)
def test_validity_is_told_per_platform(name: str, shown: str, rule: str | None) -> None:
    """Signs and lengths differ, and the form as shown is judged."""
    assert PLATFORMS[name].rule_broken(shown) == rule


@pytest.mark.parametrize(
    ("hashtag", "home"),
    [
        ("catsofinstagram", "instagram"),
        ("dogs_of_instagram", "instagram"),
        ("instadog", "instagram"),
        ("petstagram", "instagram"),
        ("igersitalia", "instagram"),
        ("tiktokmademebuyit", "tiktok"),
        ("fyp", "tiktok"),
        ("catsoftwitter", "x"),
        ("youtuber", "youtube"),
        ("pixelfedart", "pixelfed"),
    ],
)
def test_a_platforms_own_hashtags_stay_at_home(hashtag: str, home: str) -> None:
    """On all other platforms they are left out, in any case, with the rule."""
    for name, platform in PLATFORMS.items():
        expected = None if name == home or (home == "pixelfed" and name == "mastodon") else "foreign_platform"
        assert platform.rule_broken(hashtag.upper()) == expected, name
    assert platform_set(PLATFORMS["linkedin"], [hashtag]).left_out == ((hashtag, "foreign_platform"),)


@pytest.mark.parametrize(
    "hashtag",
    ["instant", "instantpot", "installation", "instance", "instax", "tigers", "dog", "programming", "bluesky", "tokyo",
     "pink", "bigsur", "threads", "snapshot", "facepaint", "tweed", "grammys", "kilogram", "iguana", "ignite", "vsco"],
)  # fmt: skip
def test_words_that_merely_look_alike_belong_everywhere(hashtag: str) -> None:
    """The families of foreign hashtags do not catch common words."""
    assert all(platform.rule_broken(hashtag) is None for platform in PLATFORMS.values())


@given(
    st.sampled_from([name for name, platform in PLATFORMS.items() if platform.inline]),
    st.lists(st.text(st.sampled_from("aé漢_1"), min_size=1, max_size=80).map(normalise), max_size=30, unique=True),
    st.text(st.sampled_from("a 😀漢#\n👍🏽"), max_size=300),
)
def test_a_set_equals_its_naive_twin(name: str, hashtags: list[str | None], caption: str) -> None:
    """Building the text step by step gives what judging each prefix as a whole gives."""
    tags = tuple(tag for tag in hashtags if tag is not None)
    answer = platform_set(PLATFORMS[name], tags, caption=caption)
    assert answer == naive_set(PLATFORMS[name], tags, caption)
    assert sorted([*answer.hashtags, *(tag for tag, _ in answer.left_out)]) == sorted(tags)


def test_an_operator_lays_facts_over_the_built_in_ones(tmp_path: Path) -> None:
    """What the file names is replaced, the rest stays; a new platform and a new family may be added."""
    own = tmp_path / "own.toml"
    own.write_text(
        '[platforms.mastodon]\ntext_limit = { value = 40, source = "our instance", as_of = 2026-11-20 }\n'
        "[platforms.instagram]\nmax_hashtags = { value = 3 }\n"
        '[platforms.peertube]\ntitle = "PeerTube"\nmax_hashtags = { value = 5 }\n'
        '[[foreign]]\nhome = ["peertube"]\npatterns = ["*onpeertube"]\n'
    )
    platforms = load_platforms(own)
    assert platforms["mastodon"].text_limit == 40
    assert platforms["mastodon"].hashtag == PLATFORMS["mastodon"].hashtag
    assert [fact.source for fact in platforms["instagram"].facts if fact.name == "max_hashtags"] == [
        "set by the operator"
    ]
    assert platforms["instagram"].text_limit == 2200
    assert platform_set(platforms["peertube"], TAGS).hashtags == TAGS[:5]
    assert platforms["x"].rule_broken("catsonpeertube") == "foreign_platform"
    assert platforms["peertube"].rule_broken("catsonpeertube") is None


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("max = ", "are not TOML"),
        ("other = 1", r"may hold \[platforms"),
        ("platforms = 1", r"may hold \[platforms"),
        ("[platforms]\nx = 1", r"\[platforms\.x\] must be a table"),
        ("[platforms.x]\nmax = 1", r"\[platforms\.x\] has 'max'; it may have title"),
        ("[platforms.x]\ninline = 1", "inline that is not a bool"),
        ("[platforms.x]\ncounting = 'ells'", "counts 'ells'"),
        ("[platforms.x]\nmax_hashtags = 5", r"max_hashtags must be \{ value"),
        ("[platforms.x]\nmax_hashtags = { value = -1 }", "whole number that is not negative"),
        ("[platforms.x]\nmax_hashtags = { value = true }", "whole number that is not negative"),
        ("[platforms.x]\ntext_limit = { value = 1, as_of = 'today' }", "as_of that is not a day"),
        ("[platforms.x]\nhashtag = { value = 1 }", "needs a value with pattern"),
        ("[platforms.x]\nhashtag = { value = { pattern = '(' } }", "is not a regular expression"),
        ("[platforms.x]\nhashtag = { value = { pattern = 'a', unit = 'ells' } }", "unit 'ells'"),
        ("[platforms.x]\nhashtag = { value = { pattern = 'a', max_bytes = 0 } }", "above 0"),
        ("[[foreign]]\nhome = ['x']", "lists of words"),
        ("foreign = 1", "may hold"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(tmp_path: Path, content: str, complaint: str) -> None:
    """The message names the file, the platform and what may stand there."""
    own = tmp_path / "own.toml"
    own.write_text(content)
    with pytest.raises(DataError, match=complaint) as caught:
        load_platforms(own)
    assert str(own) in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A path that leads nowhere is not taken for no rules."""
    with pytest.raises(DataError, match="cannot be read"):
        load_platforms(tmp_path / "gone.toml")


def test_each_fact_is_a_field_of_a_platform() -> None:
    """A new rule is a name, a field, and the place where it is held."""
    assert set(get_args(FactName)) <= {field.name for field in fields(Platform)}
