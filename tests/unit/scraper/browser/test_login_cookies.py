"""Saved login cookies: those of the site alone, and nothing of them in any message."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InvalidOption
from scraper.browser.login_cookies import MAX_FILE_BYTES, read_login_cookies

HEAD = "# Netscape HTTP Cookie File\n"
LATER = 4102444800
SECRET = "5ecret"


def of_site(host: str) -> bool:
    """Return whether a host is the test's site."""
    return host in ("photos.example", "www.photos.example")


def write(path: Path, *lines: str) -> Path:
    """Write a cookies.txt."""
    path.write_text(HEAD + "".join(f"{line}\n" for line in lines))
    return path


def test_cookies_of_the_site_are_read_and_others_are_left_out(tmp_path: Path) -> None:
    """A browser's export holds everything that it knows."""
    path = write(
        tmp_path / "cookies.txt",
        f".photos.example\tTRUE\t/\tTRUE\t{LATER}\tsession\t{SECRET}",
        f"www.photos.example\tFALSE\t/a\tFALSE\t0\tchoice\t{SECRET}",
        f".bank.example\tTRUE\t/\tTRUE\t{LATER}\tlogin\t{SECRET}",
    )
    session = {"name": "session", "value": SECRET, "domain": ".photos.example", "path": "/", "secure": True}
    choice = {"name": "choice", "value": SECRET, "domain": "www.photos.example", "path": "/a", "secure": False}
    found = read_login_cookies(path, of_site)
    assert sorted(found, key=lambda cookie: str(cookie["name"])) == [choice, {**session, "expires": float(LATER)}]


def test_cookies_that_only_scripts_may_not_see_are_read(tmp_path: Path) -> None:
    """Sessions are such cookies; exporters mark them by a word before the host."""
    path = write(tmp_path / "cookies.txt", f"#HttpOnly_photos.example\tFALSE\t/\tTRUE\t{LATER}\tsession\t{SECRET}")
    assert [cookie["name"] for cookie in read_login_cookies(path, of_site)] == ["session"]


@pytest.mark.parametrize(
    "content",
    [
        f'{{"session": "{SECRET}"}}',
        f"{HEAD}photos.example {SECRET}\n",
        f"{HEAD}photos.example\tFALSE\t/\tFALSE\t1\tsession\t{SECRET}\n",
        f"{HEAD}bank.example\tFALSE\t/\tFALSE\t{LATER}\tsession\t{SECRET}\n",
        "",
        f"{HEAD}{SECRET}" + "x" * MAX_FILE_BYTES,
    ],
    ids=["json", "a broken line", "expired", "of another site", "empty", "too large"],
)
def test_a_file_without_a_good_cookie_is_refused_and_nothing_of_it_is_told(content: str, tmp_path: Path) -> None:
    """Not even in what led to the error, which a log may show."""
    path = tmp_path / "cookies.txt"
    path.write_text(content)
    with pytest.raises(InvalidOption) as error:
        read_login_cookies(path, of_site)
    shown = f"{error.value!r} {error.value.__cause__!r}"
    assert str(path) in shown
    assert SECRET not in shown
    assert error.value.__suppress_context__ or error.value.__context__ is None


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(InvalidOption, match=r"absent\.txt"):
        read_login_cookies(tmp_path / "absent.txt", of_site)
