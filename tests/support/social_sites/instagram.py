"""What Instaloader asks of Instagram, over made-up posts.

Shapes from Instaloader 4.16 (https://github.com/instaloader/instaloader, ``structures.py``, ``instaloader.py`` and
``instaloadercontext.py``): it documents nothing else, and Instagram documents none of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.social_sites.server import Answer, Asked, json_answer
from tests.support.social_sites.world import SocialPost

HASHTAG_QUERY = "9b498c08113f1e09617a1703c22b2f32"
POST_QUERY = "27128499623469141"
PROFILE_QUERY = "27937681195819736"
TIMELINE_QUERY = "29104886249145907"
PAGE = 12
LOGIN = {"Location": "https://www.instagram.com/accounts/login/?next=/"}


@dataclass(frozen=True, slots=True)
class InstagramApi:
    """Answers of Instagram; a route of a :class:`SocialSite`.

    Attributes:
        base: the server's address, as it stands in pictures.
        posts: what it shows, the newest first.
        session: the session cookie of a login; hashtags and places want one.
        open_hashtags: whether hashtags are shown without a login.
    """

    base: str
    posts: Sequence[SocialPost]
    session: str = "secret-session"
    open_hashtags: bool = False

    def __call__(self, asked: Asked) -> Answer | None:
        """Return the answer to a request of Instaloader."""
        logged_in = f"sessionid={self.session}" in asked.headers.get("cookie", "")
        path = asked.path
        if path == "/":
            return _page('"DTSGInitialData",[],{"token":"a:1"} "LSD",[],{"token":"b"} "IG_USER_EIMU":"17"')
        if path == "/graphql/query" and asked.query.get("query_hash") == HASHTAG_QUERY:
            return self._hashtag(asked) if logged_in or self.open_hashtags else Answer(b"", 302, LOGIN)
        if path in ("/graphql/query", "/api/graphql"):
            return self._query(asked, logged_in)
        if path.startswith("/explore/locations/"):
            return self._place(asked) if logged_in else Answer(b"", 302, LOGIN)
        if path == "/web/search/topsearch/":
            return json_answer(_search(asked.query["query"]))
        return self._profile_page(path.strip("/")) if path.count("/") == 2 else None

    def _hashtag(self, asked: Asked) -> Answer:
        variables = json.loads(asked.query["variables"])
        found = [post for post in self.posts if post.tag == variables["tag_name"]]
        page, info = _cut(found, variables.get("after"), variables["first"])
        edges = [{"node": self._web_node(post)} for post in page]
        media = {"count": len(found), "page_info": info, "edges": edges}
        return json_answer({"data": {"hashtag": {"edge_hashtag_to_media": media}}, "status": "ok"})

    def _query(self, asked: Asked, logged_in: bool) -> Answer | None:
        variables = json.loads(asked.query["variables"])
        match asked.query.get("doc_id"):
            case doc if doc == POST_QUERY:
                items = [self._media(post) for post in self.posts if post.shortcode == variables["shortcode"]]
                info = {"xdt_api__v1__media__shortcode__web_info": {"items": items}}
                return json_answer({"data": info, "status": "ok"})
            case doc if doc == PROFILE_QUERY and logged_in:
                user = {"id": variables["id"], "pk": variables["id"], "username": self._name(variables["id"])}
                return json_answer({"data": {"user": {**user, "is_private": False, "media_count": 3}}, "status": "ok"})
            case doc if doc == TIMELINE_QUERY and logged_in:
                found = [post for post in self.posts if post.author == variables["username"]]
                page, info = _cut(found, variables.get("after"), variables["first"])
                listing = {"edges": [{"node": self._media(post)} for post in page], "page_info": info}
                return json_answer({"data": {"xdt_api__v1__feed__user_timeline_graphql_connection": listing}})
        return None

    def _place(self, asked: Asked) -> Answer:
        page, info = _cut(self.posts, asked.query.get("max_id"), PAGE)
        medias = [{"media": self._media(post)} for post in page]
        sections = [{"layout_content": {"medias": medias[at : at + 3]}} for at in range(0, len(medias), 3)]
        recent = {
            "sections": sections,
            "more_available": info["has_next_page"],
            "next_max_id": info["end_cursor"],
        }
        return json_answer({"native_location_data": {"recent": recent}, "status": "ok"})

    def _profile_page(self, name: str) -> Answer | None:
        found = [post for post in self.posts if post.author == name]
        if not found:
            return _page("", status=404)
        edges = [{"node": {"code": post.shortcode, "pk": str(post.number)}} for post in found[:PAGE]]
        listing = {"edges": edges, "page_info": {"has_next_page": len(found) > PAGE, "end_cursor": "more"}}
        user = {"id": f"web-{name}", "pk": _number(name), "username": name, "is_private": False}
        data = {"xig_user_by_username": {**user, "polaris_ordered_timeline_connection": listing}}
        embedded = json.dumps({"require": [{"__bbox": {"result": {"data": data}}}]})
        return _page(f'<script type="application/json" data-sjs>{embedded}</script>')

    def _web_node(self, post: SocialPost) -> dict[str, Any]:
        return {
            "__typename": "GraphImage",
            "id": str(post.number),
            "shortcode": post.shortcode,
            "edge_media_to_caption": {"edges": [{"node": {"text": post.caption}}]},
            "edge_media_to_comment": {"count": 1},
            "taken_at_timestamp": int(post.time.timestamp()),
            "dimensions": {"height": 1080, "width": 1080},
            "display_url": f"{self.base}/pictures/{post.number}.jpg",
            "edge_liked_by": {"count": 7},
            "owner": {"id": _number(post.author)},
            "is_video": False,
            "accessibility_caption": None,
        }

    def _media(self, post: SocialPost) -> dict[str, Any]:
        candidates = [{"url": f"{self.base}/pictures/{post.number}.jpg", "width": 1080, "height": 1080}]
        user = {"pk": _number(post.author), "username": post.author, "full_name": post.author, "is_private": False}
        return {
            "code": post.shortcode,
            "pk": str(post.number),
            "media_type": 1,
            "taken_at": int(post.time.timestamp()),
            "caption": {"text": post.caption},
            "image_versions2": {"candidates": candidates},
            "user": {**user, "profile_pic_url": f"{self.base}/pictures/1.jpg"},
            "has_liked": False,
            "like_count": 7,
            "comment_count": 1,
        }

    def _name(self, number: str) -> str:
        return next((post.author for post in self.posts if _number(post.author) == number), "")


def _cut(found: Sequence[SocialPost], after: str | None, size: int) -> tuple[list[SocialPost], dict[str, Any]]:
    begin = int((after or "cut-0").partition("-")[2])
    more = begin + size < len(found)
    return list(found[begin : begin + size]), {
        "has_next_page": more,
        "end_cursor": f"cut-{begin + size}" if more else None,
    }


def _number(name: str) -> str:
    return str(sum(name.encode()) + 10**9)


def _search(word: str) -> dict[str, Any]:
    hashtags = [
        {"position": at, "hashtag": {"name": f"{word}{ending}", "id": 17841 + at, "media_count": 10**6 - at}}
        for at, ending in enumerate(("", "s", "lovers", "_of_instagram"))
    ]
    return {"users": [], "places": [], "hashtags": hashtags, "has_more": False, "status": "ok"}


def _page(body: str, status: int = 200) -> Answer:
    html = f"<!DOCTYPE html><html><body>{body}</body></html>"
    return Answer(html.encode(), status, {"Content-Type": "text/html; charset=utf-8"})
