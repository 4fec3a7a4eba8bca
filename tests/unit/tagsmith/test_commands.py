"""Commands end with an exit code and one line, never with a traceback."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from core.bundle.draft import DraftBundle
from core.bundle.manifest import Provenance
from core.errors import BundleMissing, DataError
from tagsmith.cli import app
from tagsmith.commands.doctor import Finding, look, print_findings
from tagsmith.commands.evaluate import print_bars
from tagsmith.options import choose_bundle
from tagsmith.terminal import FailuresInOneLine
from tests.support.tiny_world import TinyWorld


def invoke(*words: str) -> tuple[int, str, str]:
    """Return (exit code, standard output, standard error) of a command."""
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.stdout, done.stderr


def publish(store: Path, name: str, words: str = "sea") -> None:
    """Put a small bundle into a store."""
    with DraftBundle(store, name) as draft:
        draft.path("words.txt").write_text(words)
        draft.seal(Provenance(created="2026-11-22T00:00:00+00:00", topics=("food",), counts={"hashtags": 1}))
        draft.publish()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with two bundles, the second one current."""
    publish(tmp_path / "store", "first")
    publish(tmp_path / "store", "second")
    return tmp_path / "store"


def failing(error: BaseException) -> typer.Typer:
    """Return a command line with one command that fails."""
    failing_app = typer.Typer(cls=FailuresInOneLine, pretty_exceptions_enable=False)

    @failing_app.callback()
    def main(debug: bool = False) -> None:
        """Take ``--debug``."""

    @failing_app.command()
    def train() -> None:
        """Fail."""
        raise error

    return failing_app


def test_a_foreseen_failure_is_one_line_and_exit_code_2() -> None:
    """What happened and what to do, for a person."""
    done = CliRunner().invoke(failing(DataError("no posts; collect some")), ["train"])
    assert (done.exit_code, done.stderr) == (2, "tagsmith: no posts; collect some\n")


def test_debug_shows_where_it_came_from() -> None:
    """For whoever mends the program."""
    done = CliRunner().invoke(failing(DataError("no posts")), ["--debug", "train"])
    assert isinstance(done.exception, DataError)


def test_an_unforeseen_failure_is_not_dressed_up() -> None:
    """A bug shows its traceback."""
    done = CliRunner().invoke(failing(ZeroDivisionError()), ["train"])
    assert isinstance(done.exception, ZeroDivisionError)


def test_a_package_that_only_training_needs_is_named() -> None:
    """The default install serves; whoever trains learns what to add."""
    missing = ModuleNotFoundError("No module named 'torch'", name="torch.nn")
    done = CliRunner().invoke(failing(missing), ["train"])
    assert (done.exit_code, done.stderr) == (
        2,
        "tagsmith: this needs torch; install it with: pip install 'tagsmith[train]'\n",
    )


def test_a_missing_module_of_our_own_is_a_bug() -> None:
    """No package would help."""
    done = CliRunner().invoke(failing(ModuleNotFoundError("gone", name="models.gone")), ["train"])
    assert isinstance(done.exception, ModuleNotFoundError)


def test_ctrl_c_ends_with_130_and_says_how_to_go_on() -> None:
    """As shells expect."""
    done = CliRunner().invoke(failing(KeyboardInterrupt()), ["train"])
    assert done.exit_code == 130
    assert "the same command goes on from here" in done.stderr


def test_an_unknown_option_ends_with_2() -> None:
    """As every program does."""
    assert invoke("suggest", "--colour", "red")[0] == 2


def test_the_version_is_printed() -> None:
    """For bug reports."""
    code, out, _ = invoke("--version")
    assert code == 0
    assert out.startswith("tagsmith")


def test_bundles_of_a_store_are_listed_with_the_current_one_marked(store: Path) -> None:
    """One line a bundle."""
    code, out, _ = invoke("bundle", "list", "--store", str(store))
    assert code == 0
    assert [("*" in line) for line in out.splitlines() if "first" in line or "second" in line] == [False, True]


def test_a_bundle_that_cannot_be_read_is_listed_with_the_reason(store: Path) -> None:
    """The others are still to be seen."""
    (store / "first" / "manifest.json").write_text("{")
    code, out, _ = invoke("bundle", "list", "--store", str(store))
    assert code == 0
    assert "cannot be used" in out
    assert "second" in out


def test_an_empty_store_says_what_to_do(tmp_path: Path) -> None:
    """It is a wrong path more often than a new store."""
    code, _, err = invoke("bundle", "list", "--store", str(tmp_path))
    assert code == 2
    assert "tagsmith train" in err


def test_the_current_bundle_can_be_changed(store: Path, tiny_world: TinyWorld) -> None:
    """To one that answers when it is tried, and back from one that does not."""
    name = tiny_world.bundle.manifest.bundle_id
    shutil.copytree(tiny_world.bundle.root, store / name)
    assert invoke("bundle", "use", name, "--store", str(store))[0] == 0
    assert choose_bundle(store).name == name


@pytest.mark.parametrize("words", [("use", "first"), ("rollback",)])
def test_a_bundle_that_cannot_be_opened_does_not_become_current(store: Path, words: tuple[str, ...]) -> None:
    """Whole as it is, it holds nothing to answer with."""
    code, _, err = invoke("bundle", *words, "--store", str(store))
    assert (code, err.count("\n")) == (2, 1)
    assert "topics.json" in err
    assert choose_bundle(store).name == "second"


def test_an_unknown_bundle_is_refused_and_the_current_one_stays(store: Path) -> None:
    """A mistyped name changes nothing."""
    code, _, err = invoke("bundle", "use", "third", "--store", str(store))
    assert code == 2
    assert "third" in err
    assert choose_bundle(store).name == "second"


def test_show_prints_what_a_bundle_was_made_of(store: Path) -> None:
    """For a person, and whole for a program."""
    code, out, _ = invoke("bundle", "show", "--bundle", str(store))
    assert code == 0
    assert "second" in out
    assert "food" in out
    code, out, _ = invoke("bundle", "show", "--json", "--bundle", str(store / "first"))
    assert json.loads(out)["bundle_id"] == "first"


def test_verify_finds_a_changed_file(store: Path) -> None:
    """One changed letter is enough."""
    assert invoke("bundle", "verify", "--bundle", str(store))[0] == 0
    (store / "second" / "words.txt").write_text("tea")
    code, _, err = invoke("bundle", "verify", "--bundle", str(store))
    assert code == 2
    assert "words.txt" in err


def test_a_named_bundle_wins_and_a_wrong_name_is_not_replaced_by_another(store: Path, tmp_path: Path) -> None:
    """Whoever names a bundle does not want the answers of another one."""
    assert choose_bundle(store / "first") == store / "first"
    with pytest.raises(BundleMissing):
        choose_bundle(tmp_path / "nowhere")


def test_the_environment_comes_before_the_working_folder(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/settings.md says; without it the store of the working folder is used."""
    publish(tmp_path / "var" / "bundles", "local")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAGSMITH_BUNDLE", raising=False)
    assert choose_bundle(None).name == "local"
    monkeypatch.setenv("TAGSMITH_BUNDLE", str(store))
    assert choose_bundle(None).name == "second"


def test_training_without_data_names_the_path(tmp_path: Path) -> None:
    """Before anything is written."""
    code, _, err = invoke("train", "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out"))
    assert code == 2
    assert "nowhere does not exist" in err
    assert not (tmp_path / "out").exists()


def test_an_unknown_stage_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    """Before anything is written."""
    code, _, err = invoke("train", "--data", str(tmp_path), "--until", "bake", "--out", str(tmp_path / "out"))
    assert code == 2
    assert "train-topics" in err
    assert not (tmp_path / "out").exists()


def test_a_photograph_that_is_not_there_is_named_before_anything_is_loaded() -> None:
    """A mistyped path costs no time."""
    code, _, err = invoke("suggest", "nowhere.jpg")
    assert code == 2
    assert "nowhere.jpg" in err


def test_the_doctor_finds_the_bundle_and_the_runtime(store: Path) -> None:
    """What a bug report needs, and whether the bundle is whole."""
    findings = {one.what: one for one in look(store)}
    assert findings["bundle"].state == "ok"
    assert findings["runtime"].state == "ok"
    assert findings["gpu"].state in ("ok", "absent")


def test_the_doctors_advice_can_be_copied() -> None:
    """An extra's brackets are no markup."""
    console = Console(file=io.StringIO(), width=120)
    print_findings([Finding("some package", "absent", "needed for it: pip install 'tagsmith[some]'")], console)
    assert isinstance(console.file, io.StringIO)
    assert "pip install 'tagsmith[some]'" in console.file.getvalue()


def test_the_doctor_names_a_misspelt_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not what was set."""
    monkeypatch.setenv("TAGSMITH_QEUE", "hunter2")
    _, out, _ = invoke("doctor", "--json")
    found = {one["what"]: one["detail"] for one in json.loads(out)}
    assert found["TAGSMITH_QEUE"] == "no setting has this name; TAGSMITH_QUEUE is one"
    assert "hunter2" not in out


def test_the_doctor_fails_when_serving_could_not_start(tmp_path: Path) -> None:
    """A script can ask before it deploys."""
    code, out, _ = invoke("doctor", "--json", "--bundle", str(tmp_path))
    assert code == 2
    wrong = [one["what"] for one in json.loads(out) if one["state"] == "wrong"]
    assert wrong == ["bundle"]


def test_evaluation_shows_each_figure_beside_its_bar() -> None:
    """Whether it was met is said in words."""
    stream = io.StringIO()
    interval = {"value": 0.96, "low": 0.95, "high": 0.97}
    bars = {
        "topics": {"figure": interval, "bar": "at least 0.95", "met": True},
        "caption": {"figure": interval, "bar": "at least 1.35", "met": False},
    }
    print_bars({"bars": bars}, Console(file=stream, width=120))
    lines = [line.split() for line in stream.getvalue().splitlines()]
    assert lines[1] == ["topics", "0.960", "(0.950–0.970)", "at", "least", "0.95", "yes"]
    assert lines[2][-1] == "no"
