"""How many small changes of the core do its tests notice? Mutation testing by mutmut.

Needs ``pip install mutmut``; then, for a hundred changes of one part of the core,

    python docs/benchmarks/mutation.py solver --sample 100 --seed 0

works in a copy of the repository and prints the score and the changes that no test
noticed. Each change meets the part's own tests that run the changed function, the
fastest first and at most so many ``--seconds`` of them, and then those of other parts,
unless ``--own`` leaves these out. ``mutation_explained.toml`` says of changes that no
test can notice why that is so.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mutmut.stats import status_by_exit_code

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
COPIED = ("sksoftnewton", "tests", "pyproject.toml", "README.md")
LOG = "mutmut.log"
NOT_NOTICED = "survived", "no tests"
EXPLAINED = tomllib.loads((HERE / "mutation_explained.toml").read_text())["explained"]


@dataclass(frozen=True)
class Part:
    """Modules that are changed, their own tests, and those for what these miss."""

    changed: tuple[str, ...]
    own: tuple[str, ...]
    others: tuple[str, ...] = ()


CERTIFICATE = (
    *("certificate", "certification", "constants", "enclosure", "geometry"),
    *("intervals", "kantorovich", "neighbourhood", "rounding", "saddle", "whitening"),
)
# What whole fits show of the parts beneath them.
FITS = tuple(
    f"estimator/test_{name}.py"
    for name in ("constant", "magnitudes", "silence", "sketches", "units", "weights")
)
PARTS = {
    "solver": Part(
        ("_solver/*.py",),
        ("solver",),
        ("network/test_regimes.py", "paper/test_regression.py", *FITS),
    ),
    "network": Part(
        ("_network/*.py",), ("network",), ("inference", "rows/test_contract.py", *FITS)
    ),
    "inference": Part(
        ("_inference/*.py",),
        ("inference",),
        ("estimator/test_callbacks.py", "estimator/test_scales.py", *FITS),
    ),
    "certificate": Part(
        tuple(f"_paper/{name}.py" for name in CERTIFICATE),
        tuple(f"paper/test_{name}.py" for name in CERTIFICATE),
        ("paper/test_guarantees.py", "paper/test_result.py"),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--own", action="store_true", help="only the part's own tests")
    given = parser.parse_args()
    part = PARTS[given.part]
    with tempfile.TemporaryDirectory() as folder:
        copy = made_copy(Path(folder), part, part.own)
        statuses = run(copy, given.seconds, given.sample, given.seed)
        survivors = not_noticed(statuses)
        differences = {name: difference(copy, name) for name in survivors}
    if survivors and part.others and not given.own:
        with tempfile.TemporaryDirectory() as folder:
            copy = made_copy(Path(folder), part, part.others)
            statuses |= run(copy, given.seconds, *survivors)
    report(given.part, statuses, differences)


def made_copy(copy: Path, part: Part, tests: tuple[str, ...]) -> Path:
    """The repository as mutmut reads it."""
    for name in COPIED:
        source = REPOSITORY / name
        take = shutil.copytree if source.is_dir() else shutil.copy
        take(source, copy / name)
    settings = {
        "source_paths": ["sksoftnewton"],
        "only_mutate": [f"sksoftnewton/{pattern}" for pattern in part.changed],
        "pytest_add_cli_args_test_selection": [f"tests/{name}" for name in tests],
        "timeout_constant": 2.0,
        "timeout_multiplier": 2.0,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    with (copy / "pyproject.toml").open("a") as file:
        file.write("\n".join(["", "[tool.mutmut]", *lines, ""]))
    return copy


def run(copy: Path, *arguments: float | str) -> dict[str, str]:
    """What became of mutants that are drawn or named, tested by one process."""
    command = [sys.executable, str(HERE / "mutation_run.py"), *map(str, arguments)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ""}
    with (copy / LOG).open("w") as log:
        subprocess.run(
            command, cwd=copy, env=environment, check=False, stdout=log, stderr=log
        )
    codes: dict[str, int | None] = {}
    for file in (copy / "mutants").rglob("*.meta"):
        codes |= json.loads(file.read_text())["exit_code_by_key"]
    statuses = {
        name: str(status_by_exit_code[code])
        for name, code in codes.items()
        if code is not None
    }
    if not statuses:
        raise SystemExit(f"mutmut stopped early:\n{(copy / LOG).read_text()[-3000:]}")
    return statuses


def not_noticed(statuses: dict[str, str]) -> list[str]:
    return [name for name, status in statuses.items() if status in NOT_NOTICED]


def difference(copy: Path, name: str) -> str:
    """What a mutant changes."""
    command = [sys.executable, "-m", "mutmut", "show", name]
    return subprocess.run(
        command, cwd=copy, check=False, capture_output=True, text=True
    ).stdout


def report(part: str, statuses: dict[str, str], differences: dict[str, str]) -> None:
    """Print the survivors and the score."""
    survivors = not_noticed(statuses)
    explained = 0
    for name in survivors:
        why = explanation(differences[name])
        explained += why is not None
        print(differences[name] + (f"explained: {why}\n" if why else ""))
    noticed = len(statuses) - len(survivors)
    print(
        f"{part}: {noticed} of {len(statuses)} noticed, {explained} explained; "
        f"{dict(Counter(statuses.values()))}"
    )


def explanation(change: str) -> str | None:
    """Why no test can notice a change, if that is written down."""
    lines = change.splitlines()
    before, after = (
        " ".join(x[1:].strip() for x in lines if x[:1] == sign and x[:3] != 3 * sign)
        for sign in "-+"
    )
    for entry in EXPLAINED:
        where, old, new = entry["file"], entry["before"], entry["after"]
        if where in lines[0] + lines[1] and old in before and new in after:
            return str(entry["why"])
    return None


if __name__ == "__main__":
    main()
