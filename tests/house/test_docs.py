"""What the documentation says is what the program does."""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from docs import generate
from tagsmith.cli import app
from tests.house.rooms import ROOMS, ROOT, modules, name_of, tracked_files

PAGES = sorted(path for path in tracked_files() if path.suffix == ".md" and not name_of(path).startswith("bundles/"))
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"")
FILE = re.compile(rf"`((?:{'|'.join((*ROOMS, 'benchmarks', 'deploy', 'docs', 'tests'))})/[\w./-]*)`")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)


def blocks(path: Path, *languages: str) -> list[str]:
    """Return the code blocks of a page in the given languages."""
    return [body for language, body in BLOCK.findall(path.read_text(encoding="utf-8")) if language in languages]


def shell_lines(path: Path) -> list[str]:
    """Return the commands of a page's shell blocks, continued lines joined."""
    text = "\n".join(blocks(path, "sh", "bash", "console")).replace("\\\n", " ")
    return [line.removeprefix("$ ").strip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("name", ["cli.md", "map.md", "settings.md", "signals.md"])
def test_generated_pages_are_as_the_code_has_it(name: str) -> None:
    """``make docs`` would change nothing."""
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == generate.pages()[name]


def test_every_command_is_documented() -> None:
    """The reference has a heading for each command, and each command and option says what it does."""
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    found = dict(generate.commands(typer.main.get_command(app), "tagsmith"))
    assert len(found) >= 9
    for path, command in found.items():
        assert f"\n## {path}\n" in page
        assert command.help, path
        for parameter in command.params:
            if not getattr(parameter, "hidden", False):
                assert getattr(parameter, "help", None), f"{path}: {parameter.name}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    """No page points at a file that is gone."""
    targets = ["".join(groups) for groups in LINK.findall(page.read_text(encoding="utf-8"))]
    broken = [
        target
        for target in targets
        if not re.match(r"[a-z]+:|#", target) and not (page.parent / target.split("#")[0]).exists()
    ]
    assert not broken


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=name_of)
def test_files_that_pages_name_exist(page: Path) -> None:
    """A path in backticks can be opened; NAME in it stands for any name. The changelog may name what is gone."""
    paths = FILE.findall(page.read_text(encoding="utf-8"))
    assert not [path for path in paths if "NAME" not in path and not (ROOT / path).exists()]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_pages_exist_with_their_options(page: Path) -> None:
    """A command line copied from a page is understood."""
    known = dict(generate.commands(typer.main.get_command(app), "tagsmith"))
    for line in shell_lines(page):
        words = shlex.split(line, comments=True)
        if not words or not words[0].endswith("tagsmith"):
            continue
        words[0] = "tagsmith"
        path = next((" ".join(words[:n]) for n in (3, 2) if " ".join(words[:n]) in known), None)
        if path is None:
            assert words[1:] in (["--help"], ["--version"]), line
            continue
        options = {
            option for parameter in known[path].params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        used = {word.split("=")[0] for word in words if word.startswith("-")}
        assert used <= options | {"--help"}, line


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_targets_in_pages_exist(page: Path) -> None:
    """A ``make`` line copied from a page has its target."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for line in shell_lines(page):
        words = shlex.split(line, comments=True)
        if words and words[0] == "make":
            assert {word for word in words[1:] if "=" not in word and not word.startswith("-")} <= targets, line


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_in_pages_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python block copied from a page runs as it stands, from the repository's root."""
    monkeypatch.chdir(ROOT)
    for block in blocks(page, "python"):
        exec(compile(block, name_of(page), "exec"), {"__name__": "__main__"})


def test_examples_in_docstrings_run() -> None:
    """An example in a docstring gives what it says."""
    for path in modules():
        if ">>>" in path.read_text(encoding="utf-8"):
            module = importlib.import_module(name_of(path).removesuffix(".py").replace("/", "."))
            assert doctest.testmod(module).failed == 0, name_of(path)


def test_every_command_answers_help() -> None:
    """``--help`` works without data, weights or a bundle."""
    runner = CliRunner()
    for path in dict(generate.commands(typer.main.get_command(app), "tagsmith")):
        assert runner.invoke(app, [*path.split()[1:], "--help"]).exit_code == 0, path


def test_make_help_lists_every_target() -> None:
    """A target without a line of help is not found."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.findall(r"^\.PHONY: ([a-z-]+)", text, flags=re.MULTILINE))
    assert phony == set(re.findall(r"^([a-z-]+):.*## ", text, flags=re.MULTILINE))


def test_the_walks_name_functions_that_are_there() -> None:
    """Each link of walk.md leads to a file that defines what its text names."""
    walk = ROOT / "docs" / "walk.md"
    links = re.findall(r"\[`([A-Za-z_.]+)`\]\((\S+?)\)", walk.read_text(encoding="utf-8"))
    assert len(links) > 20
    lost = []
    for text, target in links:
        name = text.split(".")[-1]
        if name not in ("py", "toml"):
            source = (walk.parent / target).read_text(encoding="utf-8") if (walk.parent / target).is_file() else ""
            if not re.search(rf"^\s*(async )?(def|class) {name}\b", source, flags=re.MULTILINE):
                lost.append(f"{text} in {target}")
    assert not lost


def test_every_decision_is_listed() -> None:
    """The list of decisions leads to each of them."""
    folder = ROOT / "docs" / "adr"
    listed = (folder / "README.md").read_text(encoding="utf-8")
    assert not [path.name for path in folder.glob("[0-9]*.md") if f"({path.name})" not in listed]
