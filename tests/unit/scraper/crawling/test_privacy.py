"""What is kept of a person's post."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import StorageError
from core.text.hashtags import extract
from scraper.crawling.privacy import MAX_CAPTION, Privacy, clean_caption, read_salt


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("sunset with @anna.b_ and @Łukasz!", "sunset with @user and @user!"),
        ("from @anna@mastodon.social today", "from @user today"),
        ("mail a.b+c@mail.co.uk now", "mail now"),
        ("anna (at) mail (dot) com", ""),
        ("call +49 151 23456789 today", "call today"),
        ("call (555) 123-4567 today", "call today"),
        ("call 0171-1234567 today", "call today"),
        ("wa.me/491701234567 or WhatsApp: +49 170 1234567", "or"),
        ("see https://a.example/u/anna?x=1#dog for more", "see for more"),
        ("shop at www.anna.com or anna.ly", "shop at or"),
        ("tel:+491701234567 mailto:anna@mail.com", ""),
        ("line one\r\nline two\n\n\n\nline three", "line one\nline two\n\nline three"),
        ("bell\x07 and null\x00", "bell and null"),
    ],
)
def test_what_leads_to_a_person_goes(raw: str, kept: str) -> None:
    """Mentions, addresses, numbers and links, also those hidden from programs."""
    assert clean_caption(raw) == kept


@pytest.mark.parametrize(
    "caption",
    [
        "Day 3 of 100 #100daysofcode",
        "12 May 2024, 10:30, 1,234 likes, 99.99 € off",
        "on 2024-05-12 and 12.05.2024",
        "1080p at 60fps, f/2.8, ISO 1600 #nikon",
        "#sun2024 #123456789012abc",
        "me @ the beach",
        "犬と散歩 #犬 #散歩2024",
        "",
    ],
)
def test_everything_else_stays(caption: str) -> None:
    """Dates, prices, camera settings and hashtags with digits lead to nobody."""
    assert clean_caption(caption) == caption


@given(st.text(max_size=300))
def test_cleaning_survives_anything_and_invents_no_hashtag(raw: str) -> None:
    """Whatever people write, the result can be written as UTF-8, and its hashtags stood in the text before."""
    cleaned = clean_caption(raw)
    cleaned.encode("utf-8")
    assert len(extract(cleaned)) <= raw.count("#") + raw.count("＃")


@given(st.text(alphabet="ab @.#1234567890\n(at)", max_size=80))
def test_cleaning_leaves_no_address_behind(raw: str) -> None:
    """An e-mail address that was put in does not come out, whatever stands around it."""
    assert "anna.b@mail.com" not in clean_caption(f"{raw} anna.b@mail.com {raw}")


def test_a_caption_without_end_is_bounded() -> None:
    """Time and room for one post are bounded."""
    assert len(clean_caption("@a 1 " * 50_000)) <= 2 * MAX_CAPTION


def test_an_author_is_the_same_under_every_spelling_and_another_one_elsewhere() -> None:
    """Posts of one account stay together; nobody can follow an account from site to site by the hash."""
    privacy = Privacy(b"x" * 32)
    assert privacy.author("site", "@Anna.B") == privacy.author("site", "anna.b")
    assert privacy.author("site", "anna") != privacy.author("other", "anna")
    assert privacy.author("site", "anna") != Privacy(b"y" * 32).author("site", "anna")
    assert "anna" not in privacy.author("site", "anna")


def test_the_salt_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    """Hashes stay equal from run to run, and nobody else can undo them."""
    installation = tmp_path / "deep" / "installation"
    salt = read_salt(installation)
    assert read_salt(installation) == salt
    assert len(salt) == 32
    assert (installation / "salt").stat().st_mode & 0o777 == 0o600
    assert os.listdir(installation) == ["salt"]


def test_a_salt_that_others_may_read_or_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    """A weak salt protects nobody, and a new one would tell every author anew."""
    read_salt(tmp_path)
    (tmp_path / "salt").chmod(0o644)
    with pytest.raises(StorageError, match="chmod 600"):
        read_salt(tmp_path)
    (tmp_path / "salt").chmod(0o600)
    (tmp_path / "salt").write_bytes(b"short")
    with pytest.raises(StorageError, match="32 bytes"):
        read_salt(tmp_path)
