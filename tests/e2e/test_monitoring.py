"""The dashboard and the alerts over a real Prometheus that reads a service which is asked things."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from tagsmith.cli import app
from tests.house.rooms import ROOT
from tests.support.deployment import free_port, until
from tests.support.fakes import PHOTO
from tests.support.service_process import Service

DEPLOY = ROOT / "deploy"
Query = Callable[[str], list[float]]


@contextmanager
def prometheus(folder: Path, target: str, key: str) -> Iterator[httpx.Client]:
    """Run Prometheus as deploy/ configures it, but reading one address each second; yield a client of its API."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("SKIPPED, NOT RUN: prometheus is not installed (Debian: prometheus)")
    settings: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    settings["rule_files"] = [str(DEPLOY / "prometheus" / "alerts.yml")]
    (job,) = settings["scrape_configs"]
    del job["dns_sd_configs"]
    job["static_configs"] = [{"targets": [target]}]
    job["authorization"]["credentials_file"] = str(folder / "metrics_key")
    (folder / "metrics_key").write_text(key + "\n", "utf-8")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings), "utf-8")
    address = f"127.0.0.1:{free_port()}"
    words = (f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data")
    with open(folder / "prometheus.log", "wb") as said:
        process = subprocess.Popen([program, *words, f"--web.listen-address={address}"], stdout=said, stderr=said)
        try:
            with httpx.Client(base_url=f"http://{address}", timeout=30) as client:
                until(lambda: _is_up(client) or process.poll() is not None, within_s=120)
                assert process.poll() is None, (folder / "prometheus.log").read_text("utf-8")
                yield client
        finally:
            process.terminate()
            process.wait(60)


def _is_up(client: httpx.Client) -> bool:
    try:
        return client.get("/-/ready").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("workers", ["1", "2"])
def test_each_panel_of_the_dashboard_has_numbers_and_each_alert_can_be_judged(tmp_path: Path, workers: str) -> None:
    """With a key for metrics alone, of one process and of several; a panel that stays empty looks like peace."""
    settings = {
        "TAGSMITH_DATABASE": f"sqlite:///{tmp_path}/tagsmith.db",
        "TAGSMITH_SPOOL": f"{tmp_path}/spool",
        "TAGSMITH_WORKERS": workers,
    }

    def key(*words: str) -> str:
        create = ["keys", "create", "--only-key", "--name", "check", *words]
        return CliRunner().invoke(app, create, env=settings).stdout.strip()

    callers, metrics = key(), key("--scope", "metrics")
    service = Service("tests.support.fake_service", settings)
    try:
        with service.client() as client:
            target = f"{client.base_url.host}:{client.base_url.port}"
            client.headers["X-API-Key"] = callers
            with prometheus(tmp_path, target, metrics) as asked:

                def values(query: str) -> list[float]:
                    client.post("/v1/suggestions", files={"image": ("a.jpg", PHOTO)}, data={"seeds": "dog"})
                    client.post("/v1/suggestions", json={"seeds": 1})
                    answer = asked.get("/api/v1/query", params={"query": query}).json()
                    assert answer["status"] == "success", answer
                    return [float(one["value"][1]) for one in answer["data"]["result"]]

                _see_every_panel(values)
                until(lambda: all(one["health"] == "ok" for one in _rules(asked)), within_s=60)
                assert {one["name"] for one in _rules(asked) if one["state"] == "firing"} == set()
    finally:
        service.process.terminate()
        service.ends_with()


def _rules(client: httpx.Client) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = client.get("/api/v1/rules").json()["data"]["groups"][0]["rules"]
    return rules


def _see_every_panel(values: Query) -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "tagsmith.json").read_text("utf-8"))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            query = target["expr"].replace("$instance", ".*").replace("$__rate_interval", "5s")
            until(lambda query=query: _numbers(values(query)), within_s=60)  # type: ignore[misc]


def _numbers(found: list[float]) -> bool:
    """Whether there is something to draw: a quantile of nothing is no number."""
    return any(math.isfinite(one) for one in found)
