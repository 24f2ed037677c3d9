"""Time and memory of a default fit by rows and features: the table of docs/large.md.

Each fit runs in a process of its own, which also tells its peak memory. Writes
docs/figures/default_size.csv and the table:

    pip install . pandas
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/default_size.py
"""

import json
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd
from common import DOCS, FIGURES, put_in
from growth import data

ROWS = (1_000, 10_000, 100_000, 1_000_000)
FEATURES = (10, 30, 100)
RESULTS = FIGURES / "default_size.csv"


def fit_once(n, d):
    """Seconds, and megabytes beyond the data; printed as JSON."""
    from sksoftnewton import TwoLayerSoftmaxRegressor

    X, y = data(n, d)
    few = slice(500)  # imports and first calls are not the fit's
    TwoLayerSoftmaxRegressor(random_state=0).fit(X[few], y[few])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps(
            {
                "rows": n,
                "features": d,
                "seconds": seconds,
                "megabytes": (peak - before) / 1024,
                "data_megabytes": X.nbytes / 2**20,
                "kept_features": int(np.sum(model.support_)),
                "status": model.status_,
            }
        )
    )


def measured():
    found = []
    for n in ROWS:
        for d in FEATURES:
            command = [sys.executable, __file__, str(n), str(d)]
            found.append(json.loads(subprocess.check_output(command)))
            print(found[-1], file=sys.stderr, flush=True)
    return pd.DataFrame(found)


def as_table(results):
    """Rows by features, in Markdown."""
    lines = [
        "| rows | " + " | ".join(f"{d} features" for d in FEATURES) + " |",
        "|---" * (len(FEATURES) + 1) + "|",
    ]
    for n, here in results.groupby("rows"):
        cells = [
            f"{fit.seconds:.1f} s, {fit.megabytes:,.0f} MB" for fit in here.itertuples()
        ]
        lines.append(f"| {n:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    results = measured()
    results.to_csv(RESULTS, index=False)
    put_in(DOCS / "large.md", "default size", as_table(results))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        fit_once(*map(int, sys.argv[1:]))
    else:
        main()
