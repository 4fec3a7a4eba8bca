"""HEAD is answered like GET, without the body."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
import uvicorn

from service.app import create_app
from service.protocol.auth import scope_checks
from service.protocol.connections import GuardedProtocol
from service.settings import Settings
from tests.support.serving import fake_loaded, loader
from tests.unit.service.conftest import Ask, asking, until_ready

APP = create_app(Settings(), load=loader(fake_loaded()))
PATHS = sorted({path.format(name="nosuch", hashtag="dog") for method, path in scope_checks(APP) if method == "GET"})
CHANGING = {"x-request-id", "server-timing", "content-length"}


def _kept(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name not in CHANGING}


@pytest.mark.parametrize("path", PATHS)
async def test_each_path_that_is_read_answers_head(client: httpx.AsyncClient, path: str) -> None:
    """With the status and the headers of GET."""
    got, asked = await client.get(path), await client.head(path)
    assert asked.status_code == got.status_code
    assert _kept(asked) == _kept(got)
    assert "content-length" in asked.headers


async def test_what_is_only_written_has_no_head(client: httpx.AsyncClient) -> None:
    """405 says what there is; where GET is, HEAD is told of too."""
    refused = await client.head("/v1/suggestions")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert (await client.patch("/ping")).headers["allow"] == "GET, HEAD"


async def test_head_is_counted_under_its_own_name(client: httpx.AsyncClient) -> None:
    """At the route that it was asked of."""
    await client.head("/v1/hashtags/dog")
    counted = (await client.get("/metrics")).text
    assert 'tagsmith_requests_total{method="HEAD",route="/v1/hashtags/{hashtag}",status="200"} 1.0' in counted


async def test_pages_of_an_allowed_origin_may_ask_for_heads(serve: Ask) -> None:
    """With a key, which takes asking before."""
    client = await serve(cors_origins="https://app.example")
    asked = {"access-control-request-method": "HEAD", "access-control-request-headers": "x-api-key"}
    assert (await client.options("/v1/me", headers={"origin": "https://app.example", **asked})).status_code == 200


@pytest.mark.parametrize("protocol", [GuardedProtocol, "h11"])
async def test_no_byte_of_a_body_goes_out(protocol: Any) -> None:
    """What follows on the connection is the next answer, whichever parser the server uses."""
    app = create_app(Settings(), load=loader(fake_loaded()))
    async with asking(app):
        await until_ready(app)
        config = uvicorn.Config(app, port=0, http=protocol, ws="none", lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.005)
        reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname()[:2])
        for path in (b"/ping", b"/docs", b"/nothing", b"/metrics"):
            writer.write(b"HEAD %s HTTP/1.1\r\nHost: t\r\n\r\nGET /ping HTTP/1.1\r\nHost: t\r\n\r\n" % path)
            head = await reader.readuntil(b"\r\n\r\n")
            assert int(head.lower().partition(b"content-length: ")[2].split()[0]) > 0
            after = await reader.readuntil(b"}")
            assert after.startswith(b"HTTP/1.1 200")
        writer.close()
        server.should_exit = True
        await serving
