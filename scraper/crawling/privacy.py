"""What is kept of a person's post: the words, without who wrote them, to whom, and how to reach them.

Authors become a hash under a salt that this installation alone has: equal authors stay equal, names cannot be looked up
by hashing a list of them. Captions lose what leads to a person: mentions become ``@user``, e-mail addresses, phone
numbers and links go. Names that stand in a sentence as words stay; no program finds them all, and docs/collecting.md
says so.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Any

import phonenumbers
import regex

from core.atomic import storage_errors, write_first
from core.errors import StorageError
from core.text.hashtags import extract, hashtag_spans, normalise
from core.text.links import EMAIL, link_spans
from scraper.port import FoundPost, Target

SALT_FILE = "salt"
SALT_BYTES = 32
MAX_CAPTION = 20_000
"""Code points of a caption that are kept; platforms allow far fewer."""
MAX_ID = 200
"""Characters of a platform's id; a longer one is not taken for an id."""
MAX_CREDIT = 500

# Longer than any account name, so that a mention without end is one.
_MENTION = regex.compile(
    r"(?<![\p{L}\p{N}_.+/-])[@＠][\p{L}\p{N}_](?:[\p{L}\p{M}\p{N}_.-]{0,98}[\p{L}\p{N}_])?(?:@[\p{L}\p{N}_.-]+)?"
)
# "(at)" and "[dot]" are how people hide an address from programs, and so mean one.
_HIDDEN_EMAIL = regex.compile(
    r"[\w.+-]{1,64}\s?[(\[{]\s?at\s?[)\]}]\s?[\w-]{1,63}(?:\s?(?:[.]|[(\[{]\s?dot\s?[)\]}])\s?[\w-]{1,63}){1,4}",
    regex.IGNORECASE,
)
_MESSENGER = regex.compile(r"\b(?:tg|t[.]me|wa[.]me|whats\s?app|telegram|signal|viber)\s*[:/]\s*\S+", regex.IGNORECASE)
_SCHEME = regex.compile(r"\b(?:[a-z][a-z0-9+.-]{1,15}://|mailto:|tel:)\S+", regex.IGNORECASE)
_SPACES = regex.compile(r"[^\S\n]{2,}")
_BLANK_LINES = regex.compile(r"\s*\n\s*\n\s*")
_CONTROLS = regex.compile(r"[\p{Cc}--[\n\t]]", regex.VERSION1)
# Without a country a number is told by its length alone; a date, a price or a year is shorter than this.
_LONG_NUMBER = regex.compile(r"(?<![\p{L}\p{N}#＃_/.,-])[+(]?\d(?:[\s().–-]{0,2}\d){8,40}(?![\p{L}\p{N}_])")

_DATE = regex.compile(r"(?:19|20)\d\d([./-])[01]?\d\1[0-3]?\d(?!\d)|[0-3]?\d([./-])[01]?\d\2(?:19|20)\d\d(?!\d)")


def read_salt(installation: Path) -> bytes:
    """Return this installation's salt, made at the first call; only its owner may read the file.

    Raises:
        StorageError: it cannot be made or read, or others may read it.
    """
    path = installation / SALT_FILE
    with storage_errors(path):
        installation.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            write_first(path, secrets.token_bytes(SALT_BYTES), mode=0o600)
        salt = path.read_bytes()
        shared = path.stat().st_mode & 0o077
    if len(salt) != SALT_BYTES:
        raise StorageError(
            f"{path} is not {SALT_BYTES} bytes long; restore it from a backup, or remove it to start anew"
        )
    if shared:
        raise StorageError(f"others may read {path}; run chmod 600 on it, since whoever has it can undo the hashes")
    return salt


class Privacy:
    """Hashes and cleans under one salt."""

    def __init__(self, salt: bytes) -> None:
        """Hash with ``salt``."""
        self._salt = salt

    def author(self, source: str, name: str) -> str:
        """Return the hash of an account: 32 hex digits, the same for every spelling of the name that means it.

        ``@``, case and Unicode form do not tell accounts apart; the source does.
        """
        folded = unicodedata.normalize("NFKC", name).strip().lstrip("@").casefold()
        return self._hash(f"author\n{source}\n{folded}")

    def post(self, source: str, post_id: str) -> str:
        """Return the hash by which a post that must not come back is remembered."""
        return self._hash(f"post\n{source}\n{post_id}")

    def _hash(self, text: str) -> str:
        return hmac.new(self._salt, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]


def clean_caption(raw: str) -> str:
    """Return the caption without mentions' names, e-mail addresses, phone numbers and links; hashtags stay.

    At most ``MAX_CAPTION`` code points are read. Applying it twice changes nothing that matters to a person.
    """
    text = raw[:MAX_CAPTION].encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROLS.sub(" ", text)
    text = _MENTION.sub("@user", _SCHEME.sub(" ", text))
    for pattern in (_HIDDEN_EMAIL, EMAIL, _MESSENGER):
        text = pattern.sub(" ", text)
    text = _without(text, link_spans(text))
    text = _without(text, _phone_spans(text))
    text = _SPACES.sub(" ", text)
    return _BLANK_LINES.sub("\n\n", text).strip()


def post_record(found: FoundPost, source: str, target: Target, privacy: Privacy) -> dict[str, Any] | None:
    """Return the post's line without its picture, or None where it has no usable id.

    The author is hashed, the caption cleaned. Who has to be named under a licence stays named, because the licence
    asks for it.

    Args:
        found: as the platform gave it.
        source: the source's name.
        target: what led to the post.
        privacy: hashes the author.
    """
    if not found.post_id or len(found.post_id) > MAX_ID:
        return None
    caption = clean_caption(found.caption)
    beside = (hashtag for raw in found.hashtags if (hashtag := normalise(raw)) is not None)
    record: dict[str, Any] = {
        "id": f"{source}:{found.post_id}",
        "source": source,
        "caption": caption,
        "hashtags": list(dict.fromkeys((*extract(caption), *beside))),
        "author": privacy.author(source, found.author) if found.author else None,
        "time": _moment(found.time),
        "query_tag": target.query_tag,
    }
    if found.licence:
        record["licence"] = _plain(found.licence)
    if found.attribution:
        record["attribution"] = _plain(found.attribution)
    return record


def _phone_spans(text: str) -> list[tuple[int, int]]:
    """Return where phone numbers stand: those with a country's code, and digits too long to be anything else."""
    if sum(sign.isdigit() for sign in text) < 7:
        return []
    hashtags = hashtag_spans(text)
    found = [(match.start, match.end) for match in phonenumbers.PhoneNumberMatcher(text, None)]
    found += [match.span() for match in _LONG_NUMBER.finditer(text) if not _DATE.match(match[0])]
    return sorted(span for span in found if not any(start < span[1] and span[0] < end for start, end in hashtags))


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    """Return the text with a space in place of each span."""
    pieces, at = [], 0
    for start, end in sorted(spans):
        if start >= at:
            pieces.append(text[at:start])
            at = end
        else:
            at = max(at, end)
    pieces.append(text[at:])
    return " ".join(pieces) if spans else text


def _moment(time: str | None) -> str | None:
    """Return a time that has an offset as ISO 8601, to the second; None for anything else."""
    try:
        moment = datetime.fromisoformat(time or "")
    except ValueError:
        return None
    return moment.isoformat(timespec="seconds") if moment.tzinfo is not None else None


def _plain(text: str) -> str:
    return " ".join(text[:MAX_CREDIT].split())
