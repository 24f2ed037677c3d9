"""The tables of `accuracy.py`: of installed packages, or made here.

Each is a name, features of shape (n, n_features) and targets of shape (n,). Categories
are one-hot, the same for every model, and rows with missing values are left out.
"""

import numpy as np
import pandas as pd
from common import diamonds
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    make_friedman1,
    make_friedman2,
    make_friedman3,
)


def real():
    """Tables of up to 3,000 rows."""
    from mlxtend.data import autompg_data, boston_housing_data
    from plotnine.data import midwest, mpg

    yield "diabetes", *load_diabetes(return_X_y=True)
    yield "breast cancer, 0/1", *load_breast_cancer(return_X_y=True)
    yield "Boston housing", *boston_housing_data()
    X, y = autompg_data()
    X = np.asarray(X)[:, :-1].astype(float)  # without the name of the car
    complete = np.isfinite(X).all(axis=1)
    yield "auto mpg", X[complete], np.asarray(y, float)[complete]
    yield "mpg, highway", *numbers(mpg.drop(columns=["model", "cty"]), "hwy")
    columns = (
        "area popdensity percwhite percblack percamerindan percasian perchsd "
        "percollege percprof inmetro percbelowpoverty"
    )
    yield "midwest, poverty", *numbers(midwest[columns.split()], "percbelowpoverty")
    X, y = diamonds()
    some = np.random.default_rng(0).choice(len(y), 1500, replace=False)
    yield "diamonds, 1,500 rows, log price", X[some], y[some]
    yield "star98", *_star98()
    for name, target in (
        ("anes96", "selfLR"),
        ("ccard", "AVGEXP"),
        ("statecrime", "murder"),
        ("engel", "foodexp"),
        ("grunfeld", "invest"),
        ("cancer", "cancer"),
    ):
        yield name, *numbers(_statsmodels(name), target)


def real_large():
    """Tables of more than 3,000 rows."""
    from plotnine.data import diamonds, txhousing

    yield "fair", *numbers(_statsmodels("fair"), "rate_marriage")
    homes = txhousing.drop(columns=["volume", "date"])
    yield "txhousing, median price", *numbers(homes, "median")
    yield "randhie, visits", *numbers(_statsmodels("randhie"), "mdvis")
    yield "diamonds, price", *numbers(diamonds, "price")


def synthetic():
    """Functions with noise."""
    rng = np.random.default_rng(0)
    n = 800
    X = rng.normal(size=(n, 8))
    yield "linear", X, X @ rng.normal(size=8) + 0.5 * rng.normal(size=n)
    X = rng.uniform(-2, 2, (n, 6))
    y = np.sin(2 * X[:, 0]) + X[:, 1] ** 2 / 2 + np.abs(X[:, 2])
    yield "additive", X, y + 0.3 * rng.normal(size=n)
    X = rng.uniform(-1, 1, (n, 5))
    y = X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3]
    yield "product", X, y + 0.1 * rng.normal(size=n)
    X = rng.uniform(-1, 1, (n, 5))
    y = (X[:, 0] > 0) + 2.0 * (X[:, 1] > 0.3) * (X[:, 2] < 0)
    yield "step", X, y + 0.2 * rng.normal(size=n)
    X = rng.uniform(-2, 2, (n, 4))
    noise = (0.1 + 0.4 * np.abs(X[:, 2])) * rng.normal(size=n)
    yield "heteroscedastic", X, np.sin(2 * X[:, 0]) + X[:, 1] + noise
    X = rng.normal(size=(n, 30)) * (rng.random((n, 30)) < 0.2)
    y = 2 * np.tanh(X[:, :5].sum(axis=1)) + X[:, 5]
    yield "sparse", X, y + 0.3 * rng.normal(size=n)
    X = rng.normal(size=(200, 300))
    y = 2 * np.tanh(X[:, :3].sum(axis=1))
    yield "wide", X, y + 0.2 * rng.normal(size=200)
    yield "Friedman 1", *make_friedman1(n, noise=1.0, random_state=0)
    yield "Friedman 2", *make_friedman2(n, noise=100.0, random_state=0)
    yield "Friedman 3", *make_friedman3(n, noise=0.1, random_state=0)


def numbers(frame, target):
    """Features, categories one-hot, and the target column, of the complete rows."""
    frame = frame.dropna()
    X = pd.get_dummies(frame.drop(columns=target)).to_numpy(float)
    return X, frame[target].to_numpy(float)


def _statsmodels(name):
    import statsmodels.api as sm

    return getattr(sm.datasets, name).load_pandas().data


def _star98():
    frame = _statsmodels("star98")
    y = frame["NABOVE"] / (frame["NABOVE"] + frame["NBELOW"])
    return frame.drop(columns=["NABOVE", "NBELOW"]).to_numpy(float), y.to_numpy(float)
