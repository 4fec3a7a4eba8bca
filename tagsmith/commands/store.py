"""``tagsmith store``: the schema of the database that the service remembers things in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from core.errors import StoreMismatch
from tagsmith.terminal import tell

if TYPE_CHECKING:
    from service.store.database import Store

T = TypeVar("T")

app = typer.Typer(
    help="Bring the database's schema forward or back, or look at it. TAGSMITH_DATABASE names the database.",
    no_args_is_help=True,
)


@app.command("upgrade")
def upgrade(
    to: Annotated[str | None, typer.Option("--to", help="A schema's number. Default: this version's.")] = None,
) -> None:
    """Bring the database to this version's schema, whole or not at all. Make a backup of one that matters first."""
    from service.store.schema import HEAD, PATIENCE_S, migrate

    before, after = with_store(lambda store: migrate(store, to or HEAD), patience_s=PATIENCE_S)
    tell(f"schema {after}" + ("" if before == after else f", before: {before}"))


@app.command("downgrade")
def downgrade(
    to: Annotated[str, typer.Option("--to", help="The schema of the version that is to run; base drops every table.")],
) -> None:
    """Take the database back to an older schema, whole or not at all. What only the newer one can hold is lost."""
    from service.store.schema import PATIENCE_S, migrate

    before, after = with_store(lambda store: migrate(store, to), patience_s=PATIENCE_S)
    tell(f"schema {after}" + ("" if before == after else f", before: {before}"))


@app.command("check")
def check() -> None:
    """Tell the database's schema; exit code 0 when this version of the service can run on it."""
    from service.store.schema import EMPTY, HEAD, PATIENCE_S, REVISIONS, revision_of

    async def look(store: Store) -> str:
        store.make_folder()
        return await revision_of(store)

    found = with_store(look, patience_s=PATIENCE_S)
    if found == HEAD:
        tell(f"schema {found}: the one that this version needs")
        return
    known = found in (EMPTY, *REVISIONS)
    what = "run tagsmith store upgrade" if known else "a newer version of tagsmith made it, so run that one"
    raise StoreMismatch(f"schema {found}, and {HEAD} is needed; {what}")


def with_store(use: Callable[[Store], Awaitable[T]], *, patience_s: float | None = None) -> T:
    """Return what ``use`` makes of the database; a transaction may take ``patience_s`` (else a request's).

    A misspelt ``TAGSMITH_DATABASE`` would work on another database in silence, so such variables are named first.
    """
    from service.settings import load_settings, unknown_variables
    from service.store.repositories import store_of

    for variable, nearest in unknown_variables().items():
        advice = f"; did you mean {nearest}?" if nearest else ""
        tell(f"tagsmith: there is no setting {variable}{advice}", err=True)

    async def run() -> T:
        async with store_of(load_settings(), patience_s=patience_s) as store:
            return await use(store)

    return asyncio.run(run())
