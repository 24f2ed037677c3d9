"""CPU seconds of a default fit against a perceptron's on standardised data.

OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/default_cost.py

Arguments are parts of the names of rows; without any, all are made.
"""

import sys
import time
import warnings

import numpy as np
from common import diamonds, friedman, header, table

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._cli.models import perceptron

REPEATS = 3


def sets(n):
    rng = np.random.default_rng(5)
    yield "Friedman 1", *friedman(n)
    X = rng.uniform(-2, 2, (n, 6))
    y = np.sin(2 * X[:, 0]) + X[:, 1] ** 2 / 2 + np.abs(X[:, 2])
    yield "additive", X, y + 0.3 * rng.normal(size=n)
    X = rng.uniform(-1, 1, (n, 5))
    y = (X[:, 0] > 0) + 2.0 * (X[:, 1] > 0.3) * (X[:, 2] < 0)
    yield "step", X, y + 0.2 * rng.normal(size=n)
    X = rng.normal(size=(n, 40))
    yield "linear, 40 features", X, X @ rng.normal(size=40) + rng.normal(size=n)
    X, y = diamonds()
    chosen = rng.choice(len(y), n, replace=False)
    yield "diamonds", X[chosen], y[chosen]


def seconds(model, X, y):
    began = time.process_time()
    model.fit(X, y)
    return time.process_time() - began


def main():
    header()
    warnings.simplefilter("ignore")
    rows = []
    for n in (1_000, 3_000, 10_000):
        for data, X, y in sets(n):
            name = f"{data}, {n:,}"
            if not any(part in name for part in sys.argv[1:] or [name]):
                continue
            ours, peer = [], []
            for seed in range(REPEATS):
                model = TwoLayerSoftmaxRegressor(random_state=seed)
                ours.append(seconds(model, X, y))
                peer.append(seconds(perceptron(random_state=seed), X, y))
            ours, peer = np.median(ours), np.median(peer)
            ratio = f"{ours / peer:.2f}"
            rows.append((name, f"{ours:.2f}", f"{peer:.2f}", ratio))
    table(["rows", "default, s", "MLPRegressor, s", "ratio"], rows)


if __name__ == "__main__":
    main()
