"""Hashtags that must not be used, and those that only look like them."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from core.text.blocklist import Blocklist, Category, load_blocklist
from core.text.wildcards import compile_wildcards

BLOCKLIST = load_blocklist()


@pytest.mark.parametrize(
    ("hashtag", "category"),
    [
        ("faggot", "slur"),
        ("retarded", "slur"),
        ("heilhitler", "hate"),
        ("ausländerraus", "hate"),
        ("1488pride", "hate"),
        ("pornhub", "sexual"),
        ("nsfwart", "sexual"),
        ("thinspo", "self-harm"),
        ("proanatips", "self-harm"),
    ],
)
def test_each_category_is_known(hashtag: str, category: str) -> None:
    """A word of each section, whole and within a hashtag."""
    assert BLOCKLIST.blocked(hashtag) == category


@pytest.mark.parametrize(
    "hashtag", ["p0rn", "porn_hub", "_porn_", "pörn", "pooorn", "th1nspo", "5elfharm", "k1llmy5elf"]
)
def test_other_spellings_are_caught(hashtag: str) -> None:
    """Digits for letters, underscores, accents and stretched letters."""
    assert BLOCKLIST.blocked(hashtag) is not None


@pytest.mark.parametrize(
    "hashtag",
    ["cocktail", "cocktails", "assassin", "assassinscreed", "sussex", "sussexlife", "essex", "scunthorpe",
     "middlesex", "therapist", "grapes", "drapes", "foodporn", "earthporn", "analysis", "canal", "canals",
     "pussycat", "titsandbits", "greattit", "thornybush", "princestreet", "document", "cucumber", "cumin",
     "circumstances", "snigger", "dickens", "shiitake", "hancock", "peacock", "cockatoo", "massage", "class",
     "grass", "bass", "classic", "mainecoon", "raccoon", "cocoon", "niger", "nigeria", "bluetits",
     "fireretardant", "hoedown", "shoes", "jewelry", "jewellery", "jewish", "gay", "lesbian", "queer", "lgbt",
     "trans", "black", "blackgirlmagic", "muslim", "islam", "israel", "christian", "nude", "nudelips", "lingerie",
     "bikini", "sexy", "swimwear", "breastcancer", "breastfeeding", "unisex", "depression", "mentalhealth",
     "suicideprevention", "suicideawareness", "suicidesquad", "selfharmawareness", "anorexiarecovery", "selfcare",
     "selfie", "cutting", "haircut", "skill", "skills", "painkiller", "hike", "hiking", "spicy", "spice",
     "pakistan", "kkkkk", "wopr", "yiddish", "dykesonbikes", "analog", "analogphotography", "button",
     "nothighgap"],
)  # fmt: skip
def test_harmless_words_are_not_hit(hashtag: str) -> None:
    """Words that hold a blocked one, name a group of people or offer help."""
    assert BLOCKLIST.blocked(hashtag) is None


def test_common_training_hashtags_are_not_hit(data_dir: Path) -> None:
    """No hashtag of 50 training posts or more is on the list."""
    counts: Counter[str] = Counter()
    for path in sorted((data_dir / "posts").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                post = json.loads(line)
                if post["split"] == "train":
                    counts.update(post["hashtags"])
    common = [hashtag for hashtag, count in counts.items() if count >= 50]
    assert len(common) > 100
    assert [hashtag for hashtag in common if BLOCKLIST.blocked(hashtag)] == []


@given(st.text(max_size=120))
def test_any_text_can_be_asked(text: str) -> None:
    """Asking never fails, and a list that was asked before answers as a fresh one does."""
    entries: dict[Category, list[str]] = {"hate": ["*bad*"], "slur": ["ugly"]}
    asked = Blocklist(entries, ["badge*"])
    assert asked.blocked(text) == asked.blocked(text) == Blocklist(entries, ["badge*"]).blocked(text)
    assert BLOCKLIST.blocked(text) in (None, "slur", "hate", "sexual", "self-harm")


def test_an_operators_list_replaces_the_built_in_one(tmp_path: Path) -> None:
    """Sections may come in any order; comments and empty lines are skipped."""
    path = tmp_path / "own.txt"
    path.write_text("# ours\n[allowed]\nbadger\n\n[hate]\nbad*  # all of them\n[slur]\nugly_word\n", "utf-8")
    own = load_blocklist(path)
    assert own.blocked("badword") == "hate"
    assert own.blocked("uglyword") == "slur"
    assert own.blocked("badger") is None
    assert own.blocked("porn") is None


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("word", r"line 1: 'word' is not an entry; .* below a \[section\]"),
        ("[hate]\ntwo words", "line 2: 'two words' is not an entry"),
        ("[hate]\n*", r"line 2: '\*' is not an entry"),
        ("[hate]\nWORD", "line 2: 'WORD' is not an entry"),
        ("[love]\nword", r"line 1: no section \[love\]; there are slur, hate"),
    ],
)
def test_a_broken_list_is_refused_with_the_line(tmp_path: Path, content: str, complaint: str) -> None:
    """A list that was misread would let everything through, or nothing."""
    path = tmp_path / "own.txt"
    path.write_text(content)
    with pytest.raises(DataError, match=complaint):
        load_blocklist(path)


def test_a_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    """No list is not an empty list."""
    with pytest.raises(DataError, match="cannot be read"):
        load_blocklist(tmp_path / "gone.txt")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="not UTF-8"):
        load_blocklist(tmp_path / "bytes.txt")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat", True),
        ("cats", False),
        ("instadog", True),
        ("dogofinsta", True),
        ("instant", False),
        ("a.b", True),
        ("axb", False),
    ],
)
def test_wildcards_match_whole_words(text: str, expected: bool) -> None:
    """A star stands for any run of signs, every other sign for itself, and exceptions win."""
    pattern = compile_wildcards([(["insta*", "*insta"], ["instant*"]), (["cat", "a.b"], []), ([], [])])
    assert (pattern.fullmatch(text) is not None) == expected


def test_no_wildcards_match_nothing() -> None:
    """An empty list catches no word, the empty one neither."""
    assert compile_wildcards([]).fullmatch("") is None
