"""``tagsmith collect``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from core.errors import InvalidOption
from tagsmith.options import CORPUS, InstallationOption, installation_folder
from tagsmith.terminal import tell

if TYPE_CHECKING:
    from pipelines.collecting.collect import Collected, Wish
    from pipelines.config.collect import CollectConfig


def collect(
    source: Annotated[str | None, typer.Option("--source", help="Where from; docs/collecting.md lists them.")] = None,
    topic: Annotated[
        list[str] | None, typer.Option("--topic", help="A topic of the configuration; several times for several.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="A hashtag or word to search by, without topic.")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option("--target", help="KIND:VALUE, such as profile:name, post:address or location:number."),
    ] = None,
    pages: Annotated[int | None, typer.Option("--pages", min=1, help="Pages of each list.")] = None,
    out: Annotated[Path, typer.Option("--out", help="The corpus; made when it is not there.")] = CORPUS,
    config: Annotated[
        Path | None, typer.Option("--config", help="A TOML file laid over the default; see docs/collecting.md.")
    ] = None,
    instance: Annotated[
        str | None, typer.Option("--instance", help="Address of the site, instance or API server.")
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option("--files", help="What a source without network reads; for browser, the site's form."),
    ] = None,
    cookies: Annotated[
        Path | None, typer.Option("--cookies", help="File with the cookies of your own login; never logged.")
    ] = None,
    contact: Annotated[
        str | None, typer.Option("--contact", help="How site owners reach you; stands in every request.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="A host of yours that lies in a private network.")
    ] = None,
    ignore_robots: Annotated[
        list[str] | None,
        typer.Option("--ignore-robots", help="A host whose robots.txt is ignored because its owner lets you; logged."),
    ] = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Look for new posts where lists were finished; try what was refused or broken once more."
        ),
    ] = False,
    installation: InstallationOption = None,
) -> None:
    """Collect posts and their pictures into a corpus, politely.

    Killed, interrupted or stopped by a login wall, the same command goes on where it was: no post is lost and nothing
    is fetched twice.
    """
    from pipelines.collecting.collect import Wish
    from pipelines.config.collect import load_collect_config

    numbers = load_collect_config(config)
    given: dict[str, Any] = {
        "source": source,
        "pages": pages,
        "instance": instance,
        "files": None if files is None else str(files),
        "cookies": None if cookies is None else str(cookies),
        "contact": contact,
        "allow_hosts": tuple(allow_host) if allow_host else None,
        "ignore_robots": tuple(ignore_robots) if ignore_robots else None,
    }
    numbers = replace(numbers, **{name: value for name, value in given.items() if value is not None})
    wish = Wish(tuple(topic or ()), tuple(tag or ()), tuple(_kind_and_value(raw) for raw in target or ()))
    page, figures = run_crawl(out, wish, numbers, installation_folder(installation), again=again)
    if figures.troubles:
        counts = ", ".join(f"{kind} {n:,}" for kind, n in sorted(figures.troubles.items(), key=lambda count: -count[1]))
        tell(f"in the way: {counts}; the report says why")
    elif not figures.requests and not figures.posts:
        tell("nothing was left to do; --again looks for new posts and tries once more what was refused")
    tell(f"report: {page}")


def run_crawl(corpus: Path, wish: Wish, config: CollectConfig, installation: Path, *, again: bool = False) -> Collected:
    """Crawl with a display of how far it is, print what came, and return it."""
    from pipelines.collecting.collect import collect as crawl
    from pipelines.collecting.collect import crawl_display

    with crawl_display(Console(stderr=True)) as display:
        collected = crawl(corpus, wish, config, installation, on_progress=display, again=again)
    figures = collected.figures
    tell(f"{figures.posts:,} posts, {figures.pictures:,} with a picture; {figures.ended}")
    return collected


def _kind_and_value(raw: str) -> tuple[str, str]:
    kind, colon, value = raw.partition(":")
    if not colon or not kind or not value:
        raise InvalidOption(f"a target is written KIND:VALUE, such as profile:name, not {raw!r}", field="target")
    return kind, value
