"""The body of a check: JSON within its bound, its form judged."""

from __future__ import annotations

from anyio import to_thread
from pydantic import ValidationError
from starlette.requests import Request

from service.intake.budget import Claim
from service.intake.post import BIG_JSON_BYTES, decode_base64, is_json, parse_object, read_body
from service.problems import Refusal, refuse_fields
from service.schemas.requests import MAX_JSON_BYTES, Base64Image, CheckRequest


async def read_check(request: Request, claim: Claim) -> tuple[CheckRequest, bytes | None]:
    """Return what is to be checked, and the photograph's bytes where they came with it.

    Raises:
        Refusal: anything between the content type and a field's form is wrong.
        Overloaded: too many bytes of bodies are held already.
    """
    if not is_json(request):
        raise Refusal("unsupported_content_type", "Send application/json.")
    body = await read_body(request, claim, MAX_JSON_BYTES)
    return await to_thread.run_sync(_read, body) if len(body) > BIG_JSON_BYTES else _read(body)


def _read(body: bytearray) -> tuple[CheckRequest, bytes | None]:
    fields = parse_object(body, "body")
    try:
        request = CheckRequest.model_validate(fields)
    except ValidationError as error:
        refuse_fields(error)
    image_file = decode_base64(request.image.base64) if isinstance(request.image, Base64Image) else None
    return request, image_file
