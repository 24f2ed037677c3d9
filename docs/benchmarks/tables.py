"""Raw tables: accuracy beside encoders and boosting, and the cost of many levels.

Prints Markdown tables: test R² of mixed tables (mean of three random 75/25 splits), and
time and peak memory of fits to 100,000 rows, each in its own process. The tables are
made here, or come from plotnine; nothing is downloaded:

    pip install ".[test]" plotnine
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/tables.py

Without plotnine its tables are left out. With ``--put-in`` the tables go into
`docs/tables.md` as well.
"""

import argparse
import importlib.util
import multiprocessing
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from common import DOCS, header, put_in
from sklearn.compose import make_column_selector as of_type
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from sksoftnewton import TwoLayerSoftmaxRegressor

SPLITS = 3
ROWS, REPETITIONS = 100_000, 1


def flats(n=4000, n_streets=300):
    """Prices by numbers with gaps, truth values, and a street of a few rows each."""
    rng = np.random.default_rng(0)
    street, heating = rng.integers(n_streets, size=n), rng.integers(4, size=n)
    frame = pd.DataFrame(
        {
            "area": rng.gamma(6, 12, n),
            "year": rng.integers(1900, 2024, n).astype(float),
            "heating": pd.Categorical.from_codes(heating, list("gops")),
            "balcony": rng.random(n) < 0.4,
            "street": [f"street {i}" for i in street],
        }
    )
    price = 4 * np.minimum(frame["area"], 100) + 50 * frame["balcony"]
    price += rng.normal(0, 60, n_streets)[street] + rng.normal(0, 40, n)
    price += np.array([0, -40, 80, -90])[heating] - 70 * (frame["year"] < 1940)
    frame.loc[(frame["year"] < 1940) & (rng.random(n) < 0.8), "year"] = np.nan
    return frame, price.to_numpy()


def mixed_tables():
    """Names, frames with gaps and categories, and targets."""
    yield "flats, made here", *flats()
    if importlib.util.find_spec("plotnine"):
        from plotnine.data import diamonds, mpg, txhousing

        cars = mpg.drop(columns="cty")
        yield "mpg, miles on highways", *parts(cars, "hwy")
        some = diamonds.sample(5000, random_state=0)
        yield "diamonds, log price", *parts(some, "price", np.log)
        homes = txhousing.drop(columns=["volume", "date"])
        yield "txhousing, median price", *parts(homes, "median")


def parts(frame, target, function=np.asarray):
    frame = frame[frame[target].notna()].reset_index(drop=True)
    return frame.drop(columns=target), function(frame[target].to_numpy(float))


def models(seed=0):
    """Ways from a frame to predictions, by their names."""
    names = of_type(dtype_include=["category", "string", "object", "bool"])
    numbers = of_type(dtype_include="number", dtype_exclude="bool")
    one_hot = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), names),
        (SimpleImputer(add_indicator=True), numbers),
    )
    means = make_column_transformer(
        (
            TargetEncoder(
                target_type="continuous", cv=KFold(5, shuffle=True, random_state=0)
            ),
            names,
        ),
        remainder="passthrough",
    )
    ours = TwoLayerSoftmaxRegressor(random_state=seed)
    boosting = HistGradientBoostingRegressor(random_state=seed)
    return {
        "as it is": ours,
        "one-hot in front": make_pipeline(one_hot, ours),
        "TargetEncoder in front": make_pipeline(means, ours),
        "boosting": boosting,
        "boosting, TargetEncoder": make_pipeline(means, boosting),
    }


def typed(frame):
    """The frame with text as categories, which boosting needs."""
    text = frame.select_dtypes(exclude=["number", "bool"]).columns
    return frame.astype(dict.fromkeys(text, "category"))


def accuracy():
    """Mean test R² of each table and model, and its cells."""
    rows = []
    for name, X, y in mixed_tables():
        scores = {}
        for seed in range(SPLITS):
            X_train, X_test, y_train, y_test = train_test_split(
                typed(X), y, random_state=seed
            )
            for label, model in models(seed).items():
                scores.setdefault(label, []).append(
                    score(model, (X_train, y_train), (X_test, y_test))
                )
        cells = name, f"{len(y):,}", *map(mean_of, scores.values())
        rows.append(cells)
        print(*cells, file=sys.stderr, flush=True)
    return ["test R²", "rows", *scores], rows


def mean_of(scores):
    return "–" if np.isnan(scores).any() else f"{np.mean(scores):.3f}"


def score(model, train, test):
    """Test R²; not a number where the model does not take the table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(*train)
        except ValueError:  # more levels than boosting has bins
            return np.nan
        return r2_score(test[1], model.predict(test[0]))


def many_rows(n_levels):
    """Rows of ten numbers and three categories, some for a test, and the target."""
    rng, n = np.random.default_rng(0), ROWS + ROWS // 10
    numbers = rng.normal(size=(n, 10))
    frame = pd.DataFrame(numbers, columns=[f"x{j}" for j in range(10)])
    y = np.sin(2 * numbers[:, 0]) + numbers[:, 1] * numbers[:, 2] + numbers[:, 3]
    names = [f"level {i}" for i in range(n_levels)]
    for j in range(3):
        level = rng.integers(n_levels, size=n)
        frame[f"c{j}"] = pd.Categorical.from_codes(level, names)
        y = y + 0.5 * rng.normal(size=n_levels)[level]
    return frame, y + 0.5 * rng.normal(size=n)


def cost(label, n_levels):
    """CPU seconds, peak memory in MB and R² on new rows."""
    X, y = many_rows(n_levels)
    new = np.arange(len(y)) >= ROWS
    X_train, y_train, model = X[~new], y[~new], models()[label]
    began = time.process_time()
    model.fit(X_train, y_train)
    seconds, megabytes = time.process_time() - began, peak()
    return seconds, megabytes, model.score(X[new], y[new])


def peak():
    """Largest memory of this program so far, in MB.

    What `resource` says may be that of the program that started it.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kilobytes) / 1000


def costs():
    """What fits to many rows take, in turns, as medians."""
    cases = {
        "3 × 1,000 levels, as they are": ("as it is", 1000),
        "3 × 1,000 levels, boosting, TargetEncoder": ("boosting, TargetEncoder", 1000),
        "3 × 50 levels, as they are": ("as it is", 50),
        "3 × 50 levels, boosting": ("boosting", 50),
    }
    found = {case: [] for case in cases}
    for _ in range(REPETITIONS):
        for case, arguments in cases.items():
            fresh = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=fresh) as process:
                found[case].append(process.submit(cost, *arguments).result())
            print(case, *found[case][-1], file=sys.stderr, flush=True)
    rows = []
    for case in cases:
        seconds, megabytes, r2 = np.median(found[case], axis=0)
        rows.append((case, f"{seconds:.1f}", f"{megabytes:.0f}", f"{r2:.3f}"))
    return [f"{ROWS:,} rows", "CPU s", "peak memory, MB", "test R²"], rows


def markdown(columns, rows):
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--put-in", action="store_true", help="into docs/tables.md")
    wanted = parser.parse_args()
    header()
    for mark, measured in (("accuracy", accuracy), ("cost", costs)):
        text = markdown(*measured())
        print(text, "\n", flush=True)
        if wanted.put_in:
            put_in(DOCS / "tables.md", mark, text)


if __name__ == "__main__":
    main()
