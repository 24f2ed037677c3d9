import numpy as np
import scipy.sparse as sp
from numpy.testing import assert_allclose

from sksoftnewton._matrices import weighted_gram


def test_long_and_short_sparse_rows_give_the_same_gram():
    """Both ways of multiplying a CSR array, chosen by the length of its rows."""
    rng = np.random.default_rng(6)
    weights = rng.standard_normal(400)
    for density in (0.01, 0.9):
        A = sp.random_array((400, 40), density=density, format="csr", rng=rng)
        dense = A.toarray()
        expected = dense.T @ (weights[:, None] * dense)
        assert_allclose(weighted_gram(A, weights), expected, atol=1e-12)
