"""Mastodon's and Pixelfed's API over made-up posts.

Shapes: https://docs.joinmastodon.org/methods/timelines/#tag, https://docs.joinmastodon.org/entities/Status/,
https://docs.joinmastodon.org/methods/trends/#tags and https://docs.joinmastodon.org/methods/search/; Pixelfed's from
the transformers of its source (https://github.com/pixelfed/pixelfed, ``app/Transformer/Api``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from tests.support.social_sites.server import Answer, Asked, json_answer
from tests.support.social_sites.world import SocialPost

TIMELINE = "/api/v1/timelines/tag/"
DAY = 86400


@dataclass(frozen=True, slots=True)
class FediverseApi:
    """Answers for one instance; a route of a :class:`SocialSite`.

    Attributes:
        base: the instance's address, as it stands in pictures.
        posts: what it shows, the newest first.
        pixelfed: whether it speaks as Pixelfed does.
        token: wanted in every request when not None.
        changes: number of a post -> fields of its Status that differ; ``account.`` before those of its account.
    """

    base: str
    posts: Sequence[SocialPost]
    pixelfed: bool = False
    token: str | None = None
    changes: dict[int, dict[str, Any]] | None = None

    def __call__(self, asked: Asked) -> Answer | None:
        """Return the answer to a request of this API."""
        if not asked.path.startswith("/api/"):
            return None
        if self.token is not None and asked.headers.get("authorization") != f"Bearer {self.token}":
            return json_answer({"error": "Forbidden"}, status=403 if self.pixelfed else 401)
        if asked.path.startswith(TIMELINE):
            return self._timeline(asked)
        if asked.path == "/api/v1/trends/tags":
            return json_answer([self._tag(name) for name in ("silentsunday", "caturday")])
        if asked.path == "/api/v2/search":
            word = asked.query["q"]
            return json_answer({"accounts": [], "statuses": [], "hashtags": [self._tag(word), self._tag(f"{word}s")]})
        if asked.path == "/api/v2/instance" and not self.pixelfed:
            return json_answer({"domain": "local.example", "version": "4.5.0", "api_versions": {"mastodon": 7}})
        return None

    def _timeline(self, asked: Asked) -> Answer:
        tag = unquote(asked.path.removeprefix(TIMELINE))
        limit = min(int(asked.query.get("limit", 20)), 40)
        below = int(asked.query["max_id"]) if "max_id" in asked.query else 1 << 62
        page = [post for post in self.posts if post.tag == tag and post.number < below][:limit]
        headers = {}
        if page and not self.pixelfed:
            headers["Link"] = f'<{self.base}{TIMELINE}{tag}?max_id={page[-1].number}>; rel="next"'
        return json_answer([self._status(post) for post in page], headers=headers)

    def _status(self, post: SocialPost) -> dict[str, Any]:
        paragraphs = "".join(f"<p>{self._html(line)}</p>" for line in post.caption.split("\n"))
        status: dict[str, Any] = {
            "id": str(post.number),
            "created_at": post.time.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "in_reply_to_id": "" if self.pixelfed else None,
            "in_reply_to_account_id": "" if self.pixelfed else None,
            "sensitive": False,
            "spoiler_text": "",
            "visibility": "public",
            "language": None if self.pixelfed else "en",
            "uri": f"https://home.example/users/{post.author}/statuses/{post.number}",
            "url": f"https://home.example/@{post.author}/{post.number}",
            "content": paragraphs,
            "reblog": None,
            "account": self._account(post),
            "media_attachments": [self._media(post)],
            "mentions": [],
            "tags": [{"name": post.tag, "url": f"{self.base}/tags/{post.tag}"}],
            "emojis": [],
        }
        if self.pixelfed:
            status.update(uri=f"https://home.example/p/{post.author}/{post.number}", pf_type="photo", local=True)
            status["content_text"] = post.caption
        for name, value in (self.changes or {}).get(post.number, {}).items():
            if name.startswith("account."):
                status["account"][name.removeprefix("account.")] = value
            else:
                status[name] = value
        return status

    def _account(self, post: SocialPost) -> dict[str, Any]:
        account: dict[str, Any] = {
            "id": str(1000 + post.number % 5),
            "username": post.author,
            "acct": post.author,
            "display_name": post.author.title(),
            "locked": False,
            "note": "<p>I walk.</p>",
            "url": f"https://home.example/@{post.author}",
        }
        if not self.pixelfed:
            account.update(bot=False, discoverable=True, indexable=True, noindex=False, group=False)
        return account

    def _media(self, post: SocialPost) -> dict[str, Any]:
        media: dict[str, Any] = {
            "id": str(5000 + post.number),
            "type": "image",
            "url": f"{self.base}/pictures/{post.number}.jpg",
            "preview_url": f"{self.base}/pictures/{post.number}.jpg",
            "remote_url": None,
            "description": None,
        }
        if self.pixelfed:
            media["license"] = {"id": 5, "title": "CC BY-SA"} if post.number % 2 else None
            media["is_nsfw"] = False
        return media

    def _html(self, line: str) -> str:
        words = (
            f'<a href="{self.base}/tags/{word[1:]}" class="mention hashtag" rel="tag">#<span>{word[1:]}</span></a>'
            if word.startswith("#")
            else word
            for word in line.split(" ")
        )
        return " ".join(words)

    def _tag(self, name: str) -> dict[str, Any]:
        history = [{"day": str(1772323200 - day * DAY), "uses": str(30 - day), "accounts": "9"} for day in range(7)]
        return {"name": name, "url": f"{self.base}/tags/{name}", "history": history}
