"""Random weighted rows."""

import numpy as np
import scipy.sparse as sp

from sksoftnewton._rows.rows import Rows
from sksoftnewton._rows.standardisation import Standardisation


def random_data(n=60, d=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * rng.uniform(0.1, 10, d) + rng.normal(size=d)
    X[rng.random((n, d)) < 0.5] = 0
    return X, rng.normal(size=(n, 2)), rng.uniform(0.5, 3, n)


def make_rows(X, Y, weight, sparse=False, **kwargs):
    A = sp.csr_array(X) if sparse else X
    return Rows(A, Y, weight, Standardisation.of(A, weight), **kwargs)
