"""Instaloader's way to Instagram, held to the crawl's rules.

Every session that Instaloader makes sends through one adapter of ours: it knows one host, asks through the crawl's web
client, and turns what Instagram answers into the crawl's errors before Instaloader retries or sleeps. Instaloader's
knowledge of how many queries Instagram takes in a window is kept; where it would sleep, the crawl is told how long to
wait, so that its state is saved meanwhile and the wait can be interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import instaloader
import requests

from scraper.errors import CrawlError, LoginWall, PageBroken, PageRefused, PageUnreachable, TooManyRequests
from scraper.port import WebAnswer, WebClient
from scraper.web.client import REDIRECTS, judge
from scraper.web.requests_adapter import WebAdapter

HOST = "www.instagram.com"
MAX_ANSWER_BYTES = 16 * 1024 * 1024
_WALLS = ("login_required", "checkpoint_required", "challenge_required", "feedback_required", "require_login")
_SLOW_DOWN = "please wait a few minutes"
_WHAT_TO_DO = (
    "the state is kept; log in with Instaloader, name its session file, and run the same command again, or stop here"
)


class InstagramAdapter(WebAdapter):
    """Sends what Instaloader asks ``www.instagram.com`` for, there or to the server that stands in for it.

    Args:
        web: fetches.
        instance: Instagram, or a server that is asked in its place: scheme and host.
    """

    def __init__(self, web: WebClient, *, instance: str) -> None:
        super().__init__(web, max_bytes=MAX_ANSWER_BYTES)
        self._instance = instance

    def ask(self, method: str, address: str, headers: Mapping[str, str], body: bytes) -> WebAnswer:
        """Return an answer that Instaloader may work with; its queries are POSTs, and redirects are its own affair.

        Raises:
            LoginWall: Instagram wants an account, or a person to look after the account.
            TooManyRequests: Instagram asks to slow down.
            PageRefused: forbidden, or a host that is not Instagram's.
            PageBroken: larger than allowed.
            PageUnreachable: no connection, a fault of Instagram's own, or too slow.
        """
        answer = self.web.exchange(
            method, self._instance + _path_of(address), headers=headers, body=body, max_bytes=self.max_bytes
        )
        _demand_answer(answer)
        return answer


class CrawlContext(instaloader.InstaloaderContext):
    """Instaloader's context with our adapter below it, one attempt a query, and no words on the screen.

    Attributes:
        after: where a list of posts goes on, for the next list that is asked for; None asks for its beginning.
    """

    def __init__(self, adapter: InstagramAdapter, *, timeout_s: float) -> None:
        self._adapter = adapter
        self.after: str | None = None
        super().__init__(
            sleep=False,
            quiet=True,
            max_connection_attempts=1,
            request_timeout=timeout_s,
            rate_controller=_Windows,
            iphone_support=False,
        )

    def log(self, *msg: object, sep: str = "", end: str = "\n", flush: bool = False) -> None:
        """Say nothing: names and captions are not for the screen."""

    def error(self, msg: str, repeat_at_end: bool = True) -> None:
        """Say nothing: what matters is raised."""

    def get_anonymous_session(self) -> requests.Session:
        """Return a session without login over our adapter."""
        return self._over_adapter(super().get_anonymous_session())

    def log_in(self, username: str, cookies: Mapping[str, str]) -> None:
        """Use the cookies of a saved session."""
        self.load_session(username, dict(cookies))  # type: ignore[no-untyped-call]
        self._over_adapter(self._session)

    def get_json(
        self,
        path: str,
        params: dict[str, Any],
        host: str = HOST,
        session: requests.Session | None = None,
        response_headers: dict[str, Any] | None = None,
        use_post: bool = False,
    ) -> dict[str, Any]:
        """Return Instagram's answer to one query; every query of Instaloader passes here."""
        used = self._over_adapter(session or self._session)
        answer: dict[str, Any] = super().get_json(path, params, host, used, response_headers, use_post)
        return answer

    def graphql_query(self, query_hash: str, variables: dict[str, Any], referer: str | None = None) -> dict[str, Any]:
        """Return the answer to a GraphQL query; a list begins at :attr:`after`."""
        if self.after is not None and "first" in variables:
            variables = {**variables, "after": self.after}
        answer: dict[str, Any] = super().graphql_query(query_hash, variables, referer)
        return answer

    def doc_id_graphql_query(
        self, doc_id: str, variables: dict[str, Any], referer: str | None = None, web_api: bool = False
    ) -> dict[str, Any]:
        """Return the answer to a newer GraphQL query; a list begins at :attr:`after`."""
        if self.after is not None and "first" in variables:
            variables = {**variables, "after": self.after, "before": None, "last": None}
        answer: dict[str, Any] = super().doc_id_graphql_query(doc_id, variables, referer, web_api)
        return answer

    def _over_adapter(self, session: requests.Session) -> requests.Session:
        session.trust_env = False
        session.mount("https://", self._adapter)
        session.mount("http://", self._adapter)
        return session


class _Windows(instaloader.RateController):
    """Instaloader's count of queries a window; where it would sleep, the crawl is told to come back."""

    def sleep(self, secs: float) -> None:
        raise TooManyRequests("Instagram takes no more queries in this window", retry_after_s=secs)


def crawl_error(error: Exception) -> CrawlError:
    """Return what an error of Instaloader means for the crawl."""
    if isinstance(error, instaloader.TooManyRequestsException):
        return TooManyRequests("Instagram asks to slow down")
    if isinstance(
        error, instaloader.LoginRequiredException | instaloader.LoginException | instaloader.AbortDownloadException
    ):
        return LoginWall(f"Instagram wants an account before it shows more; {_WHAT_TO_DO}")
    if isinstance(
        error,
        instaloader.QueryReturnedNotFoundException
        | instaloader.QueryReturnedForbiddenException
        | instaloader.ProfileNotExistsException
        | instaloader.PrivateProfileNotFollowedException,
    ):
        return PageRefused("Instagram has no such page, or it is private")
    if isinstance(error, instaloader.ConnectionException) and not isinstance(error.__cause__, ValueError):
        return PageUnreachable("Instagram's answer says that it failed")
    return PageBroken(f"Instagram's answer is not what Instaloader knows ({type(error).__name__})")


def _path_of(address: str) -> str:
    """Return path and query of an address of Instagram.

    Raises:
        PageRefused: it is of another host.
    """
    root = f"https://{HOST}"
    if not address.startswith(f"{root}/"):
        raise PageRefused("an address that is not Instagram's was not asked")
    return address.removeprefix(root)


def _demand_answer(answer: WebAnswer) -> None:
    """Raise when an answer asks to slow down, wants an account, forbids or fails; the rest is Instaloader's to read."""
    start = answer.body[:2000].decode("utf-8", "replace").lower()
    status, headers = answer.status, answer.headers
    if status in (400, 401, 403) and _SLOW_DOWN in start:
        judge(429, headers, f"https://{HOST}")
    if status == 401 or (status in (400, 403) and any(word in start for word in _WALLS)):
        raise LoginWall(f"Instagram wants an account, or its owner to look after it; {_WHAT_TO_DO}")
    if status in REDIRECTS and "/accounts/login" in headers.get("location", ""):
        raise LoginWall(f"Instagram leads to its login page; {_WHAT_TO_DO}")
    if status == 403 or status >= 500:
        judge(status, headers, f"https://{HOST}")
