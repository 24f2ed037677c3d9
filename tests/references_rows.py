"""Random weighted rows."""

from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from sksoftnewton._rows.dask_data import DaskData
from sksoftnewton._rows.data import Rounds, float_dtype
from sksoftnewton._rows.facts import facts_of
from sksoftnewton._rows.rows import Rows
from sksoftnewton._rows.standardisation import Standardisation
from sksoftnewton._rows.tasks import Tasks


def random_data(n=60, d=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * rng.uniform(0.1, 10, d) + rng.normal(size=d)
    X[rng.random((n, d)) < 0.5] = 0
    return X, rng.normal(size=(n, 2)), rng.uniform(0.5, 3, n)


def make_rows(X, Y, weight, sparse=False, **kwargs):
    A = sp.csr_array(X) if sparse else X
    return Rows(A, Y, weight, Standardisation.of(A, weight), **kwargs)


def in_chunks(X, Y, weight, sizes):
    """The same data in chunks, made of blocks of the given numbers of rows.

    Targets come in blocks of other sizes.
    """
    ends = {
        "X": np.cumsum([0, *sizes]),
        "y": np.cumsum([0, *sizes[::-1]]),
        "sample_weight": np.array([0, len(weight)]),
    }
    arrays = {"X": X, "y": Y, "sample_weight": weight}
    parts = {
        name: [a[i:j] for i, j in pairwise(ends[name])] for name, a in arrays.items()
    }
    facts = {
        name: [facts_of(part, -np.inf, np.inf, wanted=name != "X") for part in own]
        for name, own in parts.items()
    }
    blocks = {
        name: Tasks(
            {(name, i): part for i, part in enumerate(own)},
            [(name, i) for i in range(len(own))],
        )
        for name, own in parts.items()
    }
    return DaskData.of(blocks, facts, float_dtype(X.dtype), Rounds())
