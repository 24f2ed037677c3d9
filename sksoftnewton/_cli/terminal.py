"""What is said on the way: signs that a terminal can show, progress, the exit."""

from __future__ import annotations

import codecs
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TypeVar

T = TypeVar("T")

ASCII = {"²": "2", "±": "+-", "…": "~", "–": "-", "−": "-", "’": "'"}
SECONDS_BETWEEN_LINES = 5.0


def _spelled_out(error: UnicodeError) -> tuple[str, int]:
    """Signs that an encoding lacks, in ASCII."""
    assert isinstance(error, UnicodeEncodeError)
    signs = error.object[error.start : error.end]
    text = "".join(
        ASCII.get(sign, sign.encode("ascii", "backslashreplace").decode())
        for sign in signs
    )
    return text, error.end


def adapt_to_terminal() -> None:
    """Let both output streams replace the signs that their encoding lacks."""
    codecs.register_error("sksoftnewton", _spelled_out)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="sksoftnewton")


def forget_output() -> None:
    """Let what is still to be written to a closed pipe go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tracked(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    """The items, with a bar on the standard error and the time that is left.

    Lines instead where the standard error is no terminal or rich is not installed.
    """
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        yield from _with_lines(items, total, label)
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from _with_lines(items, total, label)
        return
    with Progress(console=console, transient=True) as progress:
        yield from progress.track(items, total=total, description=label)


def _with_lines(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    began = last = time.perf_counter()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.perf_counter()
        if done < total and now - last > SECONDS_BETWEEN_LINES:
            left = (now - began) / done * (total - done)
            message = f"  {label}: {done} of {total} folds, about {left:.0f} s left"
            print(message, file=sys.stderr, flush=True)
            last = now


@contextmanager
def counting(label: str) -> Iterator[Callable[[], None]]:
    """A function to call after each step of work of which nobody knows the length.

    The number of steps stands on the standard error: in place on a terminal if rich is
    installed, otherwise in a line every few seconds.
    """
    try:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn
    except ImportError:
        yield _lines_of_steps(label)
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines_of_steps(label)
        return
    text = TextColumn("{task.description}: {task.completed:.0f}")
    with Progress(SpinnerColumn(), text, console=console, transient=True) as progress:
        task = progress.add_task(label, total=None)
        yield lambda: progress.advance(task)


def _lines_of_steps(label: str) -> Callable[[], None]:
    steps, last = count(1), time.perf_counter()

    def advance() -> None:
        nonlocal last
        n, now = next(steps), time.perf_counter()
        if now - last > SECONDS_BETWEEN_LINES:
            print(f"  {label}: {n}", file=sys.stderr, flush=True)
            last = now

    return advance
