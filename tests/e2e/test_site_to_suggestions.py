"""From a site to suggestions: scraped by the real browser, cleaned, trained, published, served, asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.bundle.opening import current, open_bundle
from tests.support.photo_site.pictures import picture_of
from tests.support.photo_site.running import PROFILE, ROOT, RunningSite
from tests.support.photo_site.server import SiteRules
from tests.support.photo_site.world import SitePost, build_posts, searched_by
from tests.support.quick_training import quick_training
from tests.support.service_process import Service

pytestmark = [pytest.mark.crawl, pytest.mark.train]
pytest.importorskip("torch")
pytest.importorskip("selenium", reason="SKIPPED, NOT RUN: the scrape extra is not installed")

TOPICS = ("pets", "jewellery", "travel", "food")
N_POSTS = 400
COLLECT = """
source = "browser"
contact = "the tests"
instance = "{instance}"
files = "{files}"
allow_hosts = ["127.0.0.1"]
[pace]
pause_s = 0.0
jitter = 0.0
[topics]
{topics}
"""


def words_of(topic: str) -> set[str]:
    """Return every hashtag that posts of a topic use."""
    used = (post.hashtags for post in build_posts(N_POSTS, SiteRules().seed) if post.topic == topic)
    return {tag for tags in used for tag in tags} | set(searched_by(topic))


def new_post(topic: str) -> SitePost:
    """Return a post that the site does not show."""
    return next(post for post in build_posts(40, 99) if post.topic == topic)


def test_a_site_becomes_a_service_that_suggests_its_hashtags(tmp_path: Path) -> None:
    """One command from the web to a bundle, another to serve it, and answers that know the site's topics."""
    site = RunningSite(tmp_path, SiteRules(n_posts=N_POSTS))
    config, collect, store = tmp_path / "quick.toml", tmp_path / "collect.toml", tmp_path / "store"
    config.write_text(
        "[corpus]\nmin_train = 80\nmin_val = 10\n" + quick_training("grown", word2vec_epochs=3, context_epochs=3)
    )
    topics = "\n".join(f"{topic} = {list(searched_by(topic))!r}" for topic in TOPICS)
    collect.write_text(COLLECT.format(instance=site.address, files=PROFILE, topics=topics))
    words: list[str | Path] = [sys.executable, "-m", "tagsmith", "grow", "--collect", collect, "--config", config]
    words += ["--corpus", tmp_path / "corpus", "--out", store, "--installation", tmp_path / "installation"]
    try:
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    finally:
        site.stop()
    assert done.returncode == 0, done.stderr
    assert open_bundle(current(store)).manifest.bundle_id.startswith("grown-")
    service = Service("tagsmith", {}, "serve", "--bundle", str(store))
    with service.client() as client:
        for topic in TOPICS:
            post = new_post(topic)
            form = {"caption": post.caption.partition("#")[0]}
            answer = client.post("/v1/suggestions", data=form, files={"image": ("a.jpg", picture_of(post))})
            assert answer.status_code == 200, answer.text
            body = answer.json()
            assert body["topics"][0]["topic"] == topic
            best = [one["hashtag"] for one in body["suggestions"][:5]]
            assert len(set(best) & words_of(topic)) >= 3, best
    service.process.terminate()
    assert service.ends_with() == 0
