"""The database that the settings name, for commands that look into it or change it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from service.store.database import Store

T = TypeVar("T")


def with_store(use: Callable[[Store], Awaitable[T]], *, patience_s: float | None = None) -> T:
    """Return what ``use`` makes of the database; a transaction may take ``patience_s`` (else a request's).

    A misspelt ``TAGSMITH_DATABASE`` would have it work on another one in silence, so such variables are named first.
    """
    from service.settings import load_settings, unknown_variables
    from service.store.repositories import store_of

    for variable, nearest in unknown_variables().items():
        advice = f"; did you mean {nearest}?" if nearest else ""
        typer.echo(f"tagsmith: there is no setting {variable}{advice}", err=True)

    async def run() -> T:
        async with store_of(load_settings(), patience_s=patience_s) as store:
            return await use(store)

    return asyncio.run(run())
