"""Bodies become requests, or refusals that name the field."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.intake.form import Part, post_of_parts
from service.intake.post import decode_base64, parse_post
from service.problems import Refusal
from service.schemas.requests import MAX_IMAGE_BYTES, SuggestionRequest, UrlImage

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from([*SuggestionRequest.model_fields, "url", "Limit", ""])


def _refusal(body: object) -> Refusal:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(Refusal) as caught:
        parse_post(data)
    return caught.value


def _fields(body: object) -> list[str]:
    return [field.field for field in _refusal(body).fields]


def _outcome(body: bytes) -> tuple[str, list[str]]:
    try:
        parse_post(body)
    except Refusal as refusal:
        return refusal.code, [field.field for field in refusal.fields]
    return "read", []


def _part(name: str, data: str | bytes, *, filename: str | None = None, content_type: str = "") -> Part:
    return Part(name, filename, content_type, bytearray(data.encode() if isinstance(data, str) else data))


def _form_refusal(*parts: Part) -> Refusal:
    with pytest.raises(Refusal) as caught:
        post_of_parts(list(parts))
    return caught.value


def test_defaults_are_those_of_the_contract() -> None:
    """An empty object is a request with every default."""
    request = parse_post(b"{}").request
    assert request.model_dump() == {
        "image": None, "caption": "", "seeds": [], "limit": 20, "platforms": [], "exclude": [], "pin": [],
        "topic": None, "routing": "soft", "scorer": "learned", "diversity": 0.2, "mix": None, "casing": "lower",
        "language": None, "explain": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"colour": 1}, "colour"),
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "5"}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": 2.5}, "limit"),
        ({"seeds": "dog"}, "seeds"),
        ({"seeds": ["a", 2]}, "seeds[1]"),
        ({"seeds": ["a"] * 31}, "seeds"),
        ({"caption": "x" * 5001}, "caption"),
        ({"caption": None}, "caption"),
        ({"diversity": 1.01}, "diversity"),
        ({"mix": {"broad": -1}}, "mix.broad"),
        ({"mix": {"large": 1}}, "mix.large"),
        ({"routing": "Soft"}, "routing"),
        ({"scorer": "best"}, "scorer"),
        ({"casing": "upper"}, "casing"),
        ({"language": "english language"}, "language"),
        ({"explain": 1}, "explain"),
        ({"image": "https://example.org/a.jpg"}, "image"),
        ({"image": {}}, "image"),
        ({"image": {"base64": "aGk=", "url": "https://example.org"}}, "image"),
        ({"image": {"url": "https://example.org", "alt": "x"}}, "image.alt"),
        ({"image": {"base64": 5}}, "image.base64"),
        ({"image": {"base64": "not base64!"}}, "image.base64"),
        ({"image": {"base64": "data:image/png;base64,aGk="}}, "image.base64"),
        ({"image": {"evidence": {"topics": {"pets": 1.5}}}}, "image.evidence.topics.pets"),
        ({"image": {"evidence": {"topics": {"pets": 1}, "classes": [{"name": "x"}]}}}, "image.evidence.classes[0].p"),
    ],
)
def test_a_bad_field_is_named(body: dict[str, Any], field: str) -> None:
    """The path of the field is told, with a status that says the form is wrong."""
    refusal = _refusal(body)
    assert (refusal.code, [one.field for one in refusal.fields]) == ("invalid_request", [field])


def test_every_bad_field_is_named_at_once() -> None:
    """A caller does not have to send five times to learn of five mistakes."""
    assert set(_fields({"limit": 0, "seeds": [1], "x": 1})) == {"limit", "seeds[0]", "x"}


@pytest.mark.parametrize("body", [{"caption": 5}, {"image": {"base64": 7}}, {"image": "secret"}])
def test_captions_and_images_are_not_repeated(body: dict[str, Any]) -> None:
    """Errors go to logs of callers; content has no place there."""
    assert [field.value for field in _refusal(body).fields] == [None]


def test_whole_numbers_may_be_written_with_a_point() -> None:
    """JSON Schema calls 20.0 an integer."""
    assert parse_post(b'{"limit": 20.0, "mix": {"mid": 2.0}}').request.limit == 20


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b"\xff\xfe",
        b'{"diversity": NaN}',
        b'{"limit": 1e400}'[:-1],
        b"[" * 5000,
        b"1" * 5000,
        b"\xef\xbb\xbf{}",
    ],
)
def test_broken_json_is_malformed(body: bytes) -> None:
    """Cut short, in another encoding, not finite, too deep."""
    assert _refusal(body).code == "malformed_body"


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"3"])
def test_a_body_that_is_no_object_is_invalid(body: bytes) -> None:
    """Valid JSON, but not a request."""
    assert _refusal(body).code == "invalid_request"


def test_a_key_given_twice_is_refused() -> None:
    """Which of the two was meant cannot be known."""
    assert _fields(b'{"limit": 3, "seeds": ["a"], "limit": 4}') == ["limit"]
    assert _fields(b'{"mix": {"mid": 3, "mid": 4}}') == ["mid"]


def test_a_body_of_a_million_small_values_is_refused_unparsed() -> None:
    """Parsing would cost thirty times its size in memory."""
    assert _refusal(b"[" + b"{}," * 100_000 + b"{}]").code == "body_too_large"


def test_a_picture_by_url_is_read_and_not_yet_fetched() -> None:
    """Whether it may be is judged where it would be done."""
    read = parse_post(b'{"image": {"url": "https://example.org/a.jpg"}}')
    assert read.image_file is None
    assert isinstance(read.request.image, UrlImage)


def test_an_image_in_base64_arrives_as_bytes() -> None:
    """And is gone from the request's fields."""
    post = parse_post(json.dumps({"image": {"base64": base64.b64encode(b"picture").decode()}}).encode())
    assert (post.image_file, post.request.image) == (b"picture", None)


def test_the_bound_of_a_picture_counts_decoded_bytes() -> None:
    """Exactly 15 MB pass, one byte more does not, in base64 as in a form."""
    assert len(decode_base64(base64.b64encode(bytes(MAX_IMAGE_BYTES)).decode())) == MAX_IMAGE_BYTES
    too_much = base64.b64encode(bytes(MAX_IMAGE_BYTES + 1)).decode()
    assert _refusal({"image": {"base64": too_much}}).code == "image_too_large"
    assert _refusal({"image": {"base64": too_much * 2}}).code == "image_too_large"


@given(st.dictionaries(FIELDS, ANY_JSON, max_size=4))
def test_wild_objects_are_read_or_refused(fields: dict[str, Any]) -> None:
    """No JSON leads to anything but a request or a refusal with printable field paths."""
    code, paths = _outcome(json.dumps(fields).encode())
    assert code in ("read", "malformed_body", "invalid_request")
    assert all(path.isprintable() for path in paths)


@given(st.binary(max_size=60))
def test_wild_bytes_are_refused(body: bytes) -> None:
    """No bytes lead to a crash."""
    assert _outcome(body)[0] in ("read", "malformed_body", "invalid_request")


def test_a_form_says_what_json_says() -> None:
    """Seeds and platforms repeated or comma separated, the rest in options."""
    form, image_file = post_of_parts(
        [
            _part("image", b"picture", filename="a.jpg", content_type="image/jpeg"),
            _part("caption", "hello, world"),
            _part("seeds", "dog, #Cat,"),
            _part("seeds", "hund"),
            _part("platforms", "instagram"),
            _part("options", '{"limit": 5, "pin": ["love"]}'),
        ]
    )
    same = {
        "caption": "hello, world",
        "seeds": ["dog", "#Cat", "hund"],
        "platforms": ["instagram"],
        "limit": 5,
        "pin": ["love"],
    }
    assert form == parse_post(json.dumps(same).encode()).request
    assert image_file == b"picture"


@pytest.mark.parametrize("name", ["image", "caption", "options"])
def test_a_single_part_given_twice_is_refused(name: str) -> None:
    """Only seeds and platforms repeat."""
    part = _part(name, "{}", filename="a" if name == "image" else None)
    refusal = _form_refusal(part, part)
    assert (refusal.code, refusal.fields[0].field) == ("invalid_request", name)


def test_unknown_parts_are_refused_with_a_hint() -> None:
    """The limit is a field of JSON; in a form it belongs into options."""
    assert _form_refusal(_part("colour", "red")).fields[0].field == "colour"
    assert "options" in _form_refusal(_part("limit", "5")).detail


def test_unknown_options_are_refused_with_a_hint() -> None:
    """The seeds are a part of their own; a typing error is named with its place."""
    refusal = _form_refusal(_part("options", '{"seeds": ["a"]}'))
    assert (refusal.fields[0].field, "part of its own" in refusal.detail) == ("options.seeds", True)
    assert _form_refusal(_part("options", '{"limitt": 3}')).fields[0].field == "options.limitt"


def test_a_bad_option_is_named_with_its_part() -> None:
    """The path leads to where the value stands in the form."""
    assert [field.field for field in _form_refusal(_part("options", '{"limit": 0, "mix": {"mid": "x"}}')).fields] == [
        "options.limit",
        "options.mix.mid",
    ]


@pytest.mark.parametrize(
    ("options", "code"), [("{", "malformed_body"), ("[1]", "invalid_request"), ("", "malformed_body")]
)
def test_options_must_be_a_json_object(options: str, code: str) -> None:
    """Broken JSON and another kind of value are told apart, as for a body."""
    assert _form_refusal(_part("options", options)).code == code


def test_an_image_must_be_a_file() -> None:
    """A path or URL in a text part would otherwise be taken for a broken picture."""
    assert _form_refusal(_part("image", "photo.jpg")).fields[0].field == "image"
    assert post_of_parts([_part("image", b"x", content_type="image/jpeg")])[1] == b"x"


def test_the_empty_part_of_a_form_without_a_chosen_file_is_no_image() -> None:
    """Browsers send a part without name and content when nothing was chosen."""
    assert post_of_parts([_part("image", b"", filename="")])[1] is None
    assert post_of_parts([_part("image", b"", filename="a.jpg")])[1] == b""


def test_text_that_is_not_utf8_names_its_part() -> None:
    """A caption in another encoding is refused, not guessed at."""
    assert _form_refusal(_part("caption", b"\xff")).fields[0].field == "caption"
