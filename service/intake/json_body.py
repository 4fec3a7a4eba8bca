"""JSON bodies of a few fields."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from core.text.hashtags import normalise, why_not
from service.intake.budget import ByteBudget
from service.intake.post import is_json, parse_object, read_body
from service.problems import Refusal, invalid, refuse_fields

MAX_BYTES = 100_000
M = TypeVar("M", bound=BaseModel)


async def read_model(request: Request, bodies: ByteBudget, model: type[M]) -> M:
    """Return the body as ``model``.

    Raises:
        Refusal: anything between the content type and a field's form is wrong.
        Overloaded: too many bytes of bodies are held already.
    """
    if not is_json(request):
        raise Refusal("unsupported_content_type", "Send application/json.")
    with bodies.claims() as claim:
        fields = parse_object(await read_body(request, claim, MAX_BYTES), "body")
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        refuse_fields(error)


def hashtags(field: str, raw: list[str]) -> tuple[str, ...]:
    """Return the normal forms in the order given, each once.

    Raises:
        Refusal: one can be no hashtag.
    """
    found: dict[str, None] = {}
    for i, one in enumerate(raw):
        hashtag = normalise(one)
        if hashtag is None:
            raise invalid(f"{field}[{i}]", f"is no hashtag: {why_not(one)}", one)
        found[hashtag] = None
    return tuple(found)
