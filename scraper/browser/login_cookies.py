"""Saved login cookies, from a file that the operator names: read, handed to the browser, never shown or logged."""

from __future__ import annotations

import http.cookiejar
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import InvalidOption

MAX_FILE_BYTES = 1024 * 1024


def read_login_cookies(
    path: Path, allows: Callable[[str], bool], now: Callable[[], float] = time.time
) -> tuple[dict[str, Any], ...]:
    """Return the cookies of a ``cookies.txt`` that belong to the site, as DevTools' ``Network.setCookies`` wants them.

    Args:
        path: a file in Netscape's format, which browsers' cookie exporters and curl write.
        allows: whether a host is one of the site's; cookies of others stay out of the browser.
        now: seconds since 1970.

    Raises:
        InvalidOption: it cannot be read, is of another format, or holds no unexpired cookie of the site.
    """
    jar = http.cookiejar.MozillaCookieJar()
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InvalidOption(f"{path} is too large for a file of cookies", field="cookies")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a broken line, which the error below is about
            jar.load(str(path), ignore_discard=True, ignore_expires=True)
    except (OSError, UnicodeDecodeError, http.cookiejar.LoadError):
        # The reason would quote a line of the file.
        raise InvalidOption(
            f"{path} holds no cookies that can be read; wanted is a cookies.txt in Netscape's format", field="cookies"
        ) from None
    found = []
    for cookie in jar:
        # 0 is how exporters write that a cookie lasts as long as its browser.
        if allows(cookie.domain.lstrip(".")) and (not cookie.expires or cookie.expires > now()):
            entry: dict[str, Any] = {
                "name": cookie.name,
                "value": cookie.value or "",
                "domain": cookie.domain,
                "path": cookie.path,
                "secure": cookie.secure,
            }
            if cookie.expires:
                entry["expires"] = float(cookie.expires)
            found.append(entry)
    if not found:
        raise InvalidOption(
            f"{path} holds no cookie of the site that is still good; log in and save them again", field="cookies"
        )
    return tuple(found)
