"""A service over fakes in a process of its own: ``python -m tests.support.fake_service``; settings by environment."""

from __future__ import annotations

import os
import signal
import sys
import time

from core.errors import TagsmithError
from core.query import Query
from service.engine.loading import Loaded
from service.run.serve import serve
from service.settings import Settings, load_settings
from tests.support.fake_bundles import load_fake_bundle
from tests.support.fakes import FakeRecommender
from tests.support.serving import fake_loaded


def _load(settings: Settings) -> Loaded:
    """Load fakes, or what ``fake_bundles`` made where a bundle is named.

    The seed "slow" takes a second, "slower" fifteen, "endless" ten minutes, "crash" ends the process.
    """
    if settings.bundle is not None:
        return load_fake_bundle(settings, before=_slowly)
    return fake_loaded(recommender=FakeRecommender(before=_slowly))


def _slowly(query: Query) -> None:
    if "slow" in query.seeds:
        time.sleep(1.0)
    if "slower" in query.seeds:
        time.sleep(15.0)
    if "crash" in query.seeds:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "endless" in query.seeds:
        time.sleep(600.0)


if __name__ == "__main__":
    try:
        serve(load_settings(), load=_load)
    except TagsmithError as error:
        print(f"tagsmith: {error}", file=sys.stderr)
        sys.exit(2)
