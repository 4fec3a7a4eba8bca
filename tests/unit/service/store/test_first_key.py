"""The moment in which a service that answered everyone begins to ask for keys."""

from __future__ import annotations

import asyncio

from service.app import create_app
from service.context import parts_of
from service.protocol.auth import ANYONE
from service.settings import Settings
from service.store.key_ring import new_key
from service.store.repositories import Repositories
from tests.support.serving import fake_loaded, loader
from tests.unit.service.conftest import asking, until_ready


async def test_the_first_key_closes_the_door_behind_it() -> None:
    """A service without keys answers everyone as one workspace, without a limit; soon after the first key, nobody."""
    app = create_app(Settings(), load=loader(fake_loaded()))
    async with asking(app) as client:
        await until_ready(app)
        me = await client.get("/v1/me")
        assert (me.json()["workspace"], me.json()["rate"]) == (ANYONE, None)
        assert "ratelimit" not in me.headers
        odd = await client.get("/v1/me", headers={"x-api-key": new_key()[1]})
        assert odd.json()["code"] == "bad_key", "a key sent to the wrong database is not ignored"
        repositories: Repositories = parts_of(app).repositories
        stored, _ = await repositories.keys.create(workspace="w", name="n", scopes=[], per_minute=1, lifetime_s=None)
        await repositories.keys.revoke(stored.key_id)
        while (answer := await client.get("/v1/me")).status_code == 200:
            await asyncio.sleep(0.02)
        assert answer.json()["code"] == "missing_key"
