"""``tagsmith keys``: who may call the service."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from core.errors import BadInput, InvalidOption
from tagsmith.commands.store import with_store
from tagsmith.terminal import tell, tell_json

if TYPE_CHECKING:
    from service.store.database import Store
    from service.store.key_ring import KeyRing, StoredKey

app = typer.Typer(
    help="Make, list and revoke keys. The database is the one that TAGSMITH_DATABASE names.", no_args_is_help=True
)
T = TypeVar("T")
_LIFETIME = re.compile(r"(\d{1,6})([mhd])")
_SECONDS = {"m": 60.0, "h": 3600.0, "d": 86_400.0}
MAX_NAME = 100


@app.command("create")
def create(
    name: Annotated[str, typer.Option("--name", help="What the key is for, so that it can be told from others.")],
    workspace: Annotated[
        str,
        typer.Option("--workspace", help="Whose feedback and sets it reaches; a new one is made by its name."),
    ] = "default",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            help="What it may do: suggest, read, feedback, sets, metrics; given once each. Default: the first four.",
        ),
    ] = None,
    per_minute: Annotated[
        int, typer.Option("--per-minute", min=1, max=1_000_000, help="Requests in a minute; a post of a batch is one.")
    ] = 600,
    expires: Annotated[
        str | None, typer.Option("--expires", help="How long it is good for: 90d, 12h or 30m. Default: until revoked.")
    ] = None,
    only_key: Annotated[bool, typer.Option("--only-key", help="Print the key and nothing else, for a script.")] = False,
) -> None:
    """Make a key and print it. It is shown this once: what is stored cannot be turned back into it."""
    from service.protocol.auth import SCOPES
    from service.store.key_ring import WORKSPACE

    wanted = tuple(scope or SCOPES[:4])
    unknown = sorted(set(wanted) - set(SCOPES))
    if unknown:
        raise InvalidOption(f"there is no scope {unknown[0]}; choose from {', '.join(SCOPES)}", field="scope")
    if not WORKSPACE.fullmatch(workspace):
        raise BadInput(
            f"{workspace!r} names no workspace; give 1 to 64 small letters, digits, - and _, the first no - or _"
        )
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise BadInput(f"a key's name has 1 to {MAX_NAME} printable characters; choose another")
    lifetime_s = None if expires is None else _seconds(expires)

    async def make(ring: KeyRing) -> tuple[StoredKey, str]:
        return await ring.create(
            workspace=workspace, name=name, scopes=wanted, per_minute=per_minute, lifetime_s=lifetime_s
        )

    stored, key = _with_keys(make)
    if not only_key:
        tell(f"key {stored.key_id} of workspace {workspace}: {', '.join(wanted)}", err=True)
        tell("It is shown this once; keep it where secrets are kept.", err=True)
    tell(key)


@app.command("list")
def list_keys(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a key.")] = False,
) -> None:
    """List every key that was made: its id, workspace, scopes, rate and whether it still opens anything."""

    async def read(ring: KeyRing) -> list[tuple[StoredKey, bool]]:
        return [(key, ring.is_valid(key)) for key in await ring.all()]

    for key, is_valid in _with_keys(read):
        fields = _fields(key, is_valid)
        if as_json:
            tell_json(fields)
        else:
            tell(
                f"{key.key_id}  {fields['state']:8}  {key.workspace}  {' '.join(sorted(key.scopes))}"
                f"  {key.per_minute}/min  until {fields['expires'] or 'revoked'}  {key.name}"
            )


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id that list shows, or the key itself.")],
) -> None:
    """Make a key worthless, from the next request on."""
    from service.store.key_ring import parse_key

    wanted = parse_key(key_id) or key_id

    async def end(ring: KeyRing) -> bool:
        return await ring.revoke(wanted)

    if not _with_keys(end):
        raise BadInput("there is no such key; tagsmith keys list shows those there are")
    tell(f"revoked {wanted}")


def _with_keys(use: Callable[[KeyRing], Awaitable[T]]) -> T:
    """Return what ``use`` makes of the keys of the database that the settings name."""
    from service.store.key_ring import KeyRing
    from service.store.schema import ensure

    async def run(store: Store) -> T:
        await ensure(store)
        return await use(KeyRing(store))

    return with_store(run)


def _fields(key: StoredKey, is_valid: bool) -> dict[str, object]:
    from service.schemas.store import shown_time

    state = "revoked" if key.revoked_ms is not None else "valid" if is_valid else "expired"
    return {
        "id": key.key_id,
        "state": state,
        "workspace": key.workspace,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "per_minute": key.per_minute,
        "created": shown_time(key.created_ms),
        "expires": None if key.expires_ms is None else shown_time(key.expires_ms),
    }


def _seconds(text: str) -> float:
    found = _LIFETIME.fullmatch(text)
    if found is None or int(found.group(1)) == 0:
        raise InvalidOption(f"--expires {text} is not a time; write a number and m, h or d, as in 90d", field="expires")
    return int(found.group(1)) * _SECONDS[found.group(2)]
