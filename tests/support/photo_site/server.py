"""The photo-sharing site as a server: what it answers to each address, and a log of every request on the disk."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, urlsplit

from tests.support.photo_site.hazards import Hazard, build_hazards, has_broken_picture, is_doubled
from tests.support.photo_site.pages import PART, TRAPS, explore_page, login_page, post_page
from tests.support.photo_site.pictures import picture_of
from tests.support.photo_site.world import TOPICS, SitePost, build_posts, searched_by

SESSION = "open-sesame"
"""Value of the cookie ``session`` of a visitor who is logged in."""
ROBOTS = "User-agent: *\nDisallow: /private/\nAllow: /\n"
MAX_WAIT_S = 3600.0


@dataclass(slots=True)
class SiteRules:
    """How the site behaves; times in seconds.

    Attributes:
        n_posts: posts over the ten topics.
        seed: of everything.
        hazards: whether explore pages link to pages that go wrong, and all pages try to load what is forbidden.
        lasting: whether to ones that only a time limit ends, too.
        wall_after: pages of explore lists and posts that it shows before it wants visitors to log in; 0 for no end.
        slow_down_every: every n-th page is answered with 429 once, n being this; 0 for none.
        retry_after_s: what is then asked for.
        flaky_every: every n-th page fails with 500 once, n being this; 0 for none.
    """

    n_posts: int = 520
    seed: int = 7
    hazards: bool = True
    lasting: bool = False
    wall_after: int = 0
    slow_down_every: int = 0
    retry_after_s: int = 1
    flaky_every: int = 0


@dataclass(slots=True)
class Site:
    """The site's state, shared by its threads."""

    rules: SiteRules
    log: IO[str]
    posts: dict[str, SitePost] = field(init=False)
    hazards: dict[str, Hazard] = field(init=False)
    lock: threading.Lock = field(default_factory=threading.Lock)
    asked: Counter[str] = field(default_factory=Counter)
    closing: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.posts = {post.post_id: post for post in build_posts(self.rules.n_posts, self.rules.seed)}
        hazards = build_hazards(lasting=self.rules.lasting) if self.rules.hazards else ()
        self.hazards = {hazard.path: hazard for hazard in hazards}

    def links(self, tag: str) -> list[str]:
        """Return what a hashtag's explore page links to, newest first, in several ways."""
        links = [hazard.path for hazard in self.hazards.values() if hazard.listed_under == tag]
        for post in reversed(self.posts.values()):
            if tag in post.listed_under:
                below_author = tag != post.listed_under[0]
                links.append(f"/@{post.author}/p/{post.post_id}/?from={tag}" if below_author else f"/p/{post.post_id}/")
                if is_doubled(post):
                    links.append(f"/s/{post.post_id}/")
        return links

    def note(self, path: str, status: int, *, agent: str, session: bool) -> None:
        """Write one request into the log, on the disk before its answer leaves."""
        line = {"time": time.time(), "path": path, "status": status, "agent": agent, "session": session}
        with self.lock:
            self.log.write(json.dumps(line) + "\n")
            self.log.flush()

    def takes_turn(self, path: str, every: int, name: str) -> bool:
        """Return whether this page is one of every ``every`` that go wrong the first time, and was not yet."""
        if not every:
            return False
        with self.lock:
            self.asked[name] += 1
            if self.asked[name] % every or self.asked[f"{name} {path}"]:
                return False
            self.asked[f"{name} {path}"] += 1
            return True

    def is_walled(self, session: bool) -> bool:
        """Return whether a visitor has seen all that is shown without an account, and count the page."""
        if not self.rules.wall_after or session:
            return False
        with self.lock:
            self.asked["shown"] += 1
            return self.asked["shown"] > self.rules.wall_after


def start_site(site: Site, port: int = 0) -> ThreadingHTTPServer:
    """Return a running server on a port of this machine; 0 for any free one."""

    class Handler(_Handler):
        pass

    Handler.site = site
    server = _Server(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def read_log(path: Path) -> list[dict[str, Any]]:
    """Return the requests that a site's log holds, in their order."""
    return [json.loads(line) for line in path.read_text().splitlines()]


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leave visitors alone who went away in the middle; a killed crawl does."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *args: Any) -> None:
        """Leave standard error alone: the log is a file."""

    def do_GET(self) -> None:
        """Answer, or go away with a visitor who did not wait."""
        try:
            self._answer()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self) -> None:
        path, site = urlsplit(self.path).path, self.site
        if path in site.hazards:
            self._hazard(site.hazards[path])
        elif path == "/robots.txt":
            self._send(200, ROBOTS, kind="text/plain")
        elif path == "/api/explore":
            self._part()
        elif path.startswith("/explore/tags/"):
            self._explore(path.split("/")[3])
        elif path.startswith(("/p/", "/s/", "/@")):
            self._post(path)
        elif path.startswith("/media/"):
            self._picture(path.removeprefix("/media/").removesuffix(".jpg"))
        elif path == "/accounts/login/":
            self._send(200, login_page())
        else:
            self._send(404, "nothing here")

    # ---- pages -----------------------------------------------------------------------------------

    def _page_is_due(self) -> bool:
        """Answer in place of the page where the visitor is to slow down, to come again or to log in."""
        site, path = self.site, self.path
        if site.takes_turn(path, site.rules.slow_down_every, "slow down"):
            self._send(429, "slow down", {"Retry-After": str(site.rules.retry_after_s)})
        elif site.takes_turn(path, site.rules.flaky_every, "flaky"):
            self._send(500, "an error of ours")
        elif site.is_walled(self._cookie("session") == SESSION):
            self._send(302, "", {"Location": "/accounts/login/?next=/"})
        else:
            return True
        return False

    def _explore(self, tag: str) -> None:
        topic = next((topic for topic in TOPICS if tag in searched_by(topic)), None)
        if topic is None:
            self._send(404, "no such hashtag")
        elif self._page_is_due():
            consented = bool(self._cookie("consent"))
            self._show(explore_page(tag, self._number("after"), topic, consented=consented))

    def _part(self) -> None:
        if self.site.takes_turn(self.path, self.site.rules.slow_down_every, "slow down"):
            self._send(429, "slow down", {"Retry-After": str(self.site.rules.retry_after_s)})
            return
        links, after = self.site.links(self._query("tag")), self._number("after")
        ended = after + PART >= len(links)
        part = {"links": links[after : after + PART], "after": after + PART, "ended": ended}
        self._send(200, json.dumps(part), kind="application/json")

    def _post(self, path: str) -> None:
        post = self.site.posts.get(path.rstrip("/").split("/")[-1])
        if post is None:
            self._send(404, "no such post")
        elif self._page_is_due():
            consented = bool(self._cookie("consent"))
            self._show(post_page(post, f"/p/{post.post_id}/", f"/media/{post.post_id}.jpg", consented=consented))

    def _show(self, page: str) -> None:
        self._send(200, page if self.site.rules.hazards else page.replace(TRAPS, ""))

    def _picture(self, post_id: str) -> None:
        post = self.site.posts.get(post_id)
        if post is None:
            self._send(404, "no such picture")
            return
        data = picture_of(post)
        self._send(200, data[: len(data) // 2] if has_broken_picture(post) else data, kind="image/jpeg")

    # ---- what goes wrong -------------------------------------------------------------------------

    def _hazard(self, hazard: Hazard) -> None:
        post = next(iter(self.site.posts.values()))
        page = post_page(post, hazard.path, f"/media/{post.post_id}.jpg", consented=True)
        match hazard.kind:
            case "private":
                self._send(200, page)
            case "redirect_private":
                self._send(302, "", {"Location": "/private/p/elsewhere/"})
            case "redirect_away":
                self._send(302, "", {"Location": f"http://localhost:{self.headers['Host'].rpartition(':')[2]}/away"})
            case "noindex_header":
                self._send(200, page, {"X-Robots-Tag": "noindex"})
            case "noindex_meta":
                self._send(200, page.replace("<title>", '<meta name="robots" content="noindex"><title>'))
            case "gone":
                self._send(410, "gone")
            case "garbage":
                self._send(200, "<htm<<l><div " + "<table><tr>" * 2000 + "\x00\ufffd &#xffffff; <p class='caption'>")
            case "not_a_page":
                self._send(200, b"\x00\x01\x02" * 4000, kind="application/octet-stream")
            case "cut_off":
                self._begin(200, {"Content-Type": "text/html", "Content-Length": "100000"})
                self.wfile.write(b"<html><body><p>and th")
                self.close_connection = True
            case "slow":
                self._begin(200, {"Content-Type": "text/html", "Content-Length": "100"}, send=False)
                self.site.closing.wait(MAX_WAIT_S)
            case "huge":
                self._begin(200, {"Content-Type": "text/html", "Connection": "close"})
                for _ in range(512):
                    self.wfile.write(b"<p>more</p>" * 20_000)
            case "endless":
                self._begin(200, {"Content-Type": "text/html", "Connection": "close"})
                while not self.site.closing.wait(0.2):
                    self.wfile.write(b"<p>still going</p>")
            case "stuck":
                self._send(200, "<!doctype html><html><body><script>while (true) {}</script></body></html>")

    # ---- HTTP ------------------------------------------------------------------------------------

    def _send(
        self, status: int, body: str | bytes, headers: dict[str, str] | None = None, *, kind: str = "text/html"
    ) -> None:
        data = body.encode() if isinstance(body, str) else body
        charset = "" if kind.startswith("image/") else "; charset=utf-8"
        own = {"Content-Type": f"{kind}{charset}", "Content-Length": str(len(data))}
        self._begin(status, {**own, **(headers or {})})
        self.wfile.write(data)

    def _begin(self, status: int, headers: dict[str, str], *, send: bool = True) -> None:
        agent = self.headers.get("User-Agent", "")
        self.site.note(self.path, status, agent=agent, session=self._cookie("session") == SESSION)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if send:
            self.end_headers()

    def _cookie(self, name: str) -> str:
        morsel = SimpleCookie(self.headers.get("Cookie", "")).get(name)
        return "" if morsel is None else morsel.value

    def _query(self, name: str) -> str:
        return parse_qs(urlsplit(self.path).query).get(name, [""])[0]

    def _number(self, name: str) -> int:
        value = self._query(name)
        return int(value) if value.isdigit() else 0
