"""Two commits of the package against each other: CPU time and accuracy of fits.

Both are loaded in a process of their own and fit in turn, so that whatever else the
machine does meets both. Prints medians over the seeds as a Markdown table:

    OPENBLAS_NUM_THREADS=1 python docs/benchmarks/commits.py BEFORE AFTER [CASE ...]

BEFORE and AFTER are revisions of this repository, or folders that hold a package.
"""

import argparse
import json
import subprocess
import sys
import tarfile
import tempfile
import time
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from common import diamonds, friedman

ROOT = Path(__file__).resolve().parent.parent.parent
SEEDS = 5
GIVEN = {"alpha": 1e-4}


def one_hot(n, levels=(60, 50, 40), d=20):
    """Wide one-hot data: three categories and some numbers."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]
    blocks = [X]
    for size in levels:
        codes = rng.integers(size, size=n)
        y = y + 0.5 * rng.normal(size=size)[codes]
        blocks.append(np.eye(size)[codes])
    return np.hstack(blocks), y + 0.3 * rng.normal(size=n)


# Name: (data, parameters of the estimator).
CASES = {
    "given, 5,000 rows, 8 units": (lambda: friedman(5_000), {"n_hidden": 8, **GIVEN}),
    "given, 20,000 rows, 16 units": (
        lambda: friedman(20_000),
        {"n_hidden": 16, **GIVEN},
    ),
    "given, 100,000 rows, 32 units": (
        lambda: friedman(100_000),
        {"n_hidden": 32, **GIVEN},
    ),
    "default, 1,000 rows": (lambda: friedman(1_000), {}),
    "default, 20,000 rows": (lambda: friedman(20_000), {}),
    "default, diamonds": (diamonds, {}),
    "default, one-hot, 3,000 rows": (lambda: one_hot(3_000), {}),
}


def work(folder):
    """Answer requests from standard input with fits of the package in a folder."""
    sys.path.insert(0, folder)
    from sklearn.model_selection import train_test_split

    import sksoftnewton

    assert Path(sksoftnewton.__file__).is_relative_to(folder)
    warnings.simplefilter("ignore")
    data = {}
    for line in sys.stdin:
        name, seed = json.loads(line)
        load, parameters = CASES[name]
        if name not in data:
            data = {name: train_test_split(*load(), random_state=0, test_size=0.2)}
        X, X_test, y, y_test = data[name]
        model = sksoftnewton.TwoLayerSoftmaxRegressor(random_state=seed, **parameters)
        began = time.process_time()
        model.fit(X, y)
        result = {
            "seconds": time.process_time() - began,
            "r2": model.score(X_test, y_test),
            "loss": model.loss_,
            "n_hidden": model.n_hidden_,
        }
        print(json.dumps(result), flush=True)


def unpacked(revision, folder):
    """The folder with the package of a revision."""
    if Path(revision).is_dir():
        return str(Path(revision).resolve())
    archive = subprocess.run(
        ["git", "archive", revision, "sksoftnewton"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    target = Path(folder) / revision.replace("/", "_")
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(target, filter="data")
    return str(target)


class Worker:
    """A process that fits with the package of one folder."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def fit(self, name, seed):
        print(json.dumps([name, seed]), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


def median(results, key):
    return float(np.median([result[key] for result in results]))


def compare(workers, name, seeds):
    """One row of the table."""
    pairs = [[worker.fit(name, seed) for worker in workers] for seed in range(seeds)]
    before, after = zip(*pairs, strict=True)
    ratio = np.median([b["seconds"] / a["seconds"] for b, a in pairs])
    return [
        name,
        f"{median(before, 'seconds'):.2f}",
        f"{median(after, 'seconds'):.2f}",
        f"{ratio:.2f}",
        f"{np.mean([r['r2'] for r in before]):.4f}",
        f"{np.mean([r['r2'] for r in after]):.4f}",
        "/".join(str(r["n_hidden"]) for r in before),
        "/".join(str(r["n_hidden"]) for r in after),
        f"{median(before, 'loss'):.6g}",
        f"{median(after, 'loss'):.6g}",
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("revisions", nargs="*", metavar="REVISION or CASE")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--worker", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker)
        return
    before, after, *cases = options.revisions
    print("| fit | before, s | after, s | times faster | R² before | after |", end="")
    print(" units before | after | F before | after |")
    print("|---" * 10 + "|")
    with tempfile.TemporaryDirectory() as folder:
        workers = [Worker(unpacked(revision, folder)) for revision in (before, after)]
        for name in CASES:
            if not cases or any(case in name for case in cases):
                row = compare(workers, name, options.seeds)
                print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
