"""Where links and e-mail addresses stand in a text.

Hashtags and caption words both need to know: a ``#`` inside a link is a fragment, and the pieces of an address
are not words of the caption.
"""

from __future__ import annotations

import regex

# Besides visible ASCII, paths are written with accented Latin and Cyrillic letters. Other scripts are left out
# because there a link is often followed by the next word without a space.
_PATH = r"[\x21-\x3b\x3d\x3f-\x7e\p{Latin}\p{Cyrillic}]"

# Domains without a scheme are links only under these endings, or with a path behind any ending: people leave out
# the space after a full stop ("tomorrow.so happy").
_ENDINGS = "com|org|net|edu|gov|info|biz|io|app|dev|shop|blog|co[.]uk|de|fr|ly|gl"

LINK = regex.compile(
    rf"""
    (?: https?:// | (?<![\p{{L}}\p{{N}}@._-]) www[.] ) {_PATH}+
    | (?<![\p{{L}}\p{{N}}@#＃._-])
      (?: [a-z0-9] [a-z0-9-]{{0,62}} [.] ){{1,8}} (?: (?:{_ENDINGS})\b | [a-z]{{2,12}}(?=/) )
      (?: [/?] {_PATH}* )?
    """,
    regex.VERBOSE | regex.IGNORECASE,
)

# Nearly all captions have no link, and this is a tenth of the work to tell.
_PERHAPS = regex.compile(r"[a-z0-9][.][a-z]", regex.IGNORECASE)

EMAIL = regex.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}[.]){1,8}[a-z]{2,24}\b", regex.IGNORECASE)


def link_spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of every link in ``text``, from left to right, in code points."""
    if "://" not in text and not _PERHAPS.search(text):
        return []
    return [match.span() for match in LINK.finditer(text)]
