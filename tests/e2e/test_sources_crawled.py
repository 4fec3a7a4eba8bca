"""Every source through the crawl's own loop, into a corpus, with a site that fails on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.collecting.collect import Wish
from pipelines.corpus.posts import FolderPosts, Tally
from scraper.errors import LoginWall
from tagsmith.cli import app
from tests.support.dump_world import save_export, save_instaloader
from tests.support.social_sites.crawled import corpus_posts, crawl_config, crawled, session_file
from tests.support.social_sites.instagram import InstagramApi
from tests.support.social_sites.server import API_PATH, Fault, SocialSite, social_site
from tests.support.social_sites.world import posts_under

POSTS = [*posts_under("cat", 16), *posts_under("dog", 5, first=100)]
FREE = [post for post in POSTS if post.number % 4 != 2]
EXPECTED = {
    "mastodon": {f"mastodon:home.example/{post.number}" for post in POSTS},
    "commons": {f"commons:M{post.number}" for post in FREE},
    "openverse": {f"openverse:00000000-0000-4000-8000-{post.number:012d}" for post in FREE},
    "instagram": {f"instagram:{post.shortcode}" for post in POSTS},
}
WISH = Wish(hashtags=("cat", "dog"))


@pytest.mark.parametrize("name", sorted(API_PATH))
def test_a_crawl_brings_every_post_home(site: SocialSite, tmp_path: Path, name: str) -> None:
    """Through requests to slow down, each post lands once, with its picture and nobody's name."""
    site.faults += [
        Fault(API_PATH[name], "429", headers={"Retry-After": "0"}),
        Fault("/pictures/", "429", headers={"Retry-After": "0"}),
        Fault("/pictures/", "500"),
    ]
    figures = crawled(tmp_path / "corpus", WISH, crawl_config(name, site, page_size=10))
    lines = corpus_posts(tmp_path / "corpus")
    assert figures.ended == "finished"
    assert sorted(line["id"] for line in lines) == sorted(EXPECTED[name])
    assert all((tmp_path / "corpus" / "posts" / line["image"]).is_file() for line in lines)
    assert not any("author_" in str(line["author"]) for line in lines)
    assert {line["query_tag"] for line in lines} == {"cat", "dog"}
    kept = list(FolderPosts(tmp_path / "corpus" / "posts", Tally(), min_hashtags=0).posts())
    assert len(kept) == len(lines)
    assert all(post.image is not None for post in kept)


@pytest.mark.parametrize("name", sorted(API_PATH))
def test_a_finished_crawl_asks_nothing_more(site: SocialSite, tmp_path: Path, name: str) -> None:
    """The same command again finds everything done."""
    config = crawl_config(name, site)
    crawled(tmp_path / "corpus", WISH, config)
    n_asked = len(site.paths())
    crawled(tmp_path / "corpus", WISH, config)
    assert len(site.paths()) == n_asked
    assert len(corpus_posts(tmp_path / "corpus")) == len(EXPECTED[name])


@pytest.mark.parametrize("name", sorted(API_PATH))
def test_a_broken_page_costs_no_other(site: SocialSite, tmp_path: Path, name: str) -> None:
    """It is left out and counted; the other hashtag's posts come."""
    site.faults.append(Fault(API_PATH[name], "broken"))
    figures = crawled(tmp_path / "corpus", Wish(hashtags=("dog", "cat")), crawl_config(name, site))
    assert figures.troubles["pages broken"] == 1
    assert {line["query_tag"] for line in corpus_posts(tmp_path / "corpus")} == {"cat"}


@pytest.mark.parametrize("name", ["commons", "openverse"])
def test_who_has_to_be_named_stays_named(site: SocialSite, tmp_path: Path, name: str) -> None:
    """A licence is worth nothing without its author."""
    crawled(tmp_path / "corpus", WISH, crawl_config(name, site))
    lines = corpus_posts(tmp_path / "corpus")
    assert {line["licence"].split()[0] for line in lines} == {"CC", "CC0", "Public"}
    assert all("author_" in line["attribution"] for line in lines)


def test_the_licences_of_a_configuration_are_held(site: SocialSite, tmp_path: Path) -> None:
    """An operator who wants CC0 alone gets CC0 alone."""
    crawled(tmp_path / "corpus", WISH, crawl_config("commons", site, licences=("cc0",)))
    assert {line["licence"] for line in corpus_posts(tmp_path / "corpus")} == {"CC0"}


def test_a_closed_path_is_not_asked_for(site: SocialSite, tmp_path: Path) -> None:
    """Wikimedia's own robots.txt closes its API to crawlers; an operator opens it by name."""
    site.robots = "User-agent: *\nDisallow: /w/\n"
    figures = crawled(tmp_path / "closed", WISH, crawl_config("commons", site))
    assert site.paths() == []
    assert figures.troubles["pages refused"] == 2
    crawled(tmp_path / "opened", WISH, crawl_config("commons", site, ignore_robots=("127.0.0.1",)))
    assert len(corpus_posts(tmp_path / "opened")) == len(EXPECTED["commons"])


def test_a_crawl_goes_on_behind_a_login_wall_once_there_is_a_login(tmp_path: Path) -> None:
    """It stops, keeps what it has, says what to do, and finishes with the session that the operator then names."""
    with social_site() as server:
        server.routes.append(InstagramApi(server.address, POSTS))
        with pytest.raises(LoginWall, match="session file"):
            crawled(tmp_path / "corpus", WISH, crawl_config("instagram", server))
        session = str(session_file(tmp_path))
        figures = crawled(tmp_path / "corpus", WISH, crawl_config("instagram", server, cookies=session))
    assert figures.ended == "finished"
    assert {line["id"] for line in corpus_posts(tmp_path / "corpus")} == EXPECTED["instagram"]
    log = "".join(path.read_text(errors="replace") for path in (tmp_path / "corpus" / "crawl").glob("*.*"))
    assert "secret-session" not in log


def test_files_are_read_to_their_end_whatever_the_pages(tmp_path: Path) -> None:
    """Folders, an export and a table in one place; a bad line costs no other; pages bound lists of the web alone."""
    folder = tmp_path / "files"
    for post in posts_under("cat", 5):
        save_instaloader(folder / "lena", post)
    save_export(folder / "export", posts_under("dog", 5, first=50))
    rows = [f'{{"text": "row {number} #sea", "who": "tom"}}' for number in range(450)]
    (folder / "posts.jsonl").write_text("\n".join([*rows[:10], "no JSON", *rows[10:]]))
    config = tmp_path / "collect.toml"
    config.write_text('[columns]\ncaption = "text"\nauthor = "who"\n')
    corpus, installation = tmp_path / "corpus", tmp_path / "installation"
    words = ["collect", "--source", "dump", "--files", folder, "--out", corpus, "--config", config]
    told = CliRunner().invoke(app, [*map(str, words), "--pages", "1", "--installation", str(installation)])
    assert told.exit_code == 0, told.output
    lines = corpus_posts(corpus)
    assert len(lines) == 5 + 5 + 450
    assert sum("image" in line for line in lines) == 10
    assert "lena" not in (text := "".join(map(str, lines)))
    assert "tom" not in text


@pytest.mark.parametrize("name", sorted(API_PATH))
def test_a_crawl_that_is_cut_off_anywhere_goes_on(site: SocialSite, tmp_path: Path, name: str) -> None:
    """Run with room for a few requests at a time, it ends with the same posts and asks for no page twice."""
    config: Any = crawl_config(name, site, page_size=10, requests=7)
    for _ in range(60):
        figures = crawled(tmp_path / "corpus", WISH, config)
        if figures.ended == "finished":
            break
    assert sorted(line["id"] for line in corpus_posts(tmp_path / "corpus")) == sorted(EXPECTED[name])
    lists = [(asked.path, tuple(asked.query.items())) for asked in site.log if asked.path.startswith(API_PATH[name])]
    assert len(lists) == len(set(lists))
