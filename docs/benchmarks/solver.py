"""Objective against CPU time and passes: L-BFGS-B, trust-ncg, exact LM and ours.

All on the same objective; L-BFGS-B, trust-ncg, Levenberg–Marquardt and "ours, same
start" from the same random start, "ours" from the start that the estimator grows.
L-BFGS-B runs twice: with the package's gradient, and with one of plain NumPy. Prints
tables, and writes docs/figures/solver.png unless only some problems are named:

    pip install ".[test]" plotnine matplotlib
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/solver.py
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/solver.py 20,000
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/solver.py --seeds 20
"""

import argparse
import contextlib
import sys
import time
from contextlib import contextmanager

import numpy as np
from common import COLOURS, axes, diamonds, friedman, header, problem, save, table
from scipy.optimize import minimize as scipy_minimize

from sksoftnewton._inference.monitor import Monitor
from sksoftnewton._inference.run import Run, Settings
from sksoftnewton._inference.starts import Starts
from sksoftnewton._inference.trainer import Trainer
from sksoftnewton._network.regimes import NewtonSystems, Sketch
from sksoftnewton._rows.threads import single_threaded_blas
from sksoftnewton._solver import quasi_newton
from sksoftnewton._solver.newton import minimize
from sksoftnewton._solver.rules import small_decrease

# name: data, units, alpha
PROBLEMS = {
    "Friedman 1, 5,000": (lambda: friedman(5_000), 8, 1e-4),
    "Friedman 1, 20,000": (lambda: friedman(20_000), 16, 1e-4),
    "Friedman 1, 100,000": (lambda: friedman(100_000), 32, 1e-4),
    "diamonds, 53,940": (diamonds, 16, 1e-6),
    "Friedman 1, 1,000,000": (lambda: friedman(1_000_000), 8, 1e-4),
}
LIMIT = 80.0  # CPU seconds
POINTS = 150  # of each trace at which the objective is evaluated


class EnoughError(Exception):
    pass


class Trace:
    """Parameters, CPU seconds and passes while a solver runs."""

    def __init__(self):
        self.began = time.process_time()
        self.rows = []

    def add(self, theta, passes):
        seconds = time.process_time() - self.began
        self.rows.append((seconds, passes, theta.copy()))
        return seconds > LIMIT


def plain_gradient(network):
    """F and its gradient as one would write them: float64, all rows at once."""
    rows = network.rows.double
    X, y = rows.whole().all_dense().T.copy(), rows.targets
    alpha = network.alpha

    def value_and_gradient(theta):
        A1, A2 = network.layers(theta)
        z = X @ A1.T
        f = np.exp(z - z.max(axis=1, keepdims=True))
        f /= f.sum(axis=1, keepdims=True)
        c = f @ A2.T - y
        penalty = alpha[0] * np.sum(A1**2) + alpha[1] * np.sum(A2**2)
        value = 0.5 * np.sum(c**2) / len(y) + 0.5 * penalty
        q = c @ A2
        s = f * (q - np.sum(f * q, axis=1, keepdims=True))
        first = s.T @ X / len(y) + alpha[0] * A1
        second = c.T @ f / len(y) + alpha[1] * A2
        return value, np.concatenate([first.ravel(), second.ravel()])

    return value_and_gradient


def scipy_solver(method, network, theta, gradient=None):
    gradient = gradient or network.value_and_gradient
    trace, passes = Trace(), 0.0

    def value_and_gradient(x):
        nonlocal passes
        passes += 1
        return gradient(x)

    def hessian_product(x, vector):
        nonlocal passes
        passes += 2
        return network.hessian_product(x, vector)

    def callback(x):
        if trace.add(x, passes):
            raise EnoughError

    options = {"maxiter": 10_000, "gtol": 1e-9}
    if method == "L-BFGS-B":
        options |= {"maxfun": 100_000, "ftol": 1e-10, "maxcor": 20}
    with contextlib.suppress(EnoughError):
        scipy_minimize(
            value_and_gradient,
            theta,
            jac=True,
            hessp=hessian_product if method == "trust-ncg" else None,
            method=method,
            callback=callback,
            options=options,
        )
    return trace


def levenberg_marquardt(network, theta):
    trace = Trace()
    minimize(
        network,
        theta,
        NewtonSystems(network, Sketch("none")),
        converged=small_decrease(1e-4),
        max_iter=500,
        n_rows=network.rows.n_rows,
        callback=lambda point, row: trace.add(point.theta, row["passes"]),
    )
    return trace


class Steps(Monitor):
    """Hears of every step: one an iteration, or many with one sketch.

    Attributes
    ----------
    iterations : list of lists of (CPU seconds, parameters), for the final width
    """

    def __init__(self, n_params):
        super().__init__()
        self.n_params = n_params
        self.began = time.process_time()
        self.iterations, self.steps = [], []

    def step(self, theta):
        self.steps.append((time.process_time() - self.began, theta))

    def after(self, point, row):
        if not self.steps:
            self.step(point.theta)
        if len(point.theta) == self.n_params:
            self.iterations.append(self.steps)
        self.steps = []
        return super().after(point, row)

    def traced(self, history, n_rows):
        """A trace of the iterations in the history of a run."""
        trace = Trace()
        kept = self.iterations[-len(history) :]
        for steps, row in zip(kept, history, strict=True):
            share = row["n_rows"] / n_rows
            for left, (seconds, theta) in enumerate(reversed(steps)):
                trace.rows.append((seconds, row["passes"] - left * share, theta))
        trace.rows.sort(key=lambda entry: entry[0])
        return trace


@contextmanager
def each_step_told(steps):
    """Quasi-Newton steps are no iterations of their own: hear of them as well."""
    search = quasi_newton._Search

    class Told(search):
        def run(self):
            super().run()
            steps.step(self.point.theta)

    quasi_newton._Search = Told
    try:
        yield
    finally:
        quasi_newton._Search = search


def ours(whole, k, alpha, seed, theta=None):
    """As the estimator does it with n_init=1 and given width and alpha."""
    rng = np.random.default_rng(seed)
    steps = Steps(whole.network(k, (alpha, alpha)).n_params)
    settings = Settings(
        n_hidden=k,
        alpha=(alpha, alpha),
        n_init=1,
        sketch=Sketch(),
        tol=1e-4,
        max_iter=200,
        monitor=steps,
    )
    trainer = Trainer(settings, whole.rows.n_rows, rng)
    starts = Starts(trainer, rng)
    with each_step_told(steps):
        if theta is None:
            start = starts.grown(whole, k, (alpha, alpha))
        else:
            part = starts.first_sample(whole, k)
            start = Run(part, part.network(k, (alpha, alpha)), theta)
        run = trainer.finished(starts.on_growing_samples(start, whole))
    return steps.traced(run.history, whole.rows.n_rows)


def evaluated(trace, network):
    """(seconds, passes, F) at some points of a trace."""
    rows = trace.rows
    chosen = np.unique(np.linspace(0, len(rows) - 1, POINTS).astype(int))
    return [(rows[i][0], rows[i][1], network.value(rows[i][2])) for i in chosen]


def first_within(curve, best, share):
    for seconds, passes, value in curve:
        if value <= best * (1 + share):
            return seconds, passes
    return np.nan, np.nan


def run_problem(name):
    make, k, alpha = PROBLEMS[name]
    whole = problem(*make())
    network = whole.network(k, (alpha, alpha))
    theta = whole.random_start(network, np.random.default_rng(0))
    with single_threaded_blas():
        traces = {
            "L-BFGS-B": scipy_solver("L-BFGS-B", network, theta),
            "L-BFGS-B, plain NumPy": scipy_solver(
                "L-BFGS-B", network, theta, plain_gradient(network)
            ),
            "trust-ncg": scipy_solver("trust-ncg", network, theta),
            "exact LM": levenberg_marquardt(network, theta),
            "ours, same start": ours(whole, k, alpha, 0, theta),
            "ours": ours(whole, k, alpha, 0),
        }
        return {name: evaluated(trace, network) for name, trace in traces.items()}


def compare(names):
    results = {}
    for name in names:
        results[name] = curves = run_problem(name)
        best = min(value for curve in curves.values() for *_, value in curve)
        rows = []
        for solver, curve in curves.items():
            within = [first_within(curve, best, share) for share in (0.01, 0.001)]
            cells = [
                "–" if np.isnan(seconds) else f"{seconds:.3f} / {passes:.0f}"
                for seconds, passes in within
            ]
            end = curve[-1]
            gap = 100 * (end[2] / best - 1)
            rows.append(
                (solver, *cells, f"{end[0]:.2f} / {end[1]:.0f}", f"{gap:.2f} %")
            )
        print(f"{name} rows, {PROBLEMS[name][1]} units, best F {best:.6g}\n")
        table(
            ["", "within 1 %, s / passes", "within 0.1 %", "end", "above the best"],
            rows,
        )
    if len(results) == len(PROBLEMS):
        draw(results)


def draw(results):
    from matplotlib.ticker import NullFormatter

    figure, grid = axes(2, len(results), height=2.5)
    for column, (name, curves) in enumerate(results.items()):
        best = min(value for curve in curves.values() for *_, value in curve)
        for index, (solver, curve) in enumerate(curves.items()):
            seconds, passes, values = np.array(curve).T
            gap = np.maximum(values / best - 1, 1e-6)
            style = {"color": COLOURS[index], "label": solver, "lw": 1.3}
            if solver == "ours":
                style["lw"] = 2.2
            grid[0, column].loglog(np.maximum(seconds, 1e-3), gap, **style)
            grid[1, column].loglog(np.maximum(passes, 1e-1), gap, **style)
        grid[0, column].set_title(f"{name} rows", fontsize=9)
        grid[0, column].set_xlabel("CPU seconds")
        grid[1, column].set_xlabel("passes")
        for row in (0, 1):
            grid[row, column].set_ylim(1e-6, 10)
            grid[row, column].xaxis.set_minor_formatter(NullFormatter())
    for row in (0, 1):
        grid[row, 0].set_ylabel("F above the best, share")
    figure.legend(
        *grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=6
    )
    save(figure, "solver.png")


def success(names, n_seeds):
    """Single runs from many seeds: how many end near the best of all."""
    rows, n_near = [], 0
    for name in names:
        make, k, alpha = PROBLEMS[name]
        whole = problem(*make())
        network = whole.network(k, (alpha, alpha))
        values, seconds, passes = [], [], []
        with single_threaded_blas():
            for seed in range(n_seeds):
                last = ours(whole, k, alpha, seed).rows[-1]
                values.append(network.value(last[2]))
                seconds.append(last[0])
                passes.append(last[1])
                print(name, seed, values[-1], file=sys.stderr, flush=True)
        best = min(values)
        near = int(np.sum(np.array(values) <= 1.01 * best))
        n_near += near
        worst = 100 * (max(values) / best - 1)
        rows.append(
            (
                name,
                f"{near} of {n_seeds}",
                f"{worst:.1f} %",
                f"{np.median(seconds):.2f}",
                f"{np.median(passes):.0f}",
                f"{max(passes):.0f}",
            )
        )
    columns = ["", "within 1 % of the best seed", "worst seed above it"]
    table([*columns, "median CPU s", "median passes", "most passes"], rows)
    print(f"{n_near} of {n_seeds * len(names)} runs.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, help="success rate over so many seeds")
    parser.add_argument("problems", nargs="*", help="parts of names; all by default")
    options = parser.parse_args()
    header()
    wanted = options.problems or [""]
    names = [name for name in PROBLEMS if any(part in name for part in wanted)]
    if options.seeds:
        success(names, options.seeds)
    else:
        compare(names)


if __name__ == "__main__":
    main()
