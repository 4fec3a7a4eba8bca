"""``tagsmith suggest``: the service's answer for one post, without a service."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from core.errors import BadInput, InvalidOption
from core.query import Routing, Scorer
from tagsmith.options import BundleOption, RuntimeOption, ThreadsOption, choose_bundle
from tagsmith.terminal import add_row, show, tell_json_text

if TYPE_CHECKING:
    from rich.console import Console

    from service.engine.loading import Loaded
    from service.schemas.answers import SuggestionAnswer

FROM_STDIN = "-"


def suggest(
    photo: Annotated[Path | None, typer.Argument(help="The photograph: JPEG, PNG, WebP, GIF, AVIF or BMP.")] = None,
    caption: Annotated[str, typer.Option("--caption", help="The caption; - reads it from standard input.")] = "",
    seed: Annotated[list[str] | None, typer.Option("--seed", help="A hashtag to start from; may be repeated.")] = None,
    platform: Annotated[
        list[str] | None, typer.Option("--platform", help="Make a ready set for this platform; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", help="How many hashtags, 1 to 100.")] = 20,
    topic: Annotated[str | None, typer.Option("--topic", help="Take this topic, whatever the picture shows.")] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="A hashtag not to suggest; may be repeated.")
    ] = None,
    casing: Annotated[
        Literal["lower", "pascal"], typer.Option("--casing", help="goldenretriever or GoldenRetriever.")
    ] = "lower",
    routing: Annotated[
        Routing, typer.Option("--routing", help="Mix topics by probability, take the best alone, or use none.")
    ] = "soft",
    scorer: Annotated[
        Scorer, typer.Option("--scorer", help="The learnt ranker, Word2Vec in-out, or cosine as published.")
    ] = "learned",
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as the service would send it.")] = False,
    bundle: BundleOption = None,
    runtime: RuntimeOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Print ranked, explained hashtags for a photograph, a caption, seed hashtags, or any of them."""
    from rich.console import Console

    from service.engine.loading import load
    from service.settings import load_settings

    if caption == FROM_STDIN:
        caption = sys.stdin.buffer.read().decode("utf-8", "replace").strip()
    fields: dict[str, Any] = {
        "caption": caption,
        "seeds": seed or [],
        "platforms": platform or [],
        "limit": limit,
        "topic": topic,
        "exclude": exclude or [],
        "casing": casing,
        "routing": routing,
        "scorer": scorer,
    }
    image_file = None if photo is None else read_photo(photo)
    loaded = load(load_settings(bundle=choose_bundle(bundle), runtime=runtime, threads=threads))
    found = answer(loaded, fields, image_file)
    if as_json:
        tell_json_text(found.model_dump_json(indent=2))
    else:
        print_answer(found, Console())


def read_photo(path: Path) -> bytes:
    """Return a picture file's bytes.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read the photograph {path}: {error.strerror}", field="image") from error


def answer(loaded: Loaded, fields: dict[str, Any], image_file: bytes | None) -> SuggestionAnswer:
    """Return what the service would answer to ``fields`` and a picture file.

    Raises:
        InvalidOption: a field is out of range, names something unknown or contradicts another.
        BadInput: the picture cannot be read, or there is nothing to go on.
    """
    import json

    from service.answer.interpret import understand
    from service.answer.render import render
    from service.intake.post import parse_post
    from service.problems import Refusal
    from service.store.ids import suggestion_id

    try:
        request = parse_post(json.dumps(fields).encode()).request
        asked = understand(request, has_file=image_file is not None, names=loaded.names)
    except Refusal as refusal:
        told = "; ".join(f"{field.field} {field.message}".strip() for field in refusal.fields)
        raise InvalidOption(told or refusal.detail) from refusal
    query = asked.query
    if image_file is not None:
        pixels = loaded.classifier.prepare(image_file)
        query = replace(query, image=loaded.classifier.evidence(pixels[None])[0])
    found = loaded.recommender.recommend([query])[0]
    return render(found, request, asked, loaded, request_id="cli", suggestion_id=suggestion_id())


def print_answer(found: SuggestionAnswer, console: Console) -> None:
    """Print an answer for a person."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name, justify in (("", "right"), ("hashtag", "left"), ("score", "right"), ("used in", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("because", style="dim")
    for number, suggestion in enumerate(found.suggestions, start=1):
        posts = f"{suggestion.popularity.posts:,} posts"
        because = "; ".join(suggestion.because)
        add_row(table, number, f"#{suggestion.display}", f"{suggestion.score:.2f}", posts, because)
    if found.topics:
        topics = ", ".join(f"{topic.topic} {topic.probability:.0%}" for topic in found.topics[:3])
        show(f"topics: {topics}", console)
    if found.classes:
        looks_like = ", ".join(f"{seen.name} {seen.probability:.0%}" for seen in found.classes[:3])
        show(f"looks like: {looks_like}", console)
    sureness = "nothing is known about this; a general list" if found.confidence.abstain else found.confidence.level
    show(f"confidence: {sureness}\n", console)
    show(table, console)
    for platform, ready in found.platforms.items():
        show(f"\n{platform} ({ready.characters} characters):", console)
        show(ready.text, console)
    for flag in found.safety.flagged:
        told = f"note: #{flag.hashtag} is {flag.status} ({flag.source}, {flag.as_of})"
        show(told, console, style="yellow")
    for warning in found.warnings:
        show(f"note: {warning.detail}", console, style="yellow")
