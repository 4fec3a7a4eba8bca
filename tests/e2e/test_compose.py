"""The deployment as containers: started from nothing, asked, killed and started again; run by ``make compose``.

One project goes through all of it in order, because that is what a deployment does: first without keys, then with them.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.deployment import PICTURE, PROJECT, Deployment, healthy, nothing_deployed, run, until
from tests.support.log_watch import WATCH

pytestmark = pytest.mark.compose

PLAIN, REPLICAS, MONITORING, SCHEDULER = (), ("replicas",), ("monitoring",), ("scheduler",)
GRAFANA = "grafana/grafana:12.2.0"
LIMIT = 40


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A project of which nothing is there yet; removed with its volumes at the end."""
    with nothing_deployed(tmp_path_factory.mktemp("secrets")) as made:
        yield made


def test_from_nothing_to_the_first_suggestion(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    """One command builds and starts the whole, one request gets hashtags; without a key, on this machine alone."""
    began = time.monotonic()
    deployment.compose(PLAIN, "build")
    built = time.monotonic()
    deployment.compose(PLAIN, "up", "--detach", "--wait")
    with deployment.client() as client:
        answer = deployment.suggest(client)
    done = time.monotonic()
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["suggestions"]) == 20
    size = int(run("docker", "image", "inspect", "--format", "{{.Size}}", "tagsmith"))
    with capsys.disabled():
        print(
            f"\nbuild {built - began:.0f} s, from there to the first suggestion {done - built:.1f} s,"
            f" image {size / 1e6:.0f} MB"
        )


def test_the_container_is_bounded_and_can_write_its_state_alone(deployment: Deployment) -> None:
    """No root, no capability, a read-only root file system, limits, no torch."""
    (container,) = deployment.containers(PLAIN, "tagsmith")
    facts = json.loads(run("docker", "inspect", container))[0]
    host = facts["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["Memory"] == 2 * 1024**3
    assert host["PidsLimit"] == 512
    assert facts["NetworkSettings"]["Ports"]["8000/tcp"][0]["HostIp"] == "127.0.0.1"

    def inside(code: str) -> str:
        return run("docker", "exec", container, "python", "-c", code)

    assert inside("import os; print(os.getuid())") == "10001"
    status = inside("print(open('/proc/self/status').read())")
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert inside("import importlib.util as i; print(i.find_spec('torch'), i.find_spec('gensim'))") == "None None"
    refused = "\ntry: open('/srv/tagsmith/x', 'w')\nexcept OSError as error: print(error.errno)"
    assert inside(refused) == "30"
    assert inside("open('/srv/tagsmith/var/x', 'w'); print('written')") == "written"


def test_the_database_killed_and_back(deployment: Deployment) -> None:
    """Suggestions go on with a warning, feedback is kept, and is stored once the database is back."""
    with deployment.client() as client:
        suggestion_id = deployment.suggest(client).json()["suggestion_id"]
        deployment.compose(PLAIN, "kill", "database")
        answer = deployment.suggest(client)
        assert answer.status_code == 200
        until(lambda: "store_unavailable" in str(deployment.suggest(client).json()["warnings"]))
        body = {"suggestion_id": suggestion_id, "added": ["oldpier"]}
        kept = client.post("/v1/feedback", json=body)
        assert (kept.status_code, kept.json()["state"]) == (202, "kept")
        until(lambda: "store_unavailable" in client.get("/ready").text)
        assert client.get("/ready").status_code == 200
        deployment.compose(PLAIN, "start", "database")
        until(lambda: "warnings" not in client.get("/ready").json())
        feedback = f"/v1/feedback/{kept.json()['feedback_id']}"
        until(lambda: client.delete(feedback).status_code == 204)


def test_the_service_killed_and_back(deployment: Deployment) -> None:
    """Killed by a person it stays down until it is started; crashed it comes back by itself; feedback stays."""
    with deployment.client() as client:
        until(lambda: "store_unavailable" not in client.get("/ready").text)
        suggestion_id = deployment.suggest(client).json()["suggestion_id"]
        given = client.post("/v1/feedback", json={"suggestion_id": suggestion_id, "added": ["oldpier"]})
        assert given.status_code == 201
    deployment.compose(PLAIN, "kill", "tagsmith")
    assert not deployment.answers()
    deployment.compose(PLAIN, "up", "--detach", "--wait")
    assert deployment.answers()
    for service in ("tagsmith", "database"):
        (container,) = deployment.containers(PLAIN, service)
        deployment.crash(container)
        until(deployment.answers)
        until(lambda container=container: healthy(container))  # type: ignore[misc]
    with deployment.client() as client:
        feedback = f"/v1/feedback/{given.json()['feedback_id']}"
        until(lambda: client.delete(feedback).status_code == 204)


def test_a_stop_drains(deployment: Deployment) -> None:
    """Stopped while it is asked, it answers what is inside and ends with success."""
    (container,) = deployment.containers(PLAIN, "tagsmith")
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(deployment.answers) for _ in range(8)]
        asked[0].result()
        deployment.compose(PLAIN, "stop", "tagsmith")
    assert run("docker", "inspect", "--format", "{{.State.ExitCode}}", container) == "0"


def test_two_replicas_behind_nginx_keep_limits_and_feedback_together(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key's rate is one over both, what one is taught the other knows, and one alone carries on."""
    create = ("run", "--rm", "--no-TTY", "tagsmith", "keys", "create", "--only-key")
    deployment.key = deployment.compose(REPLICAS, *create, "--name", "check").splitlines()[-1]
    limited = deployment.compose(REPLICAS, *create, "--name", "few", "--per-minute", str(LIMIT)).splitlines()[-1]
    deployment.compose(REPLICAS, "up", "--detach", "--wait")
    replicas = deployment.containers(REPLICAS, "tagsmith")
    assert len(replicas) == 2
    with httpx.Client(base_url=deployment.url) as stranger:
        assert deployment.suggest(stranger).status_code == 401

    statuses: Counter[int] = Counter()
    began = time.monotonic()
    with httpx.Client(base_url=deployment.url, headers={"X-API-Key": limited}, timeout=60) as client:
        for _ in range(3 * LIMIT):
            statuses[client.get("/v1/topics").status_code] += 1
    refilled = LIMIT * (time.monotonic() - began) / 60
    assert set(statuses) == {200, 429}
    assert LIMIT <= statuses[200] <= LIMIT + refilled + 2

    with deployment.client() as client:
        first = deployment.suggest(client).json()
        rejected = first["suggestions"][0]["hashtag"]
        for _ in range(5):
            suggestion_id = deployment.suggest(client).json()["suggestion_id"]
            body = {"suggestion_id": suggestion_id, "rejected": [rejected]}
            assert client.post("/v1/feedback", json=body).status_code == 201

        def taught() -> set[float]:
            found = [deployment.suggest(client).json()["suggestions"] for _ in range(10)]
            return {one["parts"]["workspace"] for tags in found for one in tags if one["hashtag"] == rejected}

        until(lambda: len(taught()) <= 1 and all(part < 0 for part in taught()))
    logs = [run("docker", "logs", one, stderr=subprocess.STDOUT) for one in replicas]
    for line in "\n".join(logs).splitlines():
        WATCH.logged(line)
    served = [text.count("/v1/suggestions") for text in logs]
    assert all(served)

    deployment.crash(replicas[0])
    with deployment.client() as client:
        after_a_crash = Counter(deployment.suggest(client).status_code for _ in range(20))
    assert after_a_crash == {200: 20}
    until(lambda: all(healthy(one) for one in deployment.containers(REPLICAS, "tagsmith")))
    with capsys.disabled():
        print(
            f"\ntwo replicas: {dict(statuses)} of {3 * LIMIT} at {LIMIT} a minute; requests served by each: {served};"
            f" with one crashed {dict(after_a_crash)}"
        )
    deployment.compose(REPLICAS, "kill", "nginx")
    deployment.compose(REPLICAS, "up", "--detach", "--wait")
    assert deployment.answers()
    deployment.compose(REPLICAS, "rm", "--stop", "--force", "nginx", "tagsmith")


def test_prometheus_reads_the_service(deployment: Deployment) -> None:
    """With a key for metrics alone; the rules are loaded and none fires."""
    create = ("run", "--rm", "--no-TTY", "tagsmith", "keys", "create", "--only-key", "--name", "metrics")
    key = deployment.compose(MONITORING, *create, "--scope", "metrics").splitlines()[-1]
    deployment.metrics_key.write_text(key, "utf-8")
    services = ["tagsmith", "prometheus"]
    if subprocess.run(["docker", "image", "inspect", GRAFANA], capture_output=True).returncode == 0:
        services.append("grafana")
    deployment.compose(MONITORING, "up", "--detach", "--wait", *services)

    def value(query: str) -> list[str]:
        answer = httpx.get(f"{deployment.prometheus}/api/v1/query", params={"query": query}).json()
        return [one["value"][1] for one in answer["data"]["result"]]

    until(lambda: value("tagsmith_ready") == ["1"])
    assert value("tagsmith_store_up") == ["1"]
    rules = httpx.get(f"{deployment.prometheus}/api/v1/rules").json()["data"]["groups"][0]["rules"]
    assert len(rules) >= 10
    (first,) = value("timestamp(tagsmith_ready)")
    for service in services[1:]:
        (container,) = deployment.containers(MONITORING, service)
        deployment.crash(container)
        until(lambda container=container: healthy(container))  # type: ignore[misc]
        deployment.compose(MONITORING, "kill", service)
        deployment.compose(MONITORING, "up", "--detach", "--wait", service)
    until(lambda: value("tagsmith_ready") == ["1"])
    (first_kept,) = value("min_over_time(timestamp(tagsmith_ready)[1h:1s])")
    assert float(first_kept) <= float(first)
    deployment.compose(MONITORING, "rm", "--stop", "--force", *services)


def test_beside_a_scheduler_pictures_come_from_its_file_store(deployment: Deployment) -> None:
    """Its exact origin is fetched from; the same machine on another port is not."""
    network = deployment.environment["SCHEDULER_NETWORK"]
    run("docker", "network", "create", network)
    serve = ("python", "-m", "http.server", "--directory", "/photos")
    try:
        mount = f"{PICTURE.parent}:/photos:ro"
        for port in ("9000", "9001"):
            name = f"{PROJECT}-files-{port}"
            alias = ("--network", network, "--network-alias", "files" if port == "9000" else "others")
            run(
                "docker",
                "run",
                "--detach",
                "--rm",
                "--name",
                name,
                *alias,
                "-v",
                mount,
                "python:3.11-slim",
                *serve,
                port,
            )
        deployment.compose(SCHEDULER, "up", "--detach", "--wait", "tagsmith")
        (container,) = deployment.containers(SCHEDULER, "tagsmith")

        def ask(url: str) -> str:
            code = (
                "import json, sys, urllib.request as u, urllib.error as e\n"
                "body = json.dumps({'image': {'url': sys.argv[1]}}).encode()\n"
                "headers = {'Content-Type': 'application/json', 'X-API-Key': sys.argv[2]}\n"
                "try: print(u.urlopen(u.Request('http://tagsmith:8000/v1/suggestions', body, headers)).status)\n"
                "except e.HTTPError as error: print(error.code, json.load(error)['code'])"
            )
            caller = ("docker", "run", "--rm", "--network", network, "python:3.11-slim", "python", "-c", code)
            return run(*caller, url, deployment.key or "")

        assert ask(f"http://files:9000/{PICTURE.name}") == "200"
        assert ask(f"http://others:9001/{PICTURE.name}") == "422 image_url_refused"
        assert not run("docker", "port", container)
    finally:
        for port in ("9000", "9001"):
            subprocess.run(["docker", "rm", "--force", f"{PROJECT}-files-{port}"], capture_output=True)
        deployment.compose(SCHEDULER, "rm", "--stop", "--force", "tagsmith")
        subprocess.run(["docker", "network", "rm", network], capture_output=True)
