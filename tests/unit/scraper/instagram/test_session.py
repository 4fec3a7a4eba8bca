"""Instaloader's session file, which is a pickle, read as data."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidOption
from scraper.instagram.session import MAX_BYTES, _dictionary_of_texts, read_session

COOKIES = {"sessionid": "17%3Aabc", "csrftoken": "t", "ds_user_id": "17", "mid": ""}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_saved_session_is_read_as_instaloader_wrote_it(tmp_path: Path, protocol: int) -> None:
    """The name is the file's, the cookies are those that were saved, whichever Python wrote them."""
    path = tmp_path / "session-lena"
    path.write_bytes(pickle.dumps(COOKIES, protocol))
    assert read_session(path) == ("lena", COOKIES)


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Say how to make this again."""
        return os.system, (self.command,)


def test_a_file_that_would_run_something_runs_nothing(tmp_path: Path) -> None:
    """A pickle from a stranger is looked through, never loaded."""
    path, trace = tmp_path / "session-lena", tmp_path / "trace"
    path.write_bytes(pickle.dumps({**COOKIES, "x": Evil(f"touch {trace}")}))
    with pytest.raises(InvalidOption, match="not a session file"):
        read_session(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps([1, 2]),
        pickle.dumps({"a": 1}),
        pickle.dumps(COOKIES)[:-9],
        b"x" * (MAX_BYTES + 1),
    ],
    ids=["empty", "text", "list", "numbers", "cut short", "large"],
)
def test_what_is_no_session_is_refused_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    """The message names the command that makes such a file."""
    path = tmp_path / "session-lena"
    path.write_bytes(content)
    with pytest.raises(InvalidOption, match="instaloader --login"):
        read_session(path)


def test_a_session_without_a_login_is_refused(tmp_path: Path) -> None:
    """Anonymous cookies would only lead to the login page."""
    path = tmp_path / "session-lena"
    path.write_bytes(pickle.dumps({**COOKIES, "sessionid": ""}))
    with pytest.raises(InvalidOption, match="sessionid"):
        read_session(path)


def test_a_file_of_another_name_is_refused(tmp_path: Path) -> None:
    """Whose session it is stands in the name alone."""
    path = tmp_path / "cookies.txt"
    path.write_bytes(pickle.dumps(COOKIES))
    with pytest.raises(InvalidOption, match="session-NAME"):
        read_session(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A typing error is told as one."""
    with pytest.raises(InvalidOption, match="session-gone cannot be read"):
        read_session(tmp_path / "session-gone")


@given(st.dictionaries(st.text(), st.text()))
def test_any_dictionary_of_texts_comes_back(texts: dict[str, str]) -> None:
    """Repeated and empty texts included, which pickle writes as references."""
    assert _dictionary_of_texts(pickle.dumps(texts)) == texts


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """No file brings the reader down."""
    path = tmp_path_factory.getbasetemp() / "session-any"
    path.write_bytes(content)
    with pytest.raises(InvalidOption):
        read_session(path)
