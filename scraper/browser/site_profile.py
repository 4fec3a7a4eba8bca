"""What is particular about one photo-sharing site, read from a small TOML file that an operator can edit.

A page is read by what it says of itself first: schema.org data (JSON-LD), then OpenGraph. A site whose pages say too
little there gets rules of its own: ``jsonld:NAME``, ``meta:NAME``, ``css:SELECTOR`` for a text and
``css:SELECTOR@ATTRIBUTE`` for an attribute, tried in their order, each with an optional pattern whose first group is
what is kept.
"""

from __future__ import annotations

import importlib.resources
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast
from urllib.parse import quote, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from core.errors import InvalidOption

Markup = Literal["jsonld", "meta", "css"]
FIELDS = ("id", "caption", "author", "time", "pictures", "hashtags", "licence", "attribution")
_SECTIONS: Mapping[str, frozenset[str]] = {
    "list": frozenset({"path", "post_link", "next", "end"}),
    "post": frozenset({"path", "id", *(field for field in FIELDS if field != "id")}),
    "login": frozenset({"paths", "wall"}),
    "consent": frozenset({"buttons"}),
}


@dataclass(frozen=True, slots=True)
class FieldRule:
    """Where one field of a post may stand.

    Attributes:
        markup: schema.org data, a ``meta`` element, or any element.
        name: the property, the meta's name, or a CSS selector.
        attribute: for ``css``: the attribute that holds it; None for the text.
        pattern: what to keep of it: the first group; None for all.
    """

    markup: Markup
    name: str
    attribute: str | None = None
    pattern: re.Pattern[str] | None = None


_STANDARD: Mapping[str, tuple[str, ...]] = {
    "id": ("jsonld:identifier",),
    "caption": ("jsonld:articleBody", "jsonld:caption", "jsonld:description", "meta:og:description"),
    "author": ("jsonld:author", "jsonld:creator", "meta:author"),
    "time": ("jsonld:datePublished", "jsonld:uploadDate", "jsonld:dateCreated", "meta:article:published_time"),
    "pictures": ("jsonld:image", "jsonld:contentUrl", "meta:og:image"),
    "hashtags": ("jsonld:keywords", "meta:article:tag"),
    "licence": ("jsonld:license",),
    "attribution": ("jsonld:creditText", "jsonld:copyrightNotice"),
}


@dataclass(frozen=True, slots=True)
class SiteProfile:
    """One site.

    Attributes:
        name: how messages call it.
        address: scheme and host, without a path.
        hosts: host names that its pages may load from besides its own; ``*`` stands for any part.
        list_path: path of a hashtag's explore page, with ``{hashtag}``.
        post_link: CSS selector of links to posts.
        next_link: CSS selector of the element whose ``href`` goes on where the list ends, or None.
        end: CSS selector of what shows that the list is at its end, or None.
        post_path: path of a post, with ``{id}``.
        post_id: finds the platform's id in a path; its first group.
        rules: field -> where it may stand, in the order of trust.
        login_paths: paths that a visitor without an account is sent to.
        login_wall: CSS selector of what stands there instead of the page, or None.
        consent: CSS selectors of the buttons that close a consent banner; the first that is there is pressed.
    """

    name: str
    address: str
    hosts: tuple[str, ...]
    list_path: str
    post_link: str
    next_link: str | None
    end: str | None
    post_path: str
    post_id: re.Pattern[str]
    rules: Mapping[str, tuple[FieldRule, ...]]
    login_paths: tuple[str, ...]
    login_wall: str | None
    consent: tuple[str, ...]

    @property
    def host(self) -> str:
        """The site's own host name, without a port."""
        return urlsplit(self.address).hostname or ""

    def allows(self, host: str) -> bool:
        """Return whether pages of the site may load from a host."""
        return host == self.host or any(fnmatchcase(host, pattern) for pattern in self.hosts)

    def list_address(self, hashtag: str) -> str:
        """Return the address of a hashtag's explore page."""
        return urljoin(self.address, self.list_path.format(hashtag=quote(hashtag, safe="")))

    def post_address(self, value: str) -> str:
        """Return the address of a post, the same whatever address or id it is named by.

        A post is linked to in several ways (with a query, below its author); a single address keeps it from being
        fetched twice.
        """
        if not value.startswith(("http://", "https://", "/")):
            return urljoin(self.address, self.post_path.format(id=quote(value, safe="")))
        address = urljoin(self.address, value)
        parts = urlsplit(address)
        found = self.post_id.search(parts.path) if self.allows(parts.hostname or "") else None
        return self.post_address(found[1]) if found else address.partition("#")[0]


def read_profile(path: Path) -> SiteProfile:
    """Return the profile in a file.

    Raises:
        InvalidOption: it cannot be read, or something in it is missing, unknown or of another form.
    """
    try:
        return build_profile(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidOption(f"{path} is not the description of a site: {error}", field="files") from error


def shipped_profile(address: str) -> SiteProfile:
    """Return the profile that is shipped for the host of an address.

    Raises:
        InvalidOption: none is shipped.
    """
    host = urlsplit(address).hostname
    for file in importlib.resources.files("scraper").joinpath("sites").iterdir():
        if file.name.endswith(".toml"):
            profile = build_profile(tomllib.loads(file.read_text(encoding="utf-8")), file.name)
            if host == profile.host:
                return profile
    raise InvalidOption(
        f"no description of the site {host or address!r} is shipped; write one as docs/browser.md says and name it "
        "with --files",
        field="files",
    )


def build_profile(content: Mapping[str, Any], origin: str) -> SiteProfile:
    """Return the profile that parsed TOML describes.

    Args:
        content: as parsed.
        origin: the file's name, for messages.

    Raises:
        InvalidOption: something is missing, unknown or of another form.
    """
    try:
        return _build(content)
    except (KeyError, TypeError, ValueError, IndexError, re.error) as error:
        reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise InvalidOption(f"{origin} does not describe a site: {reason}", field="files") from error


def _build(content: Mapping[str, Any]) -> SiteProfile:
    known = {"name", "address", "hosts", *_SECTIONS}
    unknown = [key for key in content if key not in known]
    for section, keys in _SECTIONS.items():
        unknown += [f"{section}.{key}" for key in content.get(section, {}) if key not in keys]
    if unknown:
        raise ValueError(f"{unknown[0]} is unknown")
    lists, posts = content["list"], content["post"]
    login, consent = content.get("login", {}), content.get("consent", {})
    address = _text(content["address"], "address").rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path:
        raise ValueError("address wants the form https://host")
    post_id = re.compile(_text(posts["id"], "post.id"))
    if post_id.groups < 1:
        raise ValueError("post.id wants a group around the id")
    return SiteProfile(
        name=_text(content["name"], "name"),
        address=address,
        hosts=_texts(content.get("hosts", []), "hosts"),
        list_path=_template(lists["path"], "list.path", "{hashtag}"),
        post_link=_selector(lists["post_link"], "list.post_link"),
        next_link=_selector(lists["next"], "list.next") if "next" in lists else None,
        end=_selector(lists["end"], "list.end") if "end" in lists else None,
        post_path=_template(posts["path"], "post.path", "{id}"),
        post_id=post_id,
        rules=MappingProxyType({field: _rules(field, posts) for field in FIELDS}),
        login_paths=_texts(login.get("paths", []), "login.paths"),
        login_wall=_selector(login["wall"], "login.wall") if "wall" in login else None,
        consent=tuple(_selector(button, "consent.buttons") for button in consent.get("buttons", [])),
    )


def _rules(field: str, posts: Mapping[str, Any]) -> tuple[FieldRule, ...]:
    # "post.id" is the pattern of ids in addresses; where a page states its id is always looked up the standard way.
    given = posts.get(field, _STANDARD[field]) if field != "id" else _STANDARD[field]
    if isinstance(given, str):
        raise TypeError(f"post.{field} is not a list of rules")
    return tuple(_rule(rule, f"post.{field}") for rule in given)


def _rule(given: object, where: str) -> FieldRule:
    source = given["from"] if isinstance(given, dict) else given
    markup, colon, name = _text(source, where).partition(":")
    if not colon or not name or markup not in ("jsonld", "meta", "css"):
        raise ValueError(f"{where} wants jsonld:NAME, meta:NAME or css:SELECTOR, not {source!r}")
    attribute = None
    if markup == "css":
        name, at, attribute_name = name.partition("@")
        attribute = attribute_name if at else None
        _selector(name, where)
    pattern = None
    if isinstance(given, dict) and "pattern" in given:
        pattern = re.compile(_text(given["pattern"], where), re.DOTALL)
        if pattern.groups < 1:
            raise ValueError(f"{where} wants a group in its pattern")
    return FieldRule(cast(Markup, markup), name, attribute, pattern)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError(f"{where} is not text")
    return value


def _texts(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{where} is not a list of texts")
    return tuple(_text(text, where) for text in value)


def _template(value: object, where: str, part: str) -> str:
    template = _text(value, where)
    rest = template.replace(part, "", 1)
    if not template.startswith("/") or rest == template or "{" in rest or "}" in rest:
        raise ValueError(f"{where} wants a path with {part}")
    return template


def _selector(value: object, where: str) -> str:
    selector = _text(value, where)
    try:
        LexborHTMLParser("<html></html>").css(selector)
    except Exception as error:  # the parser raises errors of its own for a selector that it cannot read
        raise ValueError(f"{where}: {selector!r} is not a CSS selector") from error
    return selector
