"""Every command of docs/sources.md, run as it stands against a local social site and made-up files."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tagsmith.cli import app
from tests.house.rooms import ROOT
from tests.house.test_docs import blocks, shell_lines
from tests.support.dump_world import save_export, save_instaloader
from tests.support.social_sites.crawled import corpus_posts, session_file
from tests.support.social_sites.fediverse import FediverseApi
from tests.support.social_sites.instagram import InstagramApi
from tests.support.social_sites.server import Route, social_site
from tests.support.social_sites.wiki import OpenverseApi, WikiApi
from tests.support.social_sites.world import SocialPost, posts_under

PAGE = ROOT / "docs" / "sources.md"
COMMANDS = [line for line in shell_lines(PAGE) if line.startswith("tagsmith ")]
QUICK = "[pace]\npause_s = 0.0\njitter = 0.0\n"
TOKEN = "my-token"


def world() -> list[SocialPost]:
    """Return a few posts under each hashtag and word that the page names."""
    tags = ("carbonara", "tiramisu", "lighthouse", "caturday", "pets")
    return [post for at, tag in enumerate(tags) for post in posts_under(tag, 4, first=10 * at + 1)]


def routes_for(words: list[str], base: str) -> list[Route]:
    """Return what the site of a command speaks."""
    posts = [*world(), SocialPost(90, "lena", "At the pier #sea", "sea")]
    pixelfed = "pixelfed" in " ".join(words)
    fediverse = FediverseApi(base, posts, pixelfed=pixelfed, token=TOKEN if pixelfed else None)
    return [fediverse, WikiApi(base, posts), OpenverseApi(base, posts), InstagramApi(base, posts)]


def write_files(folder: Path) -> None:
    """Write the files that the commands name."""
    session_file(folder).rename(folder / "session-lena")
    (folder / "pixelfed-token").write_text(TOKEN)
    (folder / "quick.toml").write_text(QUICK)
    (folder / "columns.toml").write_text(next(block for block in blocks(PAGE, "toml") if "[columns]" in block) + QUICK)
    save_instaloader(folder / "downloads" / "lena", world()[0])
    save_export(folder / "instagram-me.zip", world()[:2])
    (folder / "posts.csv").write_text("text,tags,user,created,file\nAt sea,sea boats,lena,2026-01-02,\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_collects(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copied from the page, it brings posts into the corpus that it names; only the address and the pace are ours."""
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)
    words = shlex.split(command)[1:]
    with social_site() as server:
        server.routes += routes_for(words, server.address)
        if "dump" not in words:
            words += ["--instance", server.address, "--allow-host", "127.0.0.1", "--ignore-robots", "127.0.0.1"]
        if "--config" not in words:
            words += ["--config", "quick.toml"]
        told = CliRunner().invoke(app, [*words, "--installation", str(tmp_path / "installation")])
    assert told.exit_code == 0, told.output
    assert corpus_posts(tmp_path / words[words.index("--out") + 1])


def test_every_source_that_collects_has_a_command() -> None:
    """A reader of a section can try it."""
    text = " ".join(COMMANDS)
    assert {
        name for name in ("commons", "openverse", "mastodon", "instagram", "dump") if f"--source {name}" in text
    } == {
        "commons",
        "openverse",
        "mastodon",
        "instagram",
        "dump",
    }


def test_the_configuration_of_the_page_is_one(tmp_path: Path) -> None:
    """Each TOML block of the page is understood."""
    from pipelines.config.collect import load_collect_config

    for number, block in enumerate(blocks(PAGE, "toml")):
        (tmp_path / f"{number}.toml").write_text(block)
        changed = load_collect_config(tmp_path / f"{number}.toml")
        assert changed != load_collect_config()
