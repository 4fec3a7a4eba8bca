"""Feedback, and its way into the database, on both of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.errors import StoreUnavailable
from recommend.workspace import BOUND, HALF_LIFE_DAYS, Verdict
from service.store.database import Store, open_store
from service.store.feedback import Feedback
from service.store.feedback_rows import MAX_OPINIONS, TRIM_EVERY, GivenFeedback, OtherWorkspace
from service.store.ids import new_id, suggestion_id
from service.store.journal import UNKNOWN_AGAIN_MS, UNKNOWN_KEPT_MS, Journal
from service.store.tables import (
    DAY_MS,
    FEEDBACK,
    FEEDBACK_KEPT_MS,
    FEEDBACK_TAGS,
    SUGGESTIONS,
    SUGGESTIONS_KEPT_MS,
    WORKSPACES,
)
from tests.contracts.store.conftest import Clock, take_away

DAY_S = DAY_MS / 1000.0


@pytest.fixture
async def journal(store: Store, tmp_path: Path, clock: Clock) -> AsyncIterator[Journal]:
    """A journal with its spool open; it carries over when it is told to."""
    made = Journal(store, tmp_path / "spool", now_ms=clock)
    made.spool.open()
    yield made
    made.spool.close()


@pytest.fixture
def feedback(store: Store, journal: Journal, clock: Clock) -> Feedback:
    """The feedback of a store."""
    return Feedback(store, journal, now_ms=clock, sleep=_never)


async def _never(_seconds: float) -> None:
    """Take no time."""


def _suggested(clock: Clock, *tags: str, workspace: str = "studio") -> dict[str, object]:
    return {
        "kind": "suggestion",
        "id": suggestion_id(now=lambda: clock.ms / 1000.0),
        "workspace": workspace,
        "bundle": "b",
        "created_ms": clock.ms,
        "hashtags": [[tag] for tag in tags],
    }


def _given(clock: Clock, answer: dict[str, object], workspace: str = "studio", **verdicts: Verdict) -> GivenFeedback:
    return GivenFeedback(new_id("fb"), workspace, str(answer["id"]), clock.ms, tuple(verdicts.items()))


async def _n_rows(store: Store, table: object) -> int:
    async with store.statements() as connection:
        return int(await connection.scalar(select(func.count()).select_from(table)) or 0)  # type: ignore[arg-type]


async def test_an_answer_just_given_is_known(feedback: Feedback, journal: Journal, clock: Clock) -> None:
    """Feedback may come before the background got to it; of another workspace's answer nothing is told."""
    answer = _suggested(clock, "dog", "puppy")
    assert journal.note(answer)
    assert await feedback.shown("studio", str(answer["id"])) == frozenset({"dog", "puppy"})
    with pytest.raises(OtherWorkspace):
        await feedback.shown("rival", str(answer["id"]))
    assert await feedback.shown("studio", suggestion_id()) is None
    assert await feedback.shown("studio", "no id at all") is None


async def test_records_of_an_older_version_are_read(
    feedback: Feedback, journal: Journal, store: Store, clock: Clock
) -> None:
    """Whether a row or an entry of the spool: those kept each hashtag with its score and the score's parts."""
    old_parts = [0.0, 0.0, 1.0, 0.0, 0.0]
    stored, waiting = _suggested(clock, "dog"), _suggested(clock, "dog")
    for answer in (stored, waiting):
        answer["hashtags"] = [["puppy", 5.37858, old_parts], ["cat", 0.5, old_parts]]
    async with store.transaction() as connection:
        await connection.execute(
            SUGGESTIONS.insert(), [{name: value for name, value in stored.items() if name != "kind"}]
        )
    assert journal.note(waiting)
    for answer in (stored, waiting):
        assert await feedback.shown("studio", str(answer["id"])) == frozenset({"puppy", "cat"})


async def test_feedback_moves_its_workspace_alone(
    feedback: Feedback, second_store: Store, journal: Journal, clock: Clock
) -> None:
    """Accepted and added ones rise, rejected ones fall, and another process sees it at once."""
    answer = _suggested(clock, "dog", "cat")
    journal.note(answer)
    assert (await feedback.leaning("studio")).values == {}
    assert await feedback.give(_given(clock, answer, dog="accepted", cat="rejected", max="added")) == "stored"
    elsewhere = Feedback(second_store, journal, now_ms=clock)
    for seen in (await feedback.leaning("studio"), await elsewhere.leaning("studio")):
        assert seen.current
        assert seen.values["dog"] == seen.values["max"] > 0 > seen.values["cat"]
    assert (await feedback.leaning("rival")).values == {}


async def test_undoing_restores_exactly_what_was(feedback: Feedback, journal: Journal, clock: Clock) -> None:
    """To the last digit, whatever was given before and after; undoing twice changes nothing."""
    answers = [_suggested(clock, "dog", "cat", "art") for _ in range(3)]
    for answer in answers:
        journal.note(answer)
    await feedback.give(_given(clock, answers[0], dog="accepted", art="rejected"))
    clock.pass_s(3 * DAY_S)
    before = (await feedback.leaning("studio")).values
    middle = _given(clock, answers[1], dog="accepted", cat="rejected", art="accepted")
    await feedback.give(middle)
    assert (await feedback.leaning("studio")).values != before
    last = _given(clock, answers[2], art="accepted")
    await feedback.give(last)
    assert await feedback.undo("studio", middle.feedback_id)
    assert await feedback.undo("studio", middle.feedback_id)
    assert await feedback.undo("studio", last.feedback_id)
    assert (await feedback.leaning("studio")).values == before
    assert not await feedback.undo("studio", new_id("fb"))
    with pytest.raises(OtherWorkspace):
        await feedback.undo("rival", middle.feedback_id)


async def test_feedback_is_bounded_and_fades(feedback: Feedback, journal: Journal, clock: Clock) -> None:
    """A thousand clicks on one answer are one opinion; many answers stay below the bound; time takes it away."""
    answer = _suggested(clock, "dog")
    journal.note(answer)
    await feedback.give(_given(clock, answer, dog="accepted"))
    once = (await feedback.leaning("studio")).values
    for _ in range(5):
        await feedback.give(_given(clock, answer, dog="accepted"))
    assert (await feedback.leaning("studio")).values == once
    for _ in range(30):
        more = _suggested(clock, "dog")
        journal.note(more)
        await feedback.give(_given(clock, more, dog="accepted"))
    full = (await feedback.leaning("studio")).values["dog"]
    assert once["dog"] < full < BOUND
    clock.pass_s(HALF_LIFE_DAYS * DAY_S)
    faded = (await feedback.leaning("studio")).values["dog"]
    assert 0 < faded < full
    clock.pass_s(8 * HALF_LIFE_DAYS * DAY_S)
    assert (await feedback.leaning("studio")).values == {}


async def test_the_same_feedback_twice_is_one(feedback: Feedback, journal: Journal, store: Store, clock: Clock) -> None:
    """A retry of a request that had arrived adds nothing, also after it was undone."""
    answer = _suggested(clock, "dog")
    journal.note(answer)
    given = _given(clock, answer, dog="accepted")
    await feedback.give(given)
    await feedback.undo("studio", given.feedback_id)
    await feedback.give(given)
    assert (await feedback.leaning("studio")).values == {}
    assert await _n_rows(store, FEEDBACK) == 1


async def test_the_last_known_feedback_counts_while_the_database_is_away(
    feedback: Feedback, journal: Journal, store: Store, clock: Clock
) -> None:
    """And the answer is told that it may be out of date; of workspaces never seen nothing is known."""
    answer = _suggested(clock, "dog")
    journal.note(answer)
    await feedback.give(_given(clock, answer, dog="accepted"))
    known = await feedback.leaning("studio")
    await take_away(store)
    away = await feedback.leaning("studio")
    assert (away.values, away.current) == (known.values, False)
    assert (await feedback.leaning("rival")).values == {}
    with pytest.raises(StoreUnavailable):
        await feedback.undo("studio", new_id("fb"))


async def test_what_is_given_while_the_database_is_away_counts_once_when_it_is_back(
    url: str, store: Store, tmp_path: Path, clock: Clock
) -> None:
    """Answers and feedback wait in the spool, outlive the process, and come over once however often it is tried."""
    journal = Journal(store, tmp_path / "spool", now_ms=clock)
    journal.spool.open()
    feedback = Feedback(store, journal, now_ms=clock)
    answer, given = _suggested(clock, "dog"), None
    await take_away(store)
    assert journal.note(answer)
    given = _given(clock, answer, dog="accepted", cat="accepted", max="added")
    assert await feedback.give(given) == "kept"
    with pytest.raises(StoreUnavailable):
        await journal.carry_over()
    journal.spool.close()

    back = open_store(url)
    successor = Journal(back, tmp_path / "spool", now_ms=clock)
    successor.spool.open()
    successor.spool.adopt()
    await successor.carry_over()
    await successor.carry_over()
    later = Feedback(back, successor, now_ms=clock)
    values = (await later.leaning("studio")).values
    assert set(values) == {"dog", "max"}, "cat was never suggested, so it cannot have been accepted"
    await later.keep(given)
    await successor.carry_over()
    assert (await later.leaning("studio")).values == values
    assert await later.undo("studio", given.feedback_id)
    await later.keep(given)
    await successor.carry_over()
    assert (await later.leaning("studio")).values == {}, "a replay does not bring back what was undone"
    successor.spool.close()
    await back.close()


async def test_kept_feedback_waits_a_minute_for_its_answer(
    feedback: Feedback, journal: Journal, store: Store, clock: Clock
) -> None:
    """Another process's spool may still hold it. It was acknowledged: what nobody answers to is stored as it is."""
    answer = _suggested(clock, "dog")
    await feedback.keep(_given(clock, answer, dog="accepted", art="accepted"))
    await journal.carry_over()
    assert await _n_rows(store, FEEDBACK) == 0
    journal.note(answer)
    for _ in range(2):
        clock.pass_s(UNKNOWN_AGAIN_MS / 1000.0)
        await journal.carry_over()
    assert await _n_rows(store, FEEDBACK) == 1
    assert set((await feedback.leaning("studio")).values) == {"dog"}
    orphan = _given(clock, _suggested(clock, "cat"), cat="accepted", max="added")
    await feedback.keep(orphan)
    for _ in range(3):
        await journal.carry_over()
        assert await _n_rows(store, FEEDBACK) == 1
        clock.pass_s(UNKNOWN_KEPT_MS / 1000.0 / 2.5)
    await journal.carry_over()
    assert await _n_rows(store, FEEDBACK) == 2
    assert journal.spool.n_bytes == 0
    assert set((await feedback.leaning("studio")).values) == {"dog", "cat", "max"}
    assert await feedback.undo("studio", orphan.feedback_id)


async def test_kept_feedback_on_the_answer_of_another_workspace_stops_nobody(
    feedback: Feedback, journal: Journal, store: Store, clock: Clock
) -> None:
    """It is stored for the one who gave it, without what only the other could judge; what came after it follows."""
    answer = _suggested(clock, "dog")
    stray, after = (
        _given(clock, answer, "rival", dog="accepted", max="added"),
        _given(clock, answer, dog="accepted"),
    )
    journal.note(answer)
    await feedback.keep(stray)
    await feedback.keep(after)
    await journal.carry_over()
    assert journal.spool.n_bytes == 0
    assert await _n_rows(store, FEEDBACK) == 2
    assert set((await feedback.leaning("rival")).values) == {"max"}
    assert set((await feedback.leaning("studio")).values) == {"dog"}


async def test_an_answer_in_the_spool_of_a_dead_process_is_found(
    feedback: Feedback, store: Store, tmp_path: Path, clock: Clock
) -> None:
    """By the first request that asks for it, not by the next look round."""
    dead = Journal(store, tmp_path / "spool", now_ms=clock)
    dead.spool.open()
    answer = _suggested(clock, "dog")
    dead.note(answer)
    dead.spool.close()
    assert await feedback.shown("studio", str(answer["id"])) == frozenset({"dog"})


async def test_answers_are_kept_thirty_days(feedback: Feedback, journal: Journal, store: Store, clock: Clock) -> None:
    """Then they are gone, and feedback on them is refused; what was said of them still counts."""
    answer = _suggested(clock, "dog")
    journal.note(answer)
    await feedback.give(_given(clock, answer, dog="accepted"))
    await journal.carry_over()
    clock.pass_s(SUGGESTIONS_KEPT_MS / 1000.0)
    await journal.purge()
    assert await _n_rows(store, SUGGESTIONS) == 1
    clock.pass_s(0.001)
    await journal.purge()
    assert await _n_rows(store, SUGGESTIONS) == 0
    assert await feedback.shown("studio", str(answer["id"])) is None
    assert (await feedback.leaning("studio")).values["dog"] > 0
    clock.pass_s(FEEDBACK_KEPT_MS / 1000.0)
    await journal.purge()
    assert await _n_rows(store, FEEDBACK) == 0


async def test_a_workspace_can_fill_the_database_no_further(
    feedback: Feedback, store: Store, url: str, clock: Clock
) -> None:
    """The oldest opinions go when there are too many; the newest, and those of other workspaces, stay."""
    per_row, n_rows = 300, MAX_OPINIONS // 300 + 20
    rows = [
        {"id": f"fb{n}", "workspace": "studio", "suggestion_id": f"sg{n}", "created_ms": clock.ms + n}
        for n in range(n_rows)
    ]
    rows.append({"id": "rival", "workspace": "rival", "suggestion_id": "sg", "created_ms": 0})
    patient = open_store(url, patience_s=60.0)
    async with patient.transaction() as connection:
        await connection.execute(FEEDBACK.insert(), rows)
        await connection.execute(
            FEEDBACK_TAGS.insert(),
            [
                {"feedback_id": row["id"], "hashtag": f"tag{n}", "verdict": "added"}
                for row in rows
                for n in range(per_row)
            ],
        )
        await connection.execute(WORKSPACES.insert().values(workspace="studio", feedback_version=TRIM_EVERY - 1))
    await patient.close()
    clock.pass_s(60.0)
    assert await feedback.give(GivenFeedback("newest", "studio", "sg", clock.ms, (("max", "added"),))) == "stored"
    async with store.statements() as connection:
        left = set((await connection.execute(select(FEEDBACK.c.id))).scalars())
    n_left = (MAX_OPINIONS - 1) // per_row
    assert left == {"newest", "rival", *(f"fb{n}" for n in range(n_rows - n_left, n_rows))}
    assert await _n_rows(store, FEEDBACK_TAGS) == 1 + per_row + n_left * per_row
    assert (await feedback.leaning("studio")).values["max"] > 0
