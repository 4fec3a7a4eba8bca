"""The APIs of MediaWiki and Openverse over made-up photographs.

Shapes: https://www.mediawiki.org/wiki/API:Search, https://www.mediawiki.org/wiki/API:Imageinfo,
https://www.mediawiki.org/wiki/Extension:CommonsMetadata and https://www.mediawiki.org/wiki/API:Continue;
https://api.openverse.org/v1/ (``image_search``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.social_sites.server import Answer, Asked, json_answer
from tests.support.social_sites.world import SocialPost

LICENCES = (("cc-by-sa-4.0", "CC BY-SA 4.0"), ("cc0", "CC0"), ("cc-by-nc-2.0", "CC BY-NC 2.0"), ("pd", "Public domain"))
"""Each photograph has one of these by its number; the third is not free."""


@dataclass(frozen=True, slots=True)
class WikiApi:
    """Answers of a MediaWiki; a route of a :class:`SocialSite`.

    Attributes:
        base: the server's address, as it stands in pictures.
        files: what it holds.
        in_parts: whether categories come in an answer of their own.
    """

    base: str
    files: Sequence[SocialPost]
    in_parts: bool = False

    def __call__(self, asked: Asked) -> Answer | None:
        """Return the answer to a request of this API."""
        if asked.path != "/w/api.php":
            return None
        word = asked.query["gsrsearch"].partition(" ")[0]
        found = [file for file in self.files if file.tag == word]
        begin, limit = int(asked.query.get("gsroffset", 0)), int(asked.query["gsrlimit"])
        page = found[begin : begin + limit]
        second = "clcontinue" in asked.query
        pages = [self._page(file, rank, second) for rank, file in enumerate(page, begin + 1)]
        answer: dict[str, Any] = {"query": {"pages": list(reversed(pages))}} if pages else {"batchcomplete": True}
        if self.in_parts and pages and not second:
            answer["continue"] = {"clcontinue": f"{page[-1].number}|x", "continue": "||imageinfo"}
            if begin:
                answer["continue"]["gsroffset"] = str(begin)
            return json_answer(answer)
        answer["batchcomplete"] = True
        if begin + limit < len(found):
            answer["continue"] = {"gsroffset": begin + limit, "continue": "gsroffset||"}
        return json_answer(answer)

    def _page(self, file: SocialPost, rank: int, second: bool) -> dict[str, Any]:
        page: dict[str, Any] = {
            "pageid": file.number,
            "ns": 6,
            "title": f"File:{file.tag} {file.number}.jpg",
            "index": rank,
        }
        if self.in_parts and not second:
            return {**page, "imageinfo": [self._info(file)]}
        categories = [f"{file.tag.title()}s in Rome", "2026 photographs", "Taken with a camera of some kind"]
        page["categories"] = [{"ns": 14, "title": f"Category:{name}"} for name in categories]
        return page if self.in_parts else {**page, "imageinfo": [self._info(file)]}

    def _info(self, file: SocialPost) -> dict[str, Any]:
        code, name = LICENCES[file.number % 4]
        described = f'<p>A <b>{file.tag}</b> on walk {file.number}.</p><span style="display: none">hidden</span>'
        metadata = {
            "License": code,
            "LicenseShortName": name,
            "Artist": f'<a href="//commons.example/wiki/User:{file.author}">{file.author}</a>',
            "ImageDescription": described,
        }
        return {
            "timestamp": file.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "user": f"uploader of {file.author}",
            "size": 5_000_000,
            "width": 4000,
            "height": 3000,
            "thumburl": f"{self.base}/pictures/{file.number}.jpg",
            "url": f"{self.base}/pictures/{file.number}.jpg?full",
            "descriptionurl": f"https://commons.example/wiki/File:{file.tag}_{file.number}.jpg",
            "mime": "image/jpeg",
            "extmetadata": {name: {"value": value, "source": "commons-desc-page"} for name, value in metadata.items()},
        }


@dataclass(frozen=True, slots=True)
class OpenverseApi:
    """Answers of Openverse; a route of a :class:`SocialSite`."""

    base: str
    files: Sequence[SocialPost]

    def __call__(self, asked: Asked) -> Answer | None:
        """Return the answer to a request of this API."""
        if asked.path != "/v1/images/":
            return None
        size, page = int(asked.query["page_size"]), int(asked.query["page"])
        if size > 20:
            return json_answer({"detail": "page_size must be between 1 & 20 for anonymous requests."}, status=401)
        found = [file for file in self.files if file.tag == asked.query["q"]]
        results = [self._image(file) for file in found[(page - 1) * size : page * size]]
        n_pages = -(-len(found) // size)
        return json_answer(
            {"result_count": len(found), "page_count": n_pages, "page_size": size, "page": page, "results": results}
        )

    def _image(self, file: SocialPost) -> dict[str, Any]:
        code, version = (("by-sa", "4.0"), ("cc0", "1.0"), ("by-nc", "2.0"), ("pdm", "1.0"))[file.number % 4]
        return {
            "id": f"00000000-0000-4000-8000-{file.number:012d}",
            "title": f"{file.tag.title()} on walk {file.number}",
            "foreign_landing_url": f"https://photos.example/{file.number}",
            "url": f"{self.base}/pictures/{file.number}.jpg",
            "creator": file.author,
            "creator_url": f"https://photos.example/people/{file.author}",
            "license": code,
            "license_version": version,
            "license_url": f"https://creativecommons.org/licenses/{code}/{version}/",
            "provider": "flickr",
            "source": "flickr",
            "category": "photograph",
            "filesize": 100_000,
            "filetype": "jpg",
            "tags": [
                {"name": file.tag, "accuracy": None, "unstable__provider": "flickr"},
                {"name": "golden hour", "accuracy": None, "unstable__provider": "flickr"},
                {"name": "hat", "accuracy": 0.51, "unstable__provider": "clarifai"},
            ],
            "attribution": f'"{file.tag}" by {file.author} is licensed under CC {code.upper()} {version}.',
            "mature": False,
            "height": 3000,
            "width": 4000,
            "thumbnail": f"{self.base}/v1/images/{file.number}/thumb/",
            "detail_url": f"{self.base}/v1/images/{file.number}/",
            "related_url": f"{self.base}/v1/images/{file.number}/related/",
        }
