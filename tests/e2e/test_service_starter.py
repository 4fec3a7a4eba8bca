"""The service as people run it: the command line, the bundle that ships, a photograph."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.schemas.answers import SuggestionAnswer
from tests.support.service_process import ROOT, Service

URL = "/v1/suggestions"
STARTER = ROOT / "bundles" / "starter"
PICTURE = ROOT / "examples" / "photos" / "cat.jpg"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A client of ``tagsmith serve`` over the starter bundle."""
    if not (STARTER / "manifest.json").is_file():
        pytest.skip("there is no starter bundle in this checkout")
    service = Service("tagsmith", {}, "serve", "--bundle", str(STARTER))
    with service.client() as client:
        yield client
    service.process.terminate()
    assert service.ends_with() == 0


def _ask(client: httpx.Client, *, image: Path | None = None, **form: Any) -> dict[str, Any]:
    files = {"image": (image.name, image.read_bytes())} if image else {"image": ("", b"")}
    response = client.post(URL, data=form, files=files)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def _without_ids(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if not name.endswith("_id")}


@pytest.mark.parametrize(
    ("image", "caption", "seeds"), list(product([PICTURE, None], ["my cat", ""], ["cat", ""]))[:-1]
)
def test_every_combination_is_answered_in_full(
    client: httpx.Client, image: Path | None, caption: str, seeds: str
) -> None:
    """Twenty hashtags whose parts sum to their scores, none a seed, and 0 for an input that is absent."""
    answer = SuggestionAnswer.model_validate(_ask(client, image=image, caption=caption, seeds=seeds))
    tags = [one.hashtag for one in answer.suggestions]
    assert len(set(tags)) == len(tags) == 20
    assert not set(tags) & set(seeds.split())
    for one in answer.suggestions:
        parts = one.parts
        total = parts.image + parts.caption + parts.seeds + parts.popularity + parts.workspace
        assert total == pytest.approx(one.score, abs=1e-4)
        assert image is not None or parts.image == 0.0
        assert caption or parts.caption == 0.0
        assert seeds or parts.seeds == 0.0


def test_a_photograph_of_a_cat_is_one_of_a_pet(client: httpx.Client) -> None:
    """The first topic is pets, and some hashtag says cat."""
    body = _ask(client, image=PICTURE)
    assert body["topics"][0]["topic"] == "pets"
    assert any("cat" in one["hashtag"] for one in body["suggestions"])


def test_asked_again_and_in_json_the_answer_is_the_same(client: httpx.Client) -> None:
    """But for the ids."""
    form = _ask(client, image=PICTURE, caption="my cat", seeds="kitten", platforms="instagram")
    assert _without_ids(_ask(client, image=PICTURE, caption="my cat", seeds="kitten", platforms="instagram")) == (
        _without_ids(form)
    )
    encoded = base64.b64encode(PICTURE.read_bytes()).decode()
    body = {"image": {"base64": encoded}, "caption": "my cat", "seeds": ["kitten"], "platforms": ["instagram"]}
    assert _without_ids(client.post(URL, json=body).json()) == _without_ids(form)


def test_what_the_service_saw_can_be_sent_back_as_evidence(client: httpx.Client) -> None:
    """A browser that runs the network itself names topics and classes as answers do."""
    seen = _ask(client, image=PICTURE)
    evidence = {
        "topics": {one["topic"]: one["probability"] for one in seen["topics"]},
        "classes": [{"name": one["name"], "p": one["probability"]} for one in seen["classes"]],
    }
    response = client.post(URL, json={"image": {"evidence": evidence}})
    assert response.status_code == 200, response.text
    assert response.json()["topics"][0]["topic"] == seen["topics"][0]["topic"]


@pytest.mark.parametrize("cut", [0, 10, 1000, 20_000])
def test_a_picture_cut_short_is_a_problem(client: httpx.Client, cut: int) -> None:
    """Wherever the upload stopped."""
    response = client.post(URL, files={"image": ("a.jpg", PICTURE.read_bytes()[:cut])})
    assert response.status_code == 422
    assert response.json()["code"] in ("unsupported_image", "undecodable_image")


def test_the_routing_and_scorer_of_the_published_method_are_there(client: httpx.Client) -> None:
    """Each combination answers and names itself."""
    for routing, scorer in product(("soft", "hard", "global"), ("learned", "in_out", "cosine")):
        options = json.dumps({"routing": routing, "scorer": scorer, "limit": 5})
        body = _ask(client, image=PICTURE, caption="my cat", seeds="kitten", options=options)
        assert body["model"] == {"scorer": scorer, "routing": routing}
        assert len(body["suggestions"]) == 5


def test_the_card_is_served(client: httpx.Client) -> None:
    """With figures, counts and licences."""
    card = client.get("/v1/bundle").json()
    assert card["card"]
    assert card["metrics"]
    assert card["licences"]


def test_a_batch_of_photographs_is_answered_as_each_would_be_alone(client: httpx.Client) -> None:
    """To the last digit, though several go through the network at once."""
    photos = sorted(PICTURE.parent.glob("*.jpg"))[:6]
    posts: list[dict[str, Any]] = [
        {"image": {"base64": base64.b64encode(photo.read_bytes()).decode()}, "limit": 5} for photo in photos
    ]
    posts += [{"caption": "my cat at the window", "limit": 5}, {"seeds": ["ramen"], "platforms": ["instagram"]}]
    results = client.post(f"{URL}/batch", json={"posts": posts}).json()["results"]
    for post, entry in zip(posts, results, strict=True):
        assert _without_ids(entry["answer"]) == _without_ids(client.post(URL, json=post).json())


def test_a_set_is_judged_against_a_photograph(client: httpx.Client) -> None:
    """What the picture shows fits, what it does not show fits less."""
    image = {"base64": base64.b64encode(PICTURE.read_bytes()).decode()}
    body = client.post("/v1/check", json={"hashtags": ["catsofinstagram", "ramen"], "image": image}).json()
    fits = {one["hashtag"]: one["fit"] for one in body["hashtags"]}
    assert fits["catsofinstagram"]["level"] == "good"
    assert fits["ramen"]["level"] in ("fair", "poor")
    assert fits["catsofinstagram"]["score"] > fits["ramen"]["score"]


def test_hashtags_of_the_bundle_are_looked_up(client: httpx.Client) -> None:
    """Completion and one in full, related by use and by meaning."""
    found = client.get("/v1/hashtags", params={"prefix": "Sun", "limit": 5}).json()["hashtags"]
    assert len(found) == 5
    assert all(one["hashtag"].startswith("sun") for one in found)
    card = client.get("/v1/hashtags/sunset").json()
    assert len(card["related"]["by_use"]) == len(card["related"]["by_meaning"]) == 12
