"""The operator's settings: read once from the environment, frozen, passed down.

The command line wins over the environment, and the environment over the defaults written here. No other file of the
service reads ``os.environ``.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.errors import InvalidOption
from service.image_urls import read_origin

PREFIX = "TAGSMITH_"
OF_TESTS = f"{PREFIX}TEST_"
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that prometheus_client reads, once, when it is imported."""


def _split(value: object) -> object:
    """Read a list as an environment variable holds it: separated by commas."""
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
LogLevel = Literal["debug", "info", "warning", "error"]


class Settings(BaseSettings):
    """Everything that the service can be told; each field is an environment variable ``TAGSMITH_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 lets the system choose")
    allow_anonymous: bool = Field(False, description="1 lets a service without keys listen beyond loopback")
    bundle: Path | None = Field(
        None, description="a bundle or a folder of bundles; the command line finds the starter bundle"
    )
    starter: Path | None = Field(
        None, description="the bundle that is served while the folder has none; the command line finds it"
    )
    follow_s: float = Field(
        1.0, ge=0.05, le=3600, description="seconds between looks at which bundle of the folder is current"
    )
    workers: int = Field(1, ge=1, le=64, description="processes that answer; they share the mapped bundle")
    drain_s: float = Field(
        20.0, gt=0, le=3600, description="seconds after SIGTERM for what is inside; then it is cut short"
    )
    runtime: str = Field(
        "auto", min_length=1, description="what runs the picture network: onnx, openvino, torch or auto"
    )
    threads: int | None = Field(
        None, ge=1, le=256, description="threads of the picture network; default: the cores, shared out to the workers"
    )
    queue: int = Field(
        64, ge=1, le=10_000, description="requests inside at once, shared among callers; one more is answered 429"
    )
    batch_max: int = Field(8, ge=1, le=256, description="pictures in one forward pass, at most")
    batch_wait_ms: float = Field(
        2.0, ge=0, le=1000, description="how long a picture that found the network busy waits for company"
    )
    deadline_s: float = Field(10.0, gt=0, le=600, description="seconds for one request, reading included; then 503")
    bodies_mb: int = Field(
        128,
        ge=32,
        le=65_536,
        description="MB of request bodies held at once, at most half by one caller; beyond, 429",
    )
    batch_deadline_s: float = Field(
        120.0, gt=0, le=3600, description="seconds for one batch, reading included; posts that are left are timed out"
    )
    image_origins: Listed = Field(
        (), description="origins that pictures may be fetched from beside public https hosts: http://files:9000"
    )
    cors_origins: Listed = Field(
        (), description="web origins whose pages may call the service, as in https://app.example.com; none by default"
    )
    docs: bool = Field(True, description="0 takes /docs and /openapi.json away")
    platforms: Path | None = Field(None, description="a platforms.toml laid over the built-in rules")
    blocklist: Path | None = Field(None, description="a block list in place of the built-in one")
    flags: Path | None = Field(
        None, description="a file of hashtags that platforms restrict, each with its source and date"
    )
    database: str = Field(
        "sqlite:///var/tagsmith.db",
        min_length=1,
        description="where keys, feedback and saved sets are: sqlite:///a/file or postgresql://user@host:5432/name",
    )
    database_password_file: Path | None = Field(
        None, description="a file with the database's password, as container secrets are handed over"
    )
    spool: Path = Field(Path("var/spool"), description="a folder for what waits for the database; each replica its own")
    otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^\s/@]+(/\S*)?$",
        description="where to send traces by OTLP over HTTP, as in http://collector:4318; none by default",
    )
    log_level: LogLevel = Field("info", description="debug, info, warning or error")

    @field_validator("image_origins", "cors_origins")
    @classmethod
    def _check_origins(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse anything but origins; ``*`` would let any page send requests in the name of its visitors."""
        for origin in given:
            read_origin(origin)
        return given


def load_settings(**overrides: Any) -> Settings:
    """Return the settings: ``overrides`` (None means "not given") over the environment over the defaults.

    Raises:
        InvalidOption: a value is out of range; the message names the variable.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        source = f"--{name.replace('_', '-')}" if name in given else f"{PREFIX}{name.upper()}"
        raise InvalidOption(f"{source}: {first['msg']}", field=name) from None


def unknown_variables() -> dict[str, str | None]:
    """Return the variables that begin with ``PREFIX`` but are no setting, each with the setting spelt most like it."""
    known = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    given = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and not name.startswith(OF_TESTS))
    strange = [name for name in given if name.upper() not in known]
    return {name: next(iter(difflib.get_close_matches(name.upper(), known, 1)), None) for name in strange}


def is_loopback(host: str) -> bool:
    """Return whether every address of ``host`` is a loopback address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(str(entry[4][0]).split("%")[0]).is_loopback for entry in found)


def refuse_open_door(settings: Settings, *, has_keys: bool = False) -> None:
    """Refuse to listen beyond loopback without keys, unless the operator allowed it.

    Raises:
        InvalidOption: the address can be reached from other machines, there are no keys, and it was not allowed.
    """
    if has_keys or settings.allow_anonymous or is_loopback(settings.host):
        return
    raise InvalidOption(
        f"refusing to listen on {settings.host}: without keys anyone who reaches it could use it. Create one with"
        f" tagsmith keys create, listen on 127.0.0.1, or set {PREFIX}ALLOW_ANONYMOUS=1 when something in front of it"
        " keeps strangers out",
        field="host",
    )


@contextmanager
def metrics_shared_in(folder: str) -> Iterator[None]:
    """Have processes that are started in the block share their metrics in ``folder``."""
    os.environ[METRICS_FOLDER] = folder
    try:
        yield
    finally:
        del os.environ[METRICS_FOLDER]


def metrics_folder() -> Path:
    """Return the folder where this process shares its metrics with others."""
    return Path(os.environ[METRICS_FOLDER])
