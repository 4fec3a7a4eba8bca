"""Writes the pages of docs/ that the code already says: commands, settings, signals and the map of the folders.

Run by ``make docs``; a test fails while a page differs from what this would write.
"""

from __future__ import annotations

import ast
import inspect
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from recommend.signals.pictures import PICTURE_SIGNALS
from recommend.signals.text import TEXT_SIGNALS
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


def signals_page() -> str:
    """Return docs/signals.md: every column of the rankers with its meaning, its formula and where that comes from."""
    lines = [
        "# Signals",
        "",
        NOTE,
        "A signal gives each hashtag one number. The ranker's trees read the signals of caption and seeds; those of a",
        "picture are weighted and added. Each speaks for one input, and what it brings to a score is counted to that",
        "input's part; `text` is shared between caption and seeds. A signal is one class in",
        "[recommend/signals](../recommend/signals), and [CONTRIBUTING](../CONTRIBUTING.md#adding-a-signal) says how",
        "to add one.",
        "",
        "In the formulas t is a hashtag, s a known seed, w a known caption word, c(a, t) the posts that have a and",
        "carry t, n_a the posts that have a, and N all posts; o_t, b_t and x are a hashtag's output vector, its bias",
        "and the context vector of the context embedding.",
        "",
    ]
    for heading, kinds in (
        ("Caption and seeds", [(kind, kind.speaks_for) for kind in TEXT_SIGNALS]),
        ("Picture", [(kind, "image") for kind in PICTURE_SIGNALS]),
    ):
        lines += [f"## {heading}", "", "| signal | speaks for | meaning | value | source |", "|---|---|---|---|---|"]
        for kind, speaks_for in kinds:
            method = next(kind.__dict__[name] for name in ("compute", "values", "value") if name in kind.__dict__)
            meaning, formula = first_paragraph(kind), first_paragraph(method)
            value = formula.removeprefix("Return ").rstrip(".")
            lines.append(f"| `{kind.name}` | {speaks_for} | {cell(meaning)} | {cell(value)} | {cell(kind.source)} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def first_paragraph(documented: object) -> str:
    """Return the first paragraph of a docstring, as one line."""
    return " ".join(inspect.cleandoc(documented.__doc__ or "").split("\n\n")[0].split()).replace("``", "`")


def map_page() -> str:
    """Return docs/map.md: every folder of code with the first line of its ``__init__.py``."""
    lines = ["# Where is what", "", NOTE, "| folder | what is in it, and what it may not import |", "|---|---|"]
    for path in sorted(FOLDER.parent.glob("*/__init__.py")):
        for package in (path, *sorted(path.parent.glob("*/__init__.py"))):
            folder = package.parent.relative_to(FOLDER.parent).as_posix()
            said = ast.get_docstring(ast.parse(package.read_text(encoding="utf-8"))) or ""
            lines.append(f"| [{folder}](../{folder}) | {cell(' '.join(said.split()).replace('``', '`'))} |")
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
    return {"cli.md": cli_page(), "settings.md": settings_page(), "signals.md": signals_page(), "map.md": map_page()}


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"docs/{name}")
