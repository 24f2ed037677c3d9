import io
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from sksoftnewton._cli.main import main

ROWS = 80
MAIN = "import sys; from sksoftnewton._cli.main import main; sys.exit(main())"
# As if some packages were not installed.
WITHOUT = """
import sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in {names}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
"""


@pytest.fixture
def run(tmp_path, monkeypatch, process):
    """The command line, in a folder of its own.

    It runs in this process, where a warning is an error; a new one would take longer to
    import pandas than most tests take. ``SKSOFTNEWTON_CLI=process`` starts one all the
    same, for every test.
    """
    if os.environ.get("SKSOFTNEWTON_CLI") == "process":
        return process

    def run_here(*arguments, stdin=b""):
        out, err, given = (io.BytesIO(content) for content in (b"", b"", stdin))
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            for name, stream in (("stdin", given), ("stdout", out), ("stderr", err)):
                text = io.TextIOWrapper(stream, encoding="utf-8", write_through=True)
                patch.setattr(sys, name, text)
            code = main(list(map(str, arguments)))
            return subprocess.CompletedProcess(
                arguments, code, out.getvalue(), err.getvalue()
            )

    return run_here


@pytest.fixture
def process(tmp_path):
    """The command line as a process, in a folder of its own."""

    def run_there(*arguments, stdin=b"", without=(), **environment):
        start = ["-m", "sksoftnewton"]
        if without:
            start = ["-c", WITHOUT.format(names=without) + MAIN]
        return subprocess.run(
            [sys.executable, *start, *map(str, arguments)],
            check=False,
            capture_output=True,
            input=stdin,
            cwd=tmp_path,
            env=process_environment(**environment),
        )

    return run_there


def process_environment(**more):
    """That of this process, with this copy of the package."""
    paths = os.pathsep.join(path for path in sys.path if path)
    usual = {"PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": ""}
    return {**os.environ, **usual, **more}


def make_frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=ROWS).round(3),
            "rooms": rng.integers(1, 6, ROWS),
            "sold": rng.choice([True, False], ROWS),
            "colour": rng.choice(["red", "blue"], ROWS),
            "built": pd.date_range("2020-01-01", periods=ROWS).strftime("%Y-%m-%d"),
        }
    )
    price = 3 * frame["size"] + frame["rooms"] + 2 * (frame["colour"] == "red")
    frame["price"] = (price + 0.1 * rng.normal(size=ROWS)).round(3)
    return frame


@pytest.fixture
def frame():
    return make_frame()


@pytest.fixture
def table(tmp_path, frame):
    """A file with a column of each kind."""
    frame.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"
