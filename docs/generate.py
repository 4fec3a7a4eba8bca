"""Writes the pages of docs/ that the code already says: the command line and the service's settings.

Run by ``make docs``; a test fails while a page differs from what this would write.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from service.settings import PREFIX, Settings
from tagsmith.cli import app

FOLDER = Path(__file__).resolve().parent
NOTE = "<!-- Written by `make docs`; change the code instead. -->\n"


def cli_page() -> str:
    """Return docs/cli.md: every command with its help, arguments and options."""
    root = typer.main.get_command(app)
    lines = [
        "# Command line",
        "",
        NOTE,
        "Every command ends with exit code 0, or with 2 when it was given something that it cannot use: a sentence on",
        "standard error then says what to do. `--help` shows the same as this page.",
        "",
    ]
    for path, command in commands(root, "tagsmith"):
        lines += [f"## {path}", "", inspect.cleandoc(command.help or "").split("\f")[0].strip(), ""]
        shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
        words = [argument_name(parameter) for parameter in shown if parameter.param_type_name == "argument"]
        options = ["[OPTIONS]"] if len(words) < len(shown) else []
        lines += ["```text", " ".join([path, *options, *words]), "```", ""]
        rows = [parameter_row(parameter) for parameter in shown]
        if rows:
            lines += ["| argument or option | default | meaning |", "|---|---|---|", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


# typer brings its own copy of click's classes, and may change that: they are read by what they have.
def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield each command below ``command`` that does something, with the words that call it."""
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name in sorted(children):
        if not children[name].hidden:
            yield from commands(children[name], f"{path} {name}")


def argument_name(parameter: Any) -> str:
    """Return an argument as a usage line writes it: in brackets when it may be left out."""
    name = (parameter.metavar or parameter.name).upper() + ("..." if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


def parameter_row(parameter: Any) -> str:
    """Return one argument or option as a table row."""
    if parameter.param_type_name == "argument":
        names = f"`{argument_name(parameter)}`"
    else:
        names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    default = parameter.default
    if parameter.required:
        shown = "required"
    elif default is None or default is False or default == () or callable(default):
        shown = ""
    else:
        shown = f"`{getattr(default, 'value', default)}`"
    return f"| {names} | {shown} | {cell(' '.join((parameter.help or '').split()))} |"


def settings_page() -> str:
    """Return docs/settings.md: each setting of the service with its variable, type and default."""
    lines = [
        "# Settings of the service",
        "",
        NOTE,
        "Read once at start. A command line option wins over its environment variable, the variable over the default.",
        "A value that cannot be used ends the start with a sentence that names its variable. A variable that begins",
        f"with `{PREFIX}` and is not in this table means nothing: the start warns of it and names the nearest.",
        "",
        "| variable | type | default | meaning |",
        "|---|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = (
            ""
            if field.default in (None, ())
            else f"`{int(field.default) if field.annotation is bool else field.default}`"
        )
        meaning = cell(field.description or "")
        lines.append(f"| `{PREFIX}{name.upper()}` | {cell(type_name(field.annotation))} | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def type_name(annotation: object) -> str:
    """Return a type as an operator would name it."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_name(part) for part in typing.get_args(annotation) if part is not type(None))
    if origin is tuple:
        return "list, comma separated"
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(annotation))
    names: dict[object, str] = {str: "text", int: "whole number", float: "number", bool: "0 or 1", Path: "path"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def cell(text: str) -> str:
    """Return text that cannot break out of a table cell."""
    return text.replace("|", "\\|").replace("\n", " ")


def pages() -> dict[str, str]:
    """Return the text of each generated page by its file name."""
    return {"cli.md": cli_page(), "settings.md": settings_page()}


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"docs/{name}")
