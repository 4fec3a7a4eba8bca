"""Errors become problems: each has a code, none tells too much."""

from __future__ import annotations

import pytest

from core import errors
from core.errors import BundleCorrupt, Overloaded, TagsmithError, UndecodableImage
from service.problems import (
    CODES,
    KINDS,
    FieldError,
    Refusal,
    documented,
    presentable,
    problem_body,
    refusal_for,
)


def _family(error: type[TagsmithError]) -> list[type[TagsmithError]]:
    return [error, *(cousin for child in error.__subclasses__() for cousin in _family(child))]


@pytest.mark.parametrize("error", [one for one in _family(TagsmithError) if one.__module__ == errors.__name__])
def test_every_error_has_a_code(error: type[TagsmithError]) -> None:
    """A new class in core.errors does not reach callers as a bug."""
    assert CODES[error] in KINDS


def test_an_unmapped_subclass_is_what_its_parent_is() -> None:
    """A room's own subclass is answered like the class it refines."""

    class CutShort(UndecodableImage):
        pass

    assert refusal_for(CutShort("cut")).code == "undecodable_image"


def test_a_foreign_error_is_internal_and_keeps_its_text() -> None:
    """What a bug says may hold a path or a caption, and stays in the house."""
    refusal = refusal_for(ValueError("/home/someone/secret"))
    assert refusal.code == "internal_error"
    assert "secret" not in refusal.detail


def test_bundle_errors_do_not_tell_paths() -> None:
    """Bundle messages name files of the machine; callers only learn that nothing is loaded."""
    refusal = refusal_for(BundleCorrupt("/srv/bundles/x is missing"))
    assert (refusal.code, "/srv" in refusal.detail) == ("not_ready", False)


def test_retry_after_is_whole_seconds_rounded_up() -> None:
    """Retry-After takes no fractions, and 0 would mean "at once"."""
    assert refusal_for(Overloaded("full", retry_after_s=2.1)).headers == {"Retry-After": "3"}
    assert refusal_for(Overloaded("full", retry_after_s=0.0)).headers == {"Retry-After": "1"}


def test_a_bad_input_names_its_field() -> None:
    """What the rooms below say about a field goes out as an entry of errors."""
    assert refusal_for(UndecodableImage("cut short", field="image")).fields == (FieldError("image", "cut short"),)


def test_the_body_has_the_members_of_rfc_9457_and_ours() -> None:
    """A field without a value shows none."""
    refusal = Refusal(
        "invalid_request", "no.", fields=(FieldError("limit", "too much", 101), FieldError("image", "bad"))
    )
    assert problem_body(refusal, instance="/v1/suggestions", request_id="r1") == {
        "type": "/problems/invalid_request",
        "title": "The request is not valid",
        "status": 422,
        "detail": "no.",
        "instance": "/v1/suggestions",
        "code": "invalid_request",
        "request_id": "r1",
        "errors": [{"field": "limit", "message": "too much", "value": 101}, {"field": "image", "message": "bad"}],
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (101, 101),
        (True, True),
        ("x" * 64, "x" * 64),
        ("x" * 65, None),
        ("a\nb", None),
        ("\ud800", None),
        (float("nan"), None),
        (10**64, None),
        (["a"], None),
        ({"a": 1}, None),
    ],
)
def test_only_short_scalars_are_shown(value: object, shown: object) -> None:
    """An error repeats what was sent only where it is short and plain."""
    assert presentable(value) == shown


def test_codes_of_one_status_share_an_openapi_response() -> None:
    """OpenAPI has one entry a status; each code is an example of its own."""
    responses = documented("body_too_large", "image_too_large", "overloaded")
    assert set(responses) == {413, 429}
    content = responses[413]["content"]["application/problem+json"]
    assert set(content["examples"]) == {"body_too_large", "image_too_large"}
    assert "Retry-After" in responses[429]["headers"]
