"""What an operator does to a deployment over time, by the commands of docs/deploy.md; run by ``make compose``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.house.rooms import ROOT
from tests.support.deployment import Deployment, nothing_deployed, until

pytestmark = pytest.mark.compose

PLAIN = ()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One that answers those who have a key; removed with its volumes at the end."""
    with nothing_deployed(tmp_path_factory.mktemp("secrets")) as made:
        create = ("run", "--rm", "--no-TTY", "tagsmith", "keys", "create", "--only-key", "--name", "first")
        made.compose(PLAIN, "build")
        made.key = made.compose(PLAIN, *create).splitlines()[-1]
        made.compose(PLAIN, "up", "--detach", "--wait")
        yield made


def test_taken_down_and_up_again_it_has_everything_and_an_older_schema_is_brought_forward(
    deployment: Deployment,
) -> None:
    """Keys and feedback lie in volumes; a database of the version before is upgraded before the service starts."""
    with deployment.client() as client:
        suggestion_id = deployment.suggest(client).json()["suggestion_id"]
        given = client.post("/v1/feedback", json={"suggestion_id": suggestion_id, "added": ["oldpier"]})
        assert given.status_code == 201
    deployment.compose(PLAIN, "exec", "--no-TTY", "tagsmith", "tagsmith", "store", "downgrade", "--to", "0001")
    deployment.compose(PLAIN, "down")
    deployment.compose(PLAIN, "up", "--detach", "--wait")
    deployment.compose(PLAIN, "exec", "--no-TTY", "tagsmith", "tagsmith", "store", "check")
    with httpx.Client(base_url=deployment.url) as stranger:
        assert deployment.suggest(stranger).status_code == 401
    with deployment.client() as client:
        assert deployment.suggest(client).status_code == 200
        assert client.delete(f"/v1/feedback/{given.json()['feedback_id']}").status_code == 204


def test_a_bundle_is_copied_in_and_used_and_the_starter_again(deployment: Deployment, tmp_path: Path) -> None:
    """By the commands of the documentation, without a start of the service; back it goes by starting it anew."""
    copy = shutil.copytree(ROOT / "bundles" / "starter", tmp_path / "my-bundle") / "manifest.json"
    manifest = json.loads(copy.read_text("utf-8"))
    starter, manifest["bundle_id"] = manifest["bundle_id"], "my-bundle"
    copy.write_text(json.dumps(manifest), "utf-8")

    def served() -> str:
        with deployment.client() as client:
            bundle: str = client.get("/ready").json()["bundle"]
        return bundle

    assert served() == starter
    deployment.follow("deploy.md", "A new bundle", tmp_path)
    until(lambda: served() == "my-bundle")
    deployment.compose(PLAIN, "exec", "--no-TTY", "tagsmith", "rm", "var/bundles/CURRENT")
    deployment.compose(PLAIN, "restart", "tagsmith")
    until(deployment.answers)
    assert served() == starter


def test_a_backup_brings_back_what_was_there(deployment: Deployment, tmp_path: Path) -> None:
    """By the commands of the documentation; also into a database that has gone on since."""
    deployment.follow("deploy.md", "Backups", tmp_path)
    assert deployment.key is not None
    deployment.compose(PLAIN, "exec", "--no-TTY", "tagsmith", "tagsmith", "keys", "revoke", deployment.key)
    with deployment.client() as client:
        assert deployment.suggest(client).status_code == 401
    deployment.follow("deploy.md", "Putting a backup back", tmp_path)
    until(deployment.answers)


def test_the_databases_password_is_changed_by_the_commands_of_the_documentation(
    deployment: Deployment, tmp_path: Path
) -> None:
    """Afterwards the service gets in with the new one."""

    def password() -> str:
        return deployment.compose(PLAIN, "exec", "--no-TTY", "database", "cat", "/run/tagsmith/database_password")

    before = password()
    deployment.follow("deploy.md", "Changing secrets", tmp_path)
    assert password() != before
    until(deployment.answers)
    with deployment.client() as client:
        until(lambda: "warnings" not in client.get("/ready").json())
