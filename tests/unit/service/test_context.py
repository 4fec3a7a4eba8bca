"""What a request holds while it is answered, and no longer."""

from __future__ import annotations

from typing import Any

import pytest

from service.app import create_app
from service.context import RequestContext, parts_of
from service.settings import Settings
from tests.support.serving import fake_loaded, loader
from tests.unit.service.conftest import asking, until_ready


async def test_a_request_that_is_done_holds_no_bundle() -> None:
    """A server may keep the scope of an idle connection for long; a bundle that was replaced must not stay with it."""
    app = create_app(Settings(), load=loader(fake_loaded()))
    scope: dict[str, Any] = {
        "type": "http", "method": "GET", "path": "/v1/topics", "raw_path": b"/v1/topics", "query_string": b"",
        "headers": [], "http_version": "1.1", "scheme": "http", "server": ("t", 80), "client": ("t", 1),
        "root_path": "",
    }  # fmt: skip
    held: list[object] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        held.append(scope["state"]["context"].held)

    async with asking(app):
        await until_ready(app)
        await app(scope, receive, send)
        assert held
        assert all(held)
        assert scope["state"]["context"].held is None


async def test_a_request_without_a_checked_key_has_no_workspace() -> None:
    """A route that forgets to check the key must not act for anyone."""
    app = create_app(Settings(), load=loader(fake_loaded()))
    async with asking(app):
        with pytest.raises(AssertionError, match="does not check"):
            _ = RequestContext(parts_of(app), "r1").workspace
