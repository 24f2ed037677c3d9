import numpy as np
import scipy.sparse as sp

from sksoftnewton._rows.centring import centred


def test_columns_far_from_zero_are_centred_and_others_are_not():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 5)) + np.array([0.0, 1e6, -1e3, 0.0, 9.0])
    X[:, 3] *= rng.random(50) < 0.2
    X[7, 2] = 0.0
    X[3, 1] = 1e6  # its centred value is zero
    shift = np.array([0.0, 1e6, -1e3, 0.0, 9.0])
    scaled, left = centred(sp.csr_array(X), shift)
    np.testing.assert_array_equal(left, [0.0, 0.0, 0.0, 0.0, 9.0])
    np.testing.assert_array_equal(scaled.toarray(), X - shift + left)
    assert scaled.nnz <= np.count_nonzero(X) + 1


def test_columns_with_few_entries_stay_as_they_are():
    # A heavy row may put the mean far from zero although most entries are absent.
    X = sp.csr_array(np.eye(10)[:, :1])
    scaled, left = centred(X, np.array([1e3]))
    assert scaled is X and left == 1e3
