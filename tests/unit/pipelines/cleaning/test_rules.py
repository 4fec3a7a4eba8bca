"""Each rule about single posts drops what it names, and leaves the post that comes close."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.blocklist import load_blocklist
from pipelines.cleaning.examining import Dropped, Examiner, Kept
from pipelines.cleaning.spam import MAX_CHARACTERS, RULES, advert_signs
from pipelines.cleaning.summary import PICTURE_SENTENCES, SENTENCES
from pipelines.config.clean import CleanConfig
from recommend.language import caption_language
from tests.unit.pipelines.corpora_on_disk import CONFIG, WORDS, record

BLOCKLIST = load_blocklist()
STORY = " ".join(WORDS)
SPAM = CONFIG.spam

# Rule -> (a post that it drops, one that comes close and stays).
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "endless-caption": (
        {"caption": "word " * (MAX_CHARACTERS // 5 + 1)},
        {"caption": " ".join(f"{word}{n}" for n in range(30) for word in WORDS)},
    ),
    "hashtag-pile": (
        {"hashtags": [f"tag{n}" for n in range(SPAM.max_hashtags + 1)]},
        {"hashtags": [f"tag{n}" for n in range(SPAM.max_hashtags)]},
    ),
    "link-farm": (
        {"caption": " ".join(f"https://example.org/{n}" for n in range(SPAM.max_links + 1))},
        {"caption": " ".join(f"https://example.org/{n}" for n in range(SPAM.max_links))},
    ),
    "mention-burst": (
        {"caption": "win this " + "@user " * (SPAM.max_mentions + 1)},
        # A photographer thanks a team below a story.
        {"caption": f"{STORY} " + "@user " * (SPAM.max_mentions + 1)},
    ),
    "price-list": (
        {"caption": "ring $12, chain 15€, pin Rp 120.000, cap 9.99 USD, hat £7"},
        {"caption": "ring $12, chain 15€, pin Rp 120.000, cap 9.99 USD"},
    ),
    "repeated-hashtag": (
        {"caption": "#sale " * (SPAM.max_repeats + 1)},
        {"caption": "#sale " * SPAM.max_repeats},
    ),
    "repeated-words": (
        {"caption": "win win win now win win now win win now win win"},
        {"caption": "rain rain go away come again another day rain rain go away"},
    ),
    "follow-trade": (
        {"hashtags": ["dog", "followforfollow", "like4like", "f4f"]},
        {"hashtags": ["dog", "puppy", "park", "walk", "followme", "likeforlike", "f4f"]},
    ),
    "advertisement": (
        {"caption": "Brand new bags, order now! WhatsApp 0812 3456 7890, free shipping"},
        {"caption": "My new bag is from the market, it was $12 and they had free shipping"},
    ),
    "blocked-hashtags": (
        {"hashtags": ["dog", "porn", "xxx"]},
        {"hashtags": ["dog", "porn"]},
    ),
    "few-hashtags": ({"hashtags": ["123", "!"]}, {"hashtags": ["dog"]}),
    "other-language": (
        {"caption": "Heute waren wir den ganzen Tag am Strand und haben Muscheln gesammelt"},
        {"caption": "Las Vegas baby"},
    ),
}


def examine(changes: dict[str, Any], config: CleanConfig = CONFIG) -> Kept | Dropped:
    """Return what becomes of one post."""
    return Examiner(config, BLOCKLIST, caption_language).examine(record(1) | changes, Path("walks-00001.jsonl"))


@pytest.mark.parametrize("rule", sorted(CASES))
def test_a_rule_drops_what_it_names(rule: str) -> None:
    """The post is counted under this rule and no other."""
    found = examine(CASES[rule][0])
    assert isinstance(found, Dropped)
    assert found.rule == rule


@pytest.mark.parametrize("rule", sorted(CASES))
def test_a_rule_leaves_what_comes_close(rule: str) -> None:
    """A threshold is the last value that is still allowed."""
    assert isinstance(examine(CASES[rule][1]), Kept)


def test_every_rule_about_single_posts_has_a_case() -> None:
    """A rule that is added is tested."""
    single = {rule.name for rule in RULES} | {"blocked-hashtags", "few-hashtags", "other-language"}
    assert set(CASES) == single


def test_every_rule_is_documented(repository: Path) -> None:
    """docs/cleaning.md names each rule about posts and pictures."""
    page = (repository / "docs" / "cleaning.md").read_text(encoding="utf-8")
    assert not [rule for rule in (*SENTENCES, *PICTURE_SENTENCES) if f"`{rule}`" not in page]


def test_every_number_is_documented(repository: Path) -> None:
    """docs/cleaning.md names each key of the configuration."""
    page = (repository / "docs" / "cleaning.md").read_text(encoding="utf-8")
    parts: list[Any] = [CONFIG, CONFIG.spam, CONFIG.authors, CONFIG.copies, CONFIG.pictures]
    keys = {key for part in parts for key in asdict(part)} - {"spam", "authors", "copies", "pictures"}
    assert not [key for key in keys if not re.search(rf"`(\w+\.)?{key}( = [^`]*)?`", page)]


@pytest.mark.parametrize(
    ("caption", "signs"),
    [
        ("Call us on +49 (0)351 123 45 67", {"contact", "telephone"}),
        ("born 12.05.2014 - 2016-07-08, 300 km, 10.000 steps", set()),
        ("Rs. 1,200 only", {"price"}),
        ("write to shop@example.org", {"mail"}),
        ("50% off with promo code SUN", {"discount"}),
        ("I ordered a coffee on the line between two stations", set()),
        ("link in bio", {"bio"}),
        ("3 of 12 at 10:30, photo 4 from 2019", set()),
    ],
)
def test_signs_of_an_offer_are_told_from_ordinary_numbers(caption: str, signs: set[str]) -> None:
    """Dates, distances and times are no telephone numbers and no prices."""
    words = Examiner(CONFIG, BLOCKLIST).examine(record(1, caption=caption), Path("a.jsonl"))
    assert isinstance(words, Kept)
    assert advert_signs(caption, words.words) == signs


def test_a_long_story_needs_more_signs_than_an_advertisement() -> None:
    """Who writes 200 words says "price" and "order" somewhere."""
    advert = "order now, free shipping, link in bio. "
    assert isinstance(examine({"caption": advert}), Dropped)
    different = " ".join(f"{word}{n}" for n in range(4) for word in WORDS)
    assert isinstance(examine({"caption": advert + different}, replace(CONFIG, languages=())), Kept)


def test_a_blocked_hashtag_is_taken_out_and_told() -> None:
    """A post that stays does not bring what must not be learnt."""
    found = examine({"hashtags": ["dog", "porn"]})
    assert isinstance(found, Kept)
    assert found.record["hashtags"] == ["dog"]
    assert found.mended == ("posts that lost a blocked hashtag",)


def test_hashtags_come_in_normal_form() -> None:
    """What was mended is counted; what was right already is not."""
    mended, right = examine({"hashtags": ["#Sea", "sea", "ＷＡＬＫ"]}), examine({"hashtags": ["sea", "walk"]})
    assert isinstance(mended, Kept)
    assert isinstance(right, Kept)
    assert mended.record["hashtags"] == right.record["hashtags"] == ["sea", "walk"]
    assert len(mended.mended) == 1
    assert right.mended == ()


def test_a_caption_whose_language_is_not_clear_stays() -> None:
    """A filter that guesses would drop names and places."""
    assert isinstance(examine({"caption": "Notre Dame de Paris"}), Kept)
    assert isinstance(examine({"caption": ""}), Kept)


def test_no_languages_means_all_languages() -> None:
    """An operator who collects in two languages need not name them."""
    german = CASES["other-language"][0]
    assert isinstance(examine(german, replace(CONFIG, languages=())), Kept)
    assert isinstance(examine(german, replace(CONFIG, languages=("de",))), Kept)


def test_fields_that_training_does_not_know_stay() -> None:
    """A licence and whom it names must not get lost on the way."""
    found = examine({"licence": "CC BY 4.0", "attribution": "A. Person"})
    assert isinstance(found, Kept)
    assert (found.record["licence"], found.record["attribution"]) == ("CC BY 4.0", "A. Person")


@pytest.mark.parametrize(
    ("time", "hour"),
    [
        ("1970-01-02T03:30:00+00:00", 27),
        ("1970-01-02T03:30:00+02:00", 25),
        ("1970-01-02T03:30:00", 27),
        ("1970-01-02", None),
        ("1970-01-02T00:00:00Z", None),
        (None, None),
    ],
)
def test_a_date_without_a_time_of_day_has_no_hour(time: str | None, hour: int | None) -> None:
    """Posts of one day are not taken for a flood of one hour."""
    found = examine({"time": time})
    assert isinstance(found, Kept)
    assert found.hour == hour


@given(
    st.dictionaries(
        st.sampled_from(["id", "caption", "hashtags", "author", "time", "query_tag", "image", "source", "topic", "x"]),
        st.none() | st.integers() | st.text(max_size=300) | st.lists(st.text(max_size=20) | st.integers(), max_size=5),
    )
)
def test_whatever_a_record_holds_it_is_kept_dropped_or_refused(fields: dict[str, Any]) -> None:
    """A record from anywhere ends in one of three ways, and a refusal does not quote it."""
    try:
        found = Examiner(CONFIG, BLOCKLIST).examine(fields, Path("a.jsonl"))
    except ValueError as refusal:
        text = fields.get("caption")
        assert not isinstance(text, str) or len(text) < 4 or text not in str(refusal)
        return
    if isinstance(found, Kept):
        again = Examiner(CONFIG, BLOCKLIST).examine(found.record, Path("a.jsonl"))
        assert isinstance(again, Kept)
        assert again.record == found.record
        assert again.mended == ()
