"""A short code for each licence of a photograph, however a platform writes it.

Codes are those of Creative Commons without the ``cc-`` (``by``, ``by-sa``, ...), ``cc0`` for the waiver and ``pd`` for
what is in the public domain; https://creativecommons.org/share-your-work/cclicenses/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.errors import InvalidOption

CODES = ("cc0", "pd", "by", "by-sa", "by-nd", "by-nc", "by-nc-sa", "by-nc-nd")
"""Every licence that can be allowed, the freest first."""

OPEN = ("cc0", "pd", "by", "by-sa")
"""Free licences (https://freedomdefined.org): a corpus under these may be shipped, with its authors named."""

_SPACES = re.compile(r"[\s_]+")
_PUBLIC_DOMAIN = re.compile(r"(?:pd|pdm|public-domain)(?:$|-)")
# Ported licences name a country (cc-by-sa-3.0-de), older ones several versions (cc-by-sa-2.5,2.0,1.0 or -all).
_VERSION = r"\d(?:\.\d)?"
_CREATIVE_COMMONS = re.compile(
    rf"(?:cc-)?(by(?:-nc)?(?:-nd|-sa)?)(?:-all|-{_VERSION}(?:[,-]{_VERSION})*(?:-migrated|-[a-z]{{2,4}})?)?"
)


def licence_code(stated: str) -> str | None:
    """Return the code of a licence as a platform states it, None for a licence that is not listed here.

    Args:
        stated: its name or short form, such as ``cc-by-sa-4.0``, ``CC BY 2.0``, ``pdm`` or ``Public domain``.
    """
    text = _SPACES.sub("-", stated.strip().lower())
    if re.fullmatch(r"(?:cc-?)?(?:cc0|zero)(?:-1\.0)?", text):
        return "cc0"
    if _PUBLIC_DOMAIN.match(text):
        return "pd"
    match = _CREATIVE_COMMONS.fullmatch(text)
    return match[1] if match else None


def demand_codes(codes: Iterable[str]) -> frozenset[str]:
    """Return the codes of the licences that an operator allows.

    Raises:
        InvalidOption: no licence is named, or an unknown one.
    """
    wanted = frozenset(codes)
    unknown = sorted(wanted - set(CODES))
    if unknown or not wanted:
        why = f"there is no licence {unknown[0]!r}" if unknown else "no licence is allowed"
        raise InvalidOption(f"{why}; choose from {', '.join(CODES)}", field="licences")
    return wanted
