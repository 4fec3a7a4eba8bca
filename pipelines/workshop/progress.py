"""The progress of a stage, for the person who waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Task(Protocol):
    """One piece of work with a known or unknown number of steps."""

    def advance(self, steps: float = 1) -> None:
        """Count ``steps`` as done."""
        ...


class ProgressPort(Protocol):
    """How a stage tells its progress."""

    def task(self, label: str, total: float | None = None) -> Task:
        """Start a piece of work of ``total`` steps (None: not known) and return what counts them."""
        ...

    def note(self, message: str) -> None:
        """Tell something that stays on the screen."""
        ...


class _SilentTask:
    def advance(self, steps: float = 1) -> None:
        """Count nothing."""


class SilentProgress:
    """Shows nothing."""

    def task(self, label: str, total: float | None = None) -> Task:
        """Return a task that counts nothing."""
        return _SilentTask()

    def note(self, message: str) -> None:
        """Drop the message."""


class _BarTask:
    def __init__(self, bars: Progress, task_id: TaskID) -> None:
        self._bars = bars
        self._task_id = task_id

    def advance(self, steps: float = 1) -> None:
        """Move the bar."""
        self._bars.advance(self._task_id, steps)


class BarProgress:
    """Bars on a terminal; plain lines where the output is not one."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars

    def task(self, label: str, total: float | None = None) -> Task:
        """Return a task with a bar of its own."""
        if not self._bars.console.is_terminal:
            self._bars.console.print(f"  {label}", highlight=False)
        return _BarTask(self._bars, self._bars.add_task(label, total=total))

    def note(self, message: str) -> None:
        """Print above the bars."""
        self._bars.console.print(f"  {message}", highlight=False, markup=False)


@contextmanager
def open_bars(console: Console) -> Iterator[BarProgress]:
    """Yield a progress whose bars are drawn until the block ends; they vanish then, so that notes alone stay."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield BarProgress(bars)
