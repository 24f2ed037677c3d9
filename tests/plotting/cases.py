"""Data for the tests of the displays, and what these read off a picture."""

import numpy as np
import pandas as pd

NAMES = ["a", "b", "c"]


def make_data(n=200, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 3))
    y = np.sin(2 * X[:, 0]) + X[:, 1] ** 2 + 0.1 * rng.standard_normal(n)
    return X, y


X, Y = make_data()
FRAME = pd.DataFrame(X, columns=NAMES)


def slice_of(columns):
    """Rows at the medians of X with the given columns."""
    rows = np.tile(np.median(X, axis=0), (len(next(iter(columns.values()))), 1))
    for index, values in columns.items():
        rows[:, index] = values
    return rows


def points(line):
    """The points of a line, without the gaps in it."""
    xy = line.get_xydata()
    return xy[np.isfinite(xy).all(axis=1)].T


def entries(legend):
    return [text.get_text() for text in legend.get_texts()]
