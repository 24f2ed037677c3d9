"""What was tried for the levels of categories: other scales, and codes in their order.

Prints two Markdown tables of test R² on 40 % of the rows, means over seeds of problems
made here and of samples of plotnine's diamonds: levels on other multiples of their
common scale; and ordered categories as levels, as codes, and as both.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/levels.py
"""

import warnings

import numpy as np
import pandas as pd
from common import header, table
from plotnine.data import diamonds
from sklearn.model_selection import train_test_split

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._rows import plain

MULTIPLES = (0.25, 0.5, 1, 2)


def unordered(n_levels, spread, seed, n=1200):
    """Four numbers, a category of normal effects, and the target."""
    rng = np.random.default_rng(seed)
    level, effect = rng.integers(n_levels, size=n), spread * rng.normal(size=n_levels)
    x = rng.normal(size=(n, 4))
    y = np.sin(2 * x[:, 0]) + x[:, 1] + effect[level] + 0.7 * rng.normal(size=n)
    frame = pd.DataFrame(x, columns=list("abcd"))
    frame["kind"] = pd.Categorical([f"level {i}" for i in level])
    return frame, y


def ordered(shape, n_levels, seed, n=800):
    """Three numbers, a category whose effects have a shape, and the target."""
    rng = np.random.default_rng(seed)
    level, steps = rng.integers(n_levels, size=n), np.linspace(0, 1, n_levels)
    effect = {
        "along a curve": (2 * steps) ** 1.5 / 1.4,
        "down and up": 2 * np.abs(2 * steps - 1),
        "one step": 1.5 * (np.arange(n_levels) > n_levels * 0.7),
        "in no order": rng.normal(size=n_levels),
    }[shape]
    x = rng.normal(size=(n, 3))
    y = np.sin(2 * x[:, 0]) + 0.5 * x[:, 1] * x[:, 2] + effect[level]
    frame = pd.DataFrame(x, columns=list("abc"))
    names = [f"level {i}" for i in range(n_levels)]
    frame["kind"] = pd.Categorical.from_codes(level, names, ordered=True)
    return frame, y + 0.5 * rng.normal(size=n)


def stones(n, seed):
    some = diamonds.sample(n, random_state=seed)
    return some.drop(columns="price"), np.log(some["price"].to_numpy(float))


def score(X, y, seed):
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.4, random_state=seed
    )
    model = TwoLayerSoftmaxRegressor(random_state=seed).fit(X_train, y_train)
    return model.score(X_test, y_test)


def scales(seeds=range(3)):
    problems = {
        "20 levels, effects of 0.3": lambda seed: unordered(20, 0.3, seed),
        "50 levels, effects of 0.3": lambda seed: unordered(50, 0.3, seed),
        "50 levels, effects of 1.5": lambda seed: unordered(50, 1.5, seed),
        "diamonds, 1,500 rows": lambda seed: stones(1500, seed),
    }
    common_scale = plain.common_scale
    rows = []
    for name, problem in problems.items():
        cells = []
        for multiple in MULTIPLES:
            plain.common_scale = lambda shares, by=multiple: by * common_scale(shares)
            cells.append(np.mean([score(*problem(seed), seed) for seed in seeds]))
        rows.append((name, *(f"{cell:.3f}" for cell in cells)))
    plain.common_scale = common_scale
    table(["scale times", *(f"{multiple:g}" for multiple in MULTIPLES)], rows)


def in_order(seeds=range(4)):
    problems = {
        "7 levels, along a curve": lambda seed: ordered("along a curve", 7, seed),
        "25 levels, along a curve": lambda seed: ordered("along a curve", 25, seed),
        "7 levels, down and up": lambda seed: ordered("down and up", 7, seed),
        "10 levels, one step": lambda seed: ordered("one step", 10, seed),
        "7 levels, in no order": lambda seed: ordered("in no order", 7, seed),
        "diamonds, 600 rows": lambda seed: stones(600, seed),
    }
    rows = []
    for name, problem in problems.items():
        cells = np.mean([ways(*problem(seed), seed) for seed in seeds], axis=0)
        rows.append((name, *(f"{cell:.3f}" for cell in cells)))
    table(["ordered categories as", "levels", "codes", "both"], rows)


def ways(X, y, seed):
    columns = X.select_dtypes("category").columns
    codes = X[columns].apply(lambda column: column.cat.codes.astype(float))
    both = X.join(codes, rsuffix=" as a number")
    return [score(given, y, seed) for given in (X, X.assign(**codes), both)]


if __name__ == "__main__":
    header()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scales()
        in_order()
