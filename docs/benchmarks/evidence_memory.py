"""Peak memory of a fit with thousands of parameters and of residuals, with Python's.

    OPENBLAS_NUM_THREADS=1 python docs/benchmarks/evidence_memory.py

Made the number in docs/large.md: 512 units on 5,000 rows of ten features.
"""

from __future__ import annotations

import resource
import warnings

import numpy as np

from sksoftnewton import TwoLayerSoftmaxRegressor


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 10))
    y = np.sin(X[:, 0]) * X[:, 1] + 0.1 * rng.normal(size=5000)
    print(f"before the fit: {peak():.2f} GB")
    model = TwoLayerSoftmaxRegressor(512, alpha=1e-4, max_iter=20, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    print(f"after it: {peak():.2f} GB")


if __name__ == "__main__":
    main()
