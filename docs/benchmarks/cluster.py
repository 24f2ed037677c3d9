"""Memory maps and Dask: seconds, memory, passes and rounds; a model of the cost.

Each fit runs in a process of its own, on files that are made once. Prints the section
"Measured" of docs/cluster.md and what follows from it:

    pip install ".[dask]"
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/cluster.py

``--sizes 1000000`` leaves the larger size out, ``--repeats 3`` takes medians of the
seconds of three fits each, in turn, and ``--folder`` says where the files are made.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from common import header, table

SIZES = (1_000_000, 10_000_000)
FEATURES, UNITS = 10, 8
CHUNKS, CHUNK_ROWS = 8, 500_000  # of a Dask array: at least, and about
WAYS = ("in memory", "memory map", "n_jobs=2", "Dask, 1 worker", "Dask, 2 workers")
PENALTIES = ("auto", 1e-4)  # chosen by the evidence, and given
INJECTED = (0.02, 0.1)  # seconds of latency a round
FAR = (10**9, 100)  # rows and workers that the model is asked about


def make(folder, n):
    """Friedman's first function with noise, in two files."""
    rng = np.random.default_rng(0)
    shape = (n, FEATURES)
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", dtype=np.float32, shape=shape)
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", dtype=np.float32, shape=(n,))
    for start in range(0, n, 10**6):
        x = rng.random((min(10**6, n - start), FEATURES), dtype=np.float32)
        value = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
        value += 10 * x[:, 3] + 5 * x[:, 4]
        X[start : start + len(x)] = x
        y[start : start + len(x)] = value + rng.normal(size=len(x))


def piece(path, start, stop):
    return np.array(np.load(path, mmap_mode="r")[start:stop])


def lazy(path, n):
    """A Dask array whose chunks are read by the workers."""
    import dask
    import dask.array as da

    edges = np.linspace(0, n, max(CHUNKS, n // CHUNK_ROWS) + 1).astype(int)
    trailing = np.load(path, mmap_mode="r").shape[1:]
    read = dask.delayed(piece)
    parts = [
        da.from_delayed(read(path, i, j), (j - i, *trailing), np.float32)
        for i, j in pairwise(edges)
    ]
    return da.concatenate(parts)


def held():
    """MB of this process that are not pages of files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(x.split()[1]) for x in lines if x.startswith("RssAnon")) / 1024


class Peak:
    """The most memory beyond that at the start, in MB."""

    def __enter__(self):
        self.start, self.megabytes, self.done = held(), 0.0, threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self):
        while not self.done.wait(0.01):
            self.megabytes = max(self.megabytes, held() - self.start)

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def fitted(X, y, **kwargs):
    from sksoftnewton import TwoLayerSoftmaxRegressor

    model = TwoLayerSoftmaxRegressor(UNITS, random_state=0, **kwargs)
    searches = count_searches(len(X))
    with Peak() as peak:
        began = time.perf_counter()
        model.fit(X, y)
        seconds = time.perf_counter() - began
    passes = model.history_["passes"]
    before = [0.0, *passes[model.history_["n_rows"] < len(X)]]  # on samples
    return {
        "seconds": seconds,
        "passes": float(passes[-1]),
        "passes over all rows": float(passes[-1] - before[-1]),
        "rounds": int(model.history_["rounds"][-1]),
        "megabytes": peak.megabytes,
        "searches": len(searches),
        "shortened": sum(n_trials > 1 for n_trials in searches),
        "prediction": float(model.predict(np.full((1, FEATURES), 0.3))[0]),
    }


def count_searches(n):
    """The numbers of trials of the line searches on all rows from now on."""
    from sksoftnewton._solver.quasi_newton import _Search

    found, run = [], _Search.run

    def counted(self):
        run(self)
        if self.objective.rows.n_rows == n:
            found.append(self.n_trials)

    _Search.run = counted
    return found


def fit_once(way, folder, n, alpha, latency=0.0):
    """One way of one size, printed as JSON."""
    X, y = (str(folder / name) for name in ("X.npy", "y.npy"))
    if not way.startswith("Dask"):
        mode = "r" if way == "memory map" else None
        X, y = np.load(X, mmap_mode=mode), np.load(y, mmap_mode=mode)
        warm_up(X[:5000], y[:5000])
        found = fitted(X, y, alpha=alpha, n_jobs=2 if way == "n_jobs=2" else None)
    else:
        from distributed import Client, LocalCluster

        with (
            LocalCluster(
                n_workers=int(way.split()[1]),
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
            ) as cluster,
            Client(cluster) as client,
        ):
            warm_up(lazy(X, n)[:20_000], lazy(y, n)[:20_000])
            if latency:
                inject(latency)
            found = fitted(lazy(X, n), lazy(y, n), alpha=alpha)
            found["worker megabytes"] = max(client.run(held).values())
            found |= questions(lazy(X, n), lazy(y, n))
    print(json.dumps(found))


def warm_up(X, y):
    """Imports and first calls are not the fit's."""
    from sksoftnewton import TwoLayerSoftmaxRegressor

    TwoLayerSoftmaxRegressor(2, alpha=1e-3, max_iter=20, random_state=0).fit(X, y)


def inject(latency):
    """Make every question wait, as if its answer came from far away."""
    from sksoftnewton._rows.chunks import Chunks

    answered = Chunks._answered

    def late(self, *questions):
        time.sleep(latency)
        return answered(self, *questions)

    Chunks._answered = late


def questions(X, y):
    """Seconds of a value with gradient, and of a question that is no work; bytes."""
    import cloudpickle

    from sksoftnewton._activations import get_activation
    from sksoftnewton._estimator.collections import checked_data
    from sksoftnewton._network.problem import Problem

    problem = Problem(
        checked_data(X, y, None, None),
        activation=get_activation("identity"),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )
    network = problem.network(UNITS, (1e-3, 1e-3))
    theta = problem.random_start(network, np.random.default_rng(0))
    rows, asked = problem.rows, []
    network.value_and_gradient(theta)
    # Copies of θ, as a network remembers the sums at the latest one.
    gradient = median(lambda: network.value_and_gradient(theta.copy()))
    chunks = rows.chunks
    empty = median(lambda: chunks.answers(nothing))
    total = chunks.total
    chunks.total = lambda *args: asked.append(cloudpickle.dumps(args)) or total(*args)
    network.value_and_gradient(theta.copy())
    answer = 8 * 2 * (network.n_params + 1)  # in twice the precision
    return {
        "gradient": gradient,
        "latency": empty,
        "bytes": len(asked[0]) + answer,
    }


def nothing(rows):
    return 0


def median(call, repeats=15):
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


def measured(way, folder, n, alpha, latency=0.0):
    command = [sys.executable, __file__, "--one", way, str(folder), str(n), str(alpha)]
    command += ["--latency", str(latency)]
    output = subprocess.check_output(command, text=True)
    return json.loads(output.splitlines()[-1])


def in_turn(folder, n, alpha, repeats):
    """What each way finds, with the median of its seconds."""
    runs = [
        {way: measured(way, folder, n, alpha) for way in WAYS} for _ in range(repeats)
    ]
    found = runs[0]
    for way, of_way in found.items():
        of_way["seconds"] = float(np.median([run[way]["seconds"] for run in runs]))
    return found


def ways_table(folder, n, alpha, repeats):
    """All ways at one size and penalty; returns what was found."""
    found = in_turn(folder, n, alpha, repeats)
    expected = found["in memory"]["prediction"]
    print(
        f"{n:,} rows, {FEATURES} features (float32), {UNITS} units, alpha={alpha!r}\n"
    )
    table(
        [
            "",
            "s",
            "passes (over all rows)",
            "rounds",
            "MB beyond the data",
            "MB a worker",
            "differs by",
        ],
        [
            (
                way,
                f"{f['seconds']:.1f}",
                f"{f['passes']:.0f} ({f['passes over all rows']:.0f})",
                f["rounds"] or "–",
                f"{f['megabytes']:.0f}",
                f"{f['worker megabytes']:.0f}" if "worker megabytes" in f else "–",
                f"{abs(f['prediction'] / expected - 1):.0e}",
            )
            for way, f in found.items()
        ],
    )
    one = found["in memory"]
    print(
        f"Line searches on all rows: {one['searches']}, of which {one['shortened']} "
        "took a second step length.\n"
    )
    return found


def model_table(n, one, two):
    """The parameters of the model, from one worker, and its check on two."""
    rate = n / (one["gradient"] - one["latency"])
    print(f"From a value with gradient over {n:,} rows:\n")
    table(
        ["", "measured"],
        [
            ("rows a second and worker", f"{rate:,.0f}"),
            ("latency of a round, ms", f"{1e3 * one['latency']:.0f}"),
            (f"bytes a round and chunk ({UNITS} units)", f"{one['bytes']:,}"),
            ("1 worker, ms", f"{1e3 * one['gradient']:.0f}"),
            (
                "2 workers, ms (model)",
                f"{1e3 * two['gradient']:.0f} "
                f"({1e3 * (two['latency'] + n / (2 * rate)):.0f})",
            ),
        ],
    )
    return rate


def latency_table(folder, n, alpha, base):
    """Fits with late answers against the model: one latency more a round."""
    rows = []
    for latency in INJECTED:
        found = measured("Dask, 2 workers", folder, n, alpha, latency)
        predicted = base["seconds"] + base["rounds"] * latency
        rows.append(
            (f"{1e3 * latency:.0f}", f"{found['seconds']:.1f}", f"{predicted:.1f}")
        )
    print(f"{n:,} rows, alpha={alpha!r}, 2 workers, every answer late:\n")
    table(["late by, ms", "s", "model, s"], rows)


def outlook(rate, latency, found):
    """Where a cluster pays, and the far end."""
    passes, rounds = found["passes over all rows"], found["rounds"]
    rows = []
    for w in (2, 10, 100):
        pays = rounds * latency / (passes / rate * (1 - 1 / w))
        rows.append((w, f"{pays:,.0f}"))
    print(f"With {passes:.0f} passes over all rows and {rounds} rounds a fit:\n")
    table(["workers", "faster than one machine from rows"], rows)
    n, w = FAR
    work = passes * n / (w * rate)
    print(
        f"{n:,} rows on {w} workers: {work:.0f} s of work and {rounds * latency:.0f} s "
        f"of latency; {4 * n * FEATURES / w / 1e9:.1f} GB of float32 data a worker.\n"
    )


def main(sizes, repeats, place):
    header()
    for n in sizes:
        with tempfile.TemporaryDirectory(dir=place) as name:
            folder = Path(name)
            make(folder, n)
            found = {a: ways_table(folder, n, a, repeats) for a in PENALTIES}
            if n == sizes[0]:
                given = found[PENALTIES[-1]]
                one, two = given["Dask, 1 worker"], given["Dask, 2 workers"]
                rate = model_table(n, one, two)
                latency_table(folder, n, PENALTIES[-1], two)
                for of_penalty in found.values():
                    outlook(rate, one["latency"], of_penalty["Dask, 2 workers"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--folder", help="for the files, 440 MB at 10⁷ rows")
    parser.add_argument("--one", nargs=4, metavar=("WAY", "FOLDER", "N", "ALPHA"))
    parser.add_argument("--latency", type=float, default=0.0)
    arguments = parser.parse_args()
    if arguments.one:
        way, folder, n, alpha = arguments.one
        alpha = alpha if alpha == "auto" else float(alpha)
        fit_once(way, Path(folder), int(n), alpha, arguments.latency)
    else:
        main(arguments.sizes, arguments.repeats, arguments.folder)
