"""How the time of a fit grows with rows, non-zeros, features and units; memory.

Fixed width and alpha, one start. Each fit runs in a process of its own, which also
tells its peak memory. Prints tables, writes docs/figures/growth.png:

    pip install . matplotlib
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/growth.py
"""

import json
import resource
import subprocess
import sys
import time

import numpy as np
import scipy.sparse as sp
from common import COLOURS, MARKERS, axes, header, save, table, tidy

REPEATS = 3
SERIES = {
    "rows": [
        {"n": n, "d": 10, "k": 8}
        for n in (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000)
    ],
    "non-zeros": [
        {"n": 20_000, "d": 2_000, "k": 4, "nnz": nnz} for nnz in (10, 20, 40, 80, 160)
    ],
    "features": [{"n": 100_000, "d": d, "k": 4} for d in (5, 10, 20, 40, 80)],
    "units": [{"n": 100_000, "d": 10, "k": k} for k in (2, 4, 8, 16, 32)],
}


def data(n, d, nnz=None, **_):
    """A smooth function of five features, or for CSR rows of many."""
    rng = np.random.default_rng(0)
    if nnz is None:
        X = rng.random((n, d))
        y = 2 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 4 * (X[:, 2] - 0.5) ** 2
        y += 2 * X[:, 3] + X[:, 4]
    else:
        columns = rng.integers(d, size=(n, nnz))
        rows = np.repeat(np.arange(n), nnz)
        X = sp.csr_array((rng.random(n * nnz), (rows, columns.ravel())), shape=(n, d))
        z = X @ rng.normal(size=d)
        y = np.tanh((z - z.mean()) / z.std())
    return X, y + 0.2 * rng.normal(size=n)


def fit_once(case):
    """Seconds, passes, and bytes beyond the data; printed as JSON."""
    from sksoftnewton import TwoLayerSoftmaxRegressor

    X, y = data(**case)
    model = TwoLayerSoftmaxRegressor(
        n_hidden=case["k"], alpha=1e-4, n_init=1, random_state=case.get("seed", 0)
    )
    model.fit(X[:2000], y[:2000])  # imports and first calls are not the solver's
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    model.fit(X, y)
    print(
        json.dumps(
            {
                "seconds": time.process_time() - began,
                "passes": float(model.history_["passes"][-1]),
                "megabytes": (
                    resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
                )
                / 1024,
                "status": model.status_,
            }
        )
    )


def measured(case):
    runs = []
    for seed in range(REPEATS):
        argument = json.dumps({**case, "seed": seed})
        command = [sys.executable, __file__, argument]
        runs.append(json.loads(subprocess.check_output(command)))
    found = {
        key: float(np.median([run[key] for run in runs]))
        for key in ("seconds", "passes")
    }
    found["megabytes"] = max(run["megabytes"] for run in runs)
    found["converged"] = sum(run["status"] == "converged" for run in runs)
    return found


def exponent(sizes, seconds):
    slope, offset = np.polyfit(np.log(sizes), np.log(seconds), 1)
    return slope, np.exp(offset) * np.asarray(sizes, dtype=float) ** slope


def draw(results):
    """``results`` maps titles to sizes and seconds."""
    figure, grid = axes(1, len(results))
    for column, (title, (sizes, seconds)) in enumerate(results.items()):
        ax, colour = grid[0, column], COLOURS[column]
        slope, line = exponent(sizes, seconds)
        ax.loglog(sizes, seconds, MARKERS[column], color=colour)
        ax.loglog(sizes, line, color=colour, label=f"exponent {slope:.1f}")
        ax.set_xlabel(title)
        tidy(ax.xaxis)
        tidy(ax.yaxis)
        ax.legend()
    grid[0, 0].set_ylabel("CPU seconds")
    save(figure, "growth.png")


def main():
    header()
    names = {"rows": "n", "non-zeros": "nnz", "features": "d", "units": "k"}
    results = {}
    for title, cases in SERIES.items():
        key = names[title]
        sizes = np.array([case[key] for case in cases], dtype=float)
        if key == "nnz":
            sizes *= cases[0]["n"]
        found = [measured(case) for case in cases]
        results[title] = sizes, np.array([f["seconds"] for f in found])
        slope, _ = exponent(*results[title])
        fixed = [(cases[0][names[t]], t) for t in names if names[t] in cases[0]]
        held = ", ".join(f"{value:,} {t}" for value, t in fixed if t != title)
        print(f"Against {title}, with {held}; fitted exponent {slope:.1f}:\n")
        table(
            [title, "CPU s", "passes", "MB beyond the data", "converged"],
            [
                (
                    f"{size:,.0f}",
                    f"{f['seconds']:.2f}",
                    f"{f['passes']:.0f}",
                    f"{f['megabytes']:.0f}",
                    f"{f['converged']} of {REPEATS}",
                )
                for size, f in zip(sizes, found, strict=True)
            ],
        )
    draw(results)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        fit_once(json.loads(sys.argv[1]))
    else:
        main()
