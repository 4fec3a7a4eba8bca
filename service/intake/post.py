"""A post or a check as it comes in: JSON or a form, and the photograph in it.

What a field means is for ``service.answer`` to say; here only its form is judged.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from starlette.requests import Request

from service.intake.bodies import JSON, Claim, content_kind, parse_object, read_json, validated
from service.intake.form import FORM, read_form
from service.problems import Refusal, invalid
from service.schemas.requests import (
    MAX_IMAGE_BYTES,
    MAX_JSON_BYTES,
    Base64Image,
    CheckRequest,
    Picture,
    SuggestionRequest,
    UrlImage,
)

R = TypeVar("R", SuggestionRequest, CheckRequest)


@dataclass(frozen=True, slots=True)
class ReadRequest(Generic[R]):
    """A request whose form is right.

    Attributes:
        request: its fields.
        image_file: the photograph's bytes, not yet decoded; None when none came with the request.
        image_url: where the photograph is to be fetched, or None.
    """

    request: R
    image_file: bytes | None
    image_url: str | None = None


async def read_post(request: Request, claim: Claim) -> ReadRequest[SuggestionRequest]:
    """Return what one suggestion request asks for.

    Raises:
        Refusal: anything between the content type and a field's form is wrong.
        Overloaded: too many bytes of bodies are held already.
    """
    kind = content_kind(request)
    if kind == JSON:
        return await read_json(request, claim, parse_post, max_bytes=MAX_JSON_BYTES)
    if kind == FORM:
        return ReadRequest(*await read_form(request, claim))
    raise Refusal("unsupported_content_type", "Send application/json or multipart/form-data.")


async def read_check(request: Request, claim: Claim) -> ReadRequest[CheckRequest]:
    """Return what is to be checked.

    Raises:
        Refusal: anything between the content type and a field's form is wrong.
        Overloaded: too many bytes of bodies are held already.
    """
    return await read_json(request, claim, _parse_check, max_bytes=MAX_JSON_BYTES)


def parse_post(body: bytes | bytearray) -> ReadRequest[SuggestionRequest]:
    """Return the post in a JSON body."""
    return post_of(parse_object(body))


def post_of(fields: dict[str, Any]) -> ReadRequest[SuggestionRequest]:
    """Return the post that JSON's ``fields`` make; a photograph in base64 becomes its ``image_file``."""
    request = validated(SuggestionRequest, fields)
    image_file, image_url = _picture(request.image)
    if image_file is not None:
        request = request.model_copy(update={"image": None})
    return ReadRequest(request, image_file, image_url)


def decode_base64(text: str) -> bytes:
    """Return the bytes of a picture sent as base64."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        hint = ", without a data: prefix" if text.startswith("data:") else ""
        raise invalid("image.base64", f"must be padded base64{hint}") from None
    if len(data) > MAX_IMAGE_BYTES:
        raise Refusal("image_too_large", f"The picture has more than {MAX_IMAGE_BYTES:,} bytes.")
    return data


def _parse_check(body: bytearray) -> ReadRequest[CheckRequest]:
    request = validated(CheckRequest, parse_object(body))
    return ReadRequest(request, *_picture(request.image))


def _picture(image: Picture | None) -> tuple[bytes | None, str | None]:
    """Return the photograph's bytes and its URL, each where it is sent that way."""
    image_file = decode_base64(image.base64) if isinstance(image, Base64Image) else None
    return image_file, image.url if isinstance(image, UrlImage) else None
