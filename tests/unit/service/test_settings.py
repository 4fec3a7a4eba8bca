"""What the operator sets, and what is refused."""

from __future__ import annotations

import pytest

from core.errors import InvalidOption
from service.settings import Settings, is_loopback, load_settings, refuse_open_door, unknown_variables


def test_an_argument_wins_over_the_environment_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """None means that the command line did not say."""
    monkeypatch.setenv("TAGSMITH_PORT", "9000")
    monkeypatch.setenv("TAGSMITH_BATCH_MAX", "3")
    settings = load_settings(port=9001, batch_max=None)
    assert (settings.port, settings.batch_max, settings.queue) == (9001, 3, 64)


def test_a_bad_value_in_the_environment_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator reads which one to mend."""
    monkeypatch.setenv("TAGSMITH_QUEUE", "many")
    with pytest.raises(InvalidOption, match="TAGSMITH_QUEUE"):
        load_settings()


def test_a_bad_argument_names_its_option() -> None:
    """And not a variable that nobody set."""
    with pytest.raises(InvalidOption, match="--port"):
        load_settings(port=70_000)


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ("TAGSMITH_DATABSE", "TAGSMITH_DATABASE"),
        ("TAGSMITH_WORKER", "TAGSMITH_WORKERS"),
        ("TAGSMITH_DATABASE_PASSWORD", "TAGSMITH_DATABASE_PASSWORD_FILE"),
        ("tagsmith_quue", "TAGSMITH_QUEUE"),
        ("TAGSMITH_ZZZZZZZZZZZZZZZZZZZZZZZZ", None),
    ],
)
def test_a_misspelt_variable_is_named_with_the_setting_that_comes_nearest(
    monkeypatch: pytest.MonkeyPatch, given: str, nearest: str | None
) -> None:
    """Else a database of one's own would stay empty in silence."""
    monkeypatch.setenv(given, "secret")
    assert unknown_variables()[given] == nearest


def test_no_setting_and_no_variable_of_the_tests_is_called_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """In either case, as settings are read."""
    before = unknown_variables()
    for name in Settings.model_fields:
        monkeypatch.setenv(f"TAGSMITH_{name.upper()}", "1")
    monkeypatch.setenv("tagsmith_port", "1")
    monkeypatch.setenv("TAGSMITH_TEST_DATA", "somewhere")
    assert unknown_variables() == before


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("no such host", False),
    ],
)
def test_only_addresses_of_this_machine_are_loopback(host: str, own: bool) -> None:
    """The address that means "all" is not among them."""
    assert is_loopback(host) == own


def test_without_keys_only_loopback_may_be_bound() -> None:
    """Unless the operator says otherwise, in so many words."""
    refuse_open_door(Settings(host="::1"))
    refuse_open_door(Settings(host="0.0.0.0", allow_anonymous=True))
    refuse_open_door(Settings(host="0.0.0.0"), has_keys=True)
    with pytest.raises(InvalidOption, match="keys create.*TAGSMITH_ALLOW_ANONYMOUS"):
        refuse_open_door(Settings(host="0.0.0.0"), has_keys=False)


def test_every_setting_says_what_it_does() -> None:
    """The settings table is made from these."""
    assert all(field.description for field in Settings.model_fields.values())
