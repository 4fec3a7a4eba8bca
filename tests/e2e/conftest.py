"""What several end-to-end tests start alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.social_sites.fediverse import FediverseApi
from tests.support.social_sites.instagram import InstagramApi
from tests.support.social_sites.server import SocialSite, social_site
from tests.support.social_sites.wiki import OpenverseApi, WikiApi


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Iterator[SocialSite]:
    """Run a server that speaks as every social site does and shows the ``POSTS`` of the test's module."""
    posts = request.module.POSTS
    with social_site() as server:
        base = server.address
        server.routes += [
            FediverseApi(base, posts),
            WikiApi(base, posts),
            OpenverseApi(base, posts),
            InstagramApi(base, posts, open_hashtags=True),
        ]
        yield server
