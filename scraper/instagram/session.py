"""Instaloader's own session file, read without running anything that stands in it.

Instaloader keeps a session's cookies as a pickled dictionary of texts. Unpickling a file lets it run any code, so the
file is only looked through, instruction by instruction, and everything but a dictionary of texts is refused.
"""

from __future__ import annotations

import pickletools
from pathlib import Path
from typing import Any

from core.errors import InvalidOption

MAX_BYTES = 64 * 1024
_PREFIX = "session-"
_TEXTS = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"})
_NOTHING = frozenset({"PROTO", "FRAME"})
_REMEMBER = frozenset({"MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT"})
_RECALL = frozenset({"BINGET", "LONG_BINGET", "GET"})
_MARK = object()


def read_session(path: Path) -> tuple[str, dict[str, str]]:
    """Return the account's name and the cookies of a session file that ``instaloader --login NAME`` saved.

    The name is the file's: Instaloader calls it ``session-NAME``.

    Raises:
        InvalidOption: the file cannot be read, is named otherwise, or holds no cookies of a login.
    """
    how = "make one with: instaloader --login NAME --sessionfile session-NAME"
    if not path.name.startswith(_PREFIX) or path.name == _PREFIX:
        raise InvalidOption(
            f"{path.name!r} is not named session-NAME as Instaloader's files are; {how}", field="cookies"
        )
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidOption(f"{path} cannot be read ({error.strerror}); {how}", field="cookies") from error
    try:
        if len(content) > MAX_BYTES:
            raise ValueError("it is too large")
        cookies = _dictionary_of_texts(content)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise InvalidOption(f"{path} is not a session file of Instaloader; {how}", field="cookies") from error
    if not cookies.get("sessionid") or not cookies.get("csrftoken"):
        raise InvalidOption(f"{path} holds no login: sessionid or csrftoken is missing; {how}", field="cookies")
    return path.name.removeprefix(_PREFIX), cookies


def _dictionary_of_texts(content: bytes) -> dict[str, str]:
    """Return the dictionary that pickled ``content`` describes; no other instruction than to make it is followed."""
    stack: list[Any] = []
    memory: dict[Any, Any] = {}
    for instruction, argument, _ in pickletools.genops(content):
        match instruction.name:
            case name if name in _NOTHING:
                pass
            case name if name in _TEXTS:
                stack.append(argument)
            case "NONE":
                stack.append("")
            case "EMPTY_DICT":
                stack.append({})
            case "MARK":
                stack.append(_MARK)
            case "DICT":
                stack.append(_pairs(_above_mark(stack)))
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                stack[-1].update(_pairs([key, value]))
            case "SETITEMS":
                pairs = _pairs(_above_mark(stack))
                stack[-1].update(pairs)
            case name if name in _REMEMBER:
                memory[len(memory) if argument is None else argument] = stack[-1]
            case name if name in _RECALL:
                stack.append(memory[argument])
            case "STOP":
                break
            case name:
                raise ValueError(f"{name} has no place in a dictionary of texts")
    (result,) = stack
    if not isinstance(result, dict):
        raise ValueError("it holds no dictionary")
    return result


def _above_mark(stack: list[Any]) -> list[Any]:
    above = []
    while (top := stack.pop()) is not _MARK:
        above.append(top)
    return above[::-1]


def _pairs(values: list[Any]) -> dict[str, str]:
    if len(values) % 2 or not all(isinstance(value, str) for value in values):
        raise ValueError("it holds something else than texts")
    return dict(zip(values[::2], values[1::2], strict=True))
