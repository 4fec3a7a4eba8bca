"""A requests session that fetches through our own web client, for the libraries that bring requests.

So the bounds of size and time, the refusal of private addresses, robots.txt and the pace are written once, in the web
client, for Mastodon.py and Instaloader as for every other source.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Mapping
from email.message import Message

import requests
from requests.adapters import BaseAdapter

from scraper.errors import CrawlError, PageRefused
from scraper.port import WebAnswer, WebClient

# What describes a connection or a body that requests would send; the web client writes its own.
_OWN_HEADERS = frozenset({"host", "connection", "accept-encoding", "content-length", "user-agent"})


class WebAdapter(BaseAdapter):
    """Answers a session's requests with what a web client fetches: GETs alone, where a subclass does not say otherwise.

    A failure is remembered until :meth:`begin`: a library that hides one and asks for something else must not get past
    a platform that asked to slow down. What is not there (404) is not asked for twice.

    Args:
        web: fetches.
        max_bytes: largest size of an answer.

    Attributes:
        n_bytes: bytes of the bodies since :meth:`begin`.
        failure: what went wrong since :meth:`begin`, or None.
    """

    def __init__(self, web: WebClient, *, max_bytes: int) -> None:
        super().__init__()
        self.web = web
        self.max_bytes = max_bytes
        self._absent: set[str] = set()
        self.n_bytes = 0
        self.failure: CrawlError | None = None

    def begin(self) -> None:
        """Start counting anew, and forget a failure."""
        self.n_bytes = 0
        self.failure = None

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float | None, float | None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Return what :meth:`ask` gives, as requests wants it; raises as it does."""
        if self.failure is not None:
            raise self.failure
        headers = {name: _text(value) for name, value in request.headers.items() if name.lower() not in _OWN_HEADERS}
        content = request.body
        body = content.encode() if isinstance(content, str) else content if isinstance(content, bytes) else b""
        try:
            answer = self.ask(request.method or "", request.url or "", headers, body)
        except CrawlError as failure:
            self.failure = failure
            raise
        self.n_bytes += len(answer.body)
        return _response(request, answer)

    def ask(self, method: str, address: str, headers: Mapping[str, str], body: bytes) -> WebAnswer:
        """Return the answer to a GET, whatever its status from 200 to 599 but 429.

        Raises:
            CrawlError: as :meth:`scraper.port.WebClient.get`; also for any method but GET.
        """
        if method != "GET":
            raise PageRefused(f"only reading is allowed; a {method} was not sent")
        if address in self._absent:
            return WebAnswer(address, 404, {}, b"")
        answer = self.web.get(address, headers=headers, max_bytes=self.max_bytes, any_status=True)
        if answer.status == 404:
            self._absent.add(address)
        return answer

    def close(self) -> None:
        """Do nothing: the web client belongs to who made it."""


def web_session(adapter: WebAdapter) -> requests.Session:
    """Return a session that sends everything through ``adapter``; it reads no proxies or passwords of the machine."""
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _response(request: requests.PreparedRequest, answer: WebAnswer) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status
    response.reason = http.client.responses.get(answer.status, "")
    response.headers.update(answer.headers)
    response.url = answer.address
    response.request = request
    response._content = answer.body  # what requests itself does once a body is read
    response.raw = _Received(answer.cookies)
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    return response


class _Received:
    """The part of urllib3's response that a session reads cookies from."""

    def __init__(self, cookies: Iterable[str]) -> None:
        self.msg = Message()
        for cookie in cookies:
            self.msg["Set-Cookie"] = cookie
        self._original_response = self

    def close(self) -> None:
        """Do nothing: all is read."""


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
