"""Is the average of several default fits better than one? Mean test R².

pip install ".[test]" plotnine mlxtend statsmodels
OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/averaging.py
"""

import warnings

import numpy as np
from accuracy import SPLITS
from accuracy_sets import real, synthetic
from common import header, table
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from sksoftnewton import TwoLayerSoftmaxRegressor

STARTS = 5


def scores(X, y, split):
    """One fit, the three of highest evidence averaged, all averaged."""
    X, X_test, y, y_test = train_test_split(X, y, random_state=split)
    fits = [
        TwoLayerSoftmaxRegressor(random_state=seed).fit(X, y) for seed in range(STARTS)
    ]
    fits.sort(key=lambda model: -model.log_evidence_)
    predictions = np.array([model.predict(X_test) for model in fits])
    return (
        np.mean([r2_score(y_test, p) for p in predictions]),
        r2_score(y_test, predictions[:3].mean(axis=0)),
        r2_score(y_test, predictions.mean(axis=0)),
    )


def main():
    header()
    warnings.simplefilter("ignore")
    rows = []
    for name, X, y in [*real(), *synthetic()]:
        found = np.mean([scores(X, y, split) for split in range(SPLITS)], axis=0)
        rows.append((name, *found))
    rows.append(("mean", *np.mean([row[1:] for row in rows], axis=0)))
    cells = [(name, *(f"{value:.3f}" for value in values)) for name, *values in rows]
    table(["", "one fit", "average of three", "average of five"], cells)


if __name__ == "__main__":
    main()
