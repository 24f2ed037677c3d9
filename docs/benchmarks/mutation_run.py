"""mutmut for some mutants, each with its fastest tests first.

Used by ``mutation.py`` inside its copy of the repository:

    python mutation_run.py SECONDS SAMPLE SEED
    python mutation_run.py SECONDS NAME NAME …

Tests that run a changed function are taken from the fastest on, for so many seconds
in all; the first that fails ends the trial.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mutmut import __main__ as app
from mutmut.runners.harness import PytestRunner
from mutmut.state import state


def main() -> None:
    seconds, *names = sys.argv[1:]
    if names[0].isdigit():
        names = drawn(int(names[0]), int(names[1]))
    order_tests(float(seconds))
    app._run(names, 1)


def drawn(sample: int, seed: int) -> list[str]:
    """Names of so many mutants of all that there are."""
    Path("mutants").mkdir(exist_ok=True)
    app.copy_src_dir()
    app.copy_also_copy_files()
    app.setup_source_paths()
    app.store_lines_covered_by_tests()
    app.create_mutants(1)
    names: list[str] = []
    for file in Path("mutants").rglob("*.meta"):
        names += json.loads(file.read_text())["exit_code_by_key"]
    return random.Random(seed).sample(sorted(names), min(sample, len(names)))


def order_tests(seconds: float) -> None:
    """Let mutmut take the fastest tests of a function first, and not all of them."""
    collect = app.collect_or_load_stats
    arguments = PytestRunner._pytest_args_regular_run

    def collected(*args: Any, **kwargs: Any) -> None:
        collect(*args, **kwargs)
        of_functions = state().tests_by_mangled_function_name
        for name in list(of_functions):
            of_functions[name] = set(within(of_functions[name], seconds))

    def fastest_first(self: PytestRunner, tests: Iterable[str]) -> list[str]:
        return arguments(self, in_order(tests))

    app.collect_or_load_stats = collected
    PytestRunner._pytest_args_regular_run = fastest_first


def in_order(tests: Iterable[str]) -> list[str]:
    return sorted(tests, key=lambda test: (state().duration_by_test.get(test, 0), test))


def within(tests: Iterable[str], seconds: float) -> list[str]:
    """The fastest tests that take so many seconds together, and one at least."""
    taken: list[str] = []
    for test in in_order(tests):
        seconds -= state().duration_by_test.get(test, 0)
        if taken and seconds < 0:
            break
        taken.append(test)
    return taken


if __name__ == "__main__":
    main()
