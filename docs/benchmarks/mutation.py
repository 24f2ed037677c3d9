"""How many small changes of the core do its tests notice? Mutation testing by mutmut.

Needs ``pip install mutmut``; then, for a hundred changes of one part of the core,

    python docs/benchmarks/mutation.py solver --sample 100 --seed 0

works in a copy of the repository and prints the score and the changes that no test
noticed. Each change meets the tests of its own part only, those that run the changed
function.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mutmut.stats import status_by_exit_code

REPOSITORY = Path(__file__).parents[2]
COPIED = ("sksoftnewton", "tests", "pyproject.toml", "README.md")
LOG = "mutmut.log"
NOT_NOTICED = "survived", "no tests"


@dataclass(frozen=True)
class Part:
    """Modules that are changed, and the tests that have to notice."""

    changed: tuple[str, ...]
    tests: tuple[str, ...]


CERTIFICATE = (
    *("certificate", "certification", "constants", "enclosure", "geometry"),
    *("intervals", "kantorovich", "neighbourhood", "rounding", "saddle", "whitening"),
)
PARTS = {
    "solver": Part(
        ("_solver/*.py",),
        ("solver", "paper/test_regression.py"),  # which takes plain steps
    ),
    "network": Part(("_network/*.py",), ("network",)),
    "inference": Part(("_inference/*.py",), ("inference",)),
    "certificate": Part(
        tuple(f"_paper/{name}.py" for name in CERTIFICATE),
        (
            "paper/test_guarantees.py",
            *(f"paper/test_{name}.py" for name in CERTIFICATE),
        ),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        make_copy(copy, PARTS[given.part])
        mutmut(copy, "none-of-them")  # only makes the mutants
        names = sorted(outcomes(copy))
        drawn = random.Random(given.seed).sample(names, min(given.sample, len(names)))
        mutmut(copy, *drawn)
        report(copy, given.part, {name: outcomes(copy)[name] for name in drawn})


def make_copy(copy: Path, part: Part) -> None:
    """The repository as mutmut reads it."""
    for name in COPIED:
        source = REPOSITORY / name
        take = shutil.copytree if source.is_dir() else shutil.copy
        take(source, copy / name)
    settings = {
        "source_paths": ["sksoftnewton"],
        "only_mutate": [f"sksoftnewton/{pattern}" for pattern in part.changed],
        "pytest_add_cli_args_test_selection": [f"tests/{name}" for name in part.tests],
        "timeout_constant": 2.0,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    with (copy / "pyproject.toml").open("a") as file:
        file.write("\n".join(["", "[tool.mutmut]", *lines, ""]))


def mutmut(copy: Path, *names: str) -> None:
    """Test some mutants, with one process."""
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *names]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ""}
    with (copy / LOG).open("w") as log:
        subprocess.run(
            command, cwd=copy, env=environment, check=False, stdout=log, stderr=log
        )


def outcomes(copy: Path) -> dict[str, int | None]:
    """The exit code of the tests of each mutant; None: not run."""
    codes: dict[str, int | None] = {}
    for file in (copy / "mutants").rglob("*.meta"):
        codes |= json.loads(file.read_text())["exit_code_by_key"]
    return codes


def report(copy: Path, part: str, codes: dict[str, int | None]) -> None:
    """Print the score, and the difference that each survivor is."""
    if not codes or None in codes.values():
        raise SystemExit(f"mutmut stopped early:\n{(copy / LOG).read_text()[-3000:]}")
    counts = Counter(status_by_exit_code[code] for code in codes.values())
    for name, code in codes.items():
        if status_by_exit_code[code] in NOT_NOTICED:
            command = [sys.executable, "-m", "mutmut", "show", name]
            shown = subprocess.run(
                command, cwd=copy, check=False, capture_output=True, text=True
            )
            print(shown.stdout)
    n_noticed = len(codes) - sum(counts[status] for status in NOT_NOTICED)
    print(f"{part}: {n_noticed} of {len(codes)} noticed; {dict(counts)}")


if __name__ == "__main__":
    main()
