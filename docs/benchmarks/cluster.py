"""Memory maps and Dask: seconds, memory, passes and rounds; a model of the cost.

Each fit runs in a process of its own, on files that are made once. Prints the tables
of docs/cluster.md; ``--write`` puts them into the page. On two free cores all of it
takes some ten minutes:

    pip install ".[dask]"
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/cluster.py

``--sizes 1000000`` leaves the larger size out, ``--repeats 1`` takes one fit of each
way at the first size instead of medians of three, in turn, and ``--folder`` says where
the files are made.
"""

import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from common import DOCS, header, put_in, table

SIZES = (1_000_000, 10_000_000)
FEATURES, UNITS = 10, 8
CHUNKS, CHUNK_ROWS = 8, 500_000  # of a Dask array: at least, and about
ONE, TWO = "Dask, 1 worker", "Dask, 2 workers"
WAYS = ("in memory", "memory map", "n_jobs=2", ONE, TWO)
PENALTIES = ("auto", 1e-4)  # chosen by the evidence, and given
INJECTED = (0.02, 0.1)  # seconds of latency a round
FAR = (10**9, 100)  # rows and workers that the model is asked about
SEARCH_ROWS = 100_000  # of the problems whose line searches are counted


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


def spent():
    """CPU seconds of this process so far."""
    return time.process_time()


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


def fitted(X, y, client=None, **kwargs):
    from sksoftnewton import TwoLayerSoftmaxRegressor

    def cpu():
        return spent() + (sum(client.run(spent).values()) if client else 0.0)

    model = TwoLayerSoftmaxRegressor(UNITS, random_state=0, **kwargs)
    with Peak() as peak:
        began, cpu_before = time.perf_counter(), cpu()
        model.fit(X, y)
        seconds, cpu_seconds = time.perf_counter() - began, cpu() - cpu_before
    passes = model.history_["passes"]
    before = [0.0, *passes[model.history_["n_rows"] < len(X)]]  # on samples
    return {
        "seconds": seconds,
        "cpu": cpu_seconds,
        "passes": float(passes[-1]),
        "passes over all rows": float(passes[-1] - before[-1]),
        "rounds": int(model.history_["rounds"][-1]),
        "megabytes": peak.megabytes,
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
            found = fitted(lazy(X, n), lazy(y, n), client, alpha=alpha)
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


def in_turn(ways, folder, n, alpha, repeats, latency=0.0):
    """What each way finds, with the medians of its seconds."""
    runs = [
        {way: measured(way, folder, n, alpha, latency) for way in ways}
        for _ in range(repeats)
    ]
    found = runs[0]
    for way, of_way in found.items():
        for name in ("seconds", "cpu", "gradient", "latency"):
            if name in of_way:
                of_way[name] = float(np.median([run[way][name] for run in runs]))
    return found


def ways_table(found, n, alpha):
    """All ways at one size and penalty."""
    expected = found["in memory"]["prediction"]
    print(f"{size_of(n)} rows, `alpha={alpha!r}`:\n")
    columns = "", "s", "CPU s", "passes (over all rows)", "rounds"
    table(
        [*columns, "MB beyond the data", "MB a worker", "differs by"],
        [
            (
                way,
                f"{f['seconds']:.1f}",
                f"{f['cpu']:.1f}",
                f"{f['passes']:.0f} ({f['passes over all rows']:.0f})",
                f["rounds"] or "–",
                f"{f['megabytes']:.0f}",
                f"{f['worker megabytes']:.0f}" if "worker megabytes" in f else "–",
                f"{abs(f['prediction'] / expected - 1):.0e}",
            )
            for way, f in found.items()
        ],
    )


def size_of(n):
    """A number of rows as a power of ten, where it is one."""
    exponent = int(np.log10(n))
    power = str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{power}" if n == 10**exponent else f"{n:,}"


class Model:
    """Seconds of a fit on w workers: what is done here, P n / (w r) + R ℓ.

    Parameters
    ----------
    n : int, rows
    found : dict, what one worker and two found on them, for each penalty
    """

    def __init__(self, n, found):
        self.n, self.found = n, found
        one = found[PENALTIES[-1]][ONE]
        self.latency = one["latency"]
        self.rate = n / (one["gradient"] - one["latency"])

    def seconds(self, alpha, n, w):
        here = self.found[alpha][ONE]["seconds"] - self._there(alpha, self.n, 1)
        return here + self._there(alpha, n, w)

    def _there(self, alpha, n, w):
        one = self.found[alpha][ONE]
        work = one["passes over all rows"] * n / (w * self.rate)
        return work + one["rounds"] * self.latency

    def parameters(self):
        one, two = (self.found[PENALTIES[-1]][way] for way in (ONE, TWO))
        of_two = self.latency + self.n / (2 * self.rate)
        table(
            ["a value with its gradient", "measured", "model"],
            [
                ("rows a second and worker", f"{self.rate:,.0f}", ""),
                ("latency of a round, ms", f"{1e3 * self.latency:.0f}", ""),
                (f"bytes a round and task ({UNITS} units)", f"{one['bytes']:,}", ""),
                ("1 worker, ms", f"{1e3 * one['gradient']:.0f}", ""),
                (
                    "2 workers, ms",
                    f"{1e3 * two['gradient']:.0f}",
                    f"{1e3 * of_two:.0f}",
                ),
            ],
        )

    def check(self, found):
        """Whole fits against the model, whose local part is that of one worker."""
        table(
            ["rows", "`alpha`", "workers", "s", "model, s"],
            [
                (
                    size_of(n),
                    alpha,
                    w,
                    f"{found[n, alpha][way]['seconds']:.1f}",
                    f"{self.seconds(alpha, n, w):.1f}",
                )
                for n, alpha in found
                for w, way in ((1, ONE), (2, TWO))
                if (n, w) != (self.n, 1)
            ],
        )

    def pays(self):
        """From how many rows a cluster is faster than one machine."""
        rows = []
        for w in (2, 10, 100):
            limits = []
            for alpha in PENALTIES:
                one = self.found[alpha][ONE]
                a_row = one["passes over all rows"] / self.rate * (1 - 1 / w)
                limits.append(f"{one['rounds'] * self.latency / a_row:,.0f}")
            rows.append((w, *limits))
        table(["workers", *(f"rows, `alpha={a!r}`" for a in PENALTIES)], rows)

    def far(self):
        n, w = FAR
        rows = []
        for alpha in PENALTIES:
            one = self.found[alpha][ONE]
            work = one["passes over all rows"] * n / (w * self.rate)
            rounds = one["rounds"] * self.latency
            rows.append((f"`alpha={alpha!r}`", f"{work:.0f}", f"{rounds:.1f}"))
        columns = "passes over all rows, s", "rounds, s"
        table([f"{size_of(n)} rows on {w} workers", *columns], rows)


def latency_table(folder, n, alpha, repeats, found):
    """Fits with late answers against the model: one latency more a round."""
    base, rows = found[TWO], []
    for late in INJECTED:
        seconds = in_turn([TWO], folder, n, alpha, repeats, late)[TWO]["seconds"]
        predicted = base["seconds"] + base["rounds"] * late
        rows.append((f"{1e3 * late:.0f}", f"{seconds:.1f}", f"{predicted:.1f}"))
    table(["every answer late by, ms", "s", "model, s"], rows)


def searches_table():
    """How many line searches on all rows of several problems take a second length."""
    from sksoftnewton import TwoLayerSoftmaxRegressor

    rng = np.random.default_rng(0)
    X = rng.random((SEARCH_ROWS, FEATURES), dtype=np.float32)
    noise = rng.normal(size=SEARCH_ROWS)
    smooth = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2
    smooth += 10 * X[:, 3] + 5 * X[:, 4]
    steps = np.sign(np.sin(9 * X[:, 0]) * np.sin(7 * X[:, 1]))
    steps += np.abs(X[:, 2] - 0.3) + X[:, 3] ** 4
    given = {"alpha": 1e-4}
    problems = {
        "Friedman's first function, `alpha=1e-4`": (smooth + noise, given),
        "with `alpha=1e-7`": (smooth + noise, {"alpha": 1e-7}),
        "on ramps": (smooth + noise, {**given, "basis": "ramps"}),
        "its exponential, as logarithms": (
            np.exp(smooth / 5 + 0.3 * noise),
            {**given, "target_transform": "log"},
        ),
        'its exponential, `output_activation="exp"`': (
            np.exp(smooth / 10) + 0.1 * np.abs(noise),
            {**given, "output_activation": "exp"},
        ),
        "steps, 16 units, `alpha=1e-5`": (
            steps + 0.1 * noise,
            {"alpha": 1e-5, "n_hidden": 16},
        ),
        'steps, 8 units, `alpha="auto"`': (steps + 0.1 * noise, {}),
    }
    rows = []
    for name, (y, kwargs) in problems.items():
        found = count_searches(SEARCH_ROWS)
        settings = {"n_hidden": UNITS, "random_state": 0, **kwargs}
        TwoLayerSoftmaxRegressor(**settings).fit(X, y)
        rows.append((name, len(found), sum(trials > 1 for trials in found)))
    table(["problem", "line searches on all rows", "with a second length"], rows)


def said(name, write, function, *arguments):
    """What a function prints, which also goes into the page."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        function(*arguments)
    print(f"-- {name} --\n\n{text.getvalue()}", flush=True)
    if write:
        put_in(DOCS / "cluster.md", name, text.getvalue().strip())


def main(sizes, repeats, place, write):
    first, found, late = sizes[0], {}, io.StringIO()
    for n in sizes:
        with tempfile.TemporaryDirectory(dir=place) as name:
            folder = Path(name)
            make(folder, n)
            for alpha in PENALTIES:
                times = repeats if n == first else 1
                found[n, alpha] = in_turn(WAYS, folder, n, alpha, times)
                ways_table(found[n, alpha], n, alpha)
            if n == first:
                given = found[n, PENALTIES[-1]]
                with contextlib.redirect_stdout(late):
                    latency_table(folder, n, PENALTIES[-1], repeats, given)
    model = Model(first, {alpha: found[first, alpha] for alpha in PENALTIES})
    said("ways", write, lambda: [ways_table(f, *key) for key, f in found.items()])
    said("parameters", write, model.parameters)
    said("check", write, model.check, found)
    said("late", write, lambda: print(late.getvalue()))
    said("pays", write, model.pays)
    said("far", write, model.far)
    said("searches", write, searches_table)
    said("versions", write, header)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", help="for the files, 440 MB at 10⁷ rows")
    parser.add_argument("--write", action="store_true", help="into docs/cluster.md")
    parser.add_argument("--one", nargs=4, metavar=("WAY", "FOLDER", "N", "ALPHA"))
    parser.add_argument("--latency", type=float, default=0.0)
    arguments = parser.parse_args()
    if arguments.one:
        way, folder, n, alpha = arguments.one
        alpha = alpha if alpha == "auto" else float(alpha)
        fit_once(way, Path(folder), int(n), alpha, arguments.latency)
    else:
        main(arguments.sizes, arguments.repeats, arguments.folder, arguments.write)
