import numpy as np
import pytest


@pytest.fixture
def small():
    """80 rows, two positive outputs, weights; half of X is zero."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 5)) * [1, 10, 0.1, 3, 1] + [5, 0, 0, 1, 0]
    X[rng.random(X.shape) < 0.5] = 0
    Y = np.column_stack([np.exp(np.sin(X[:, 0])), 2 + np.tanh(X[:, 3])])
    return X, Y, rng.integers(1, 4, 80).astype(float)
