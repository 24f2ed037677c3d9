"""Zeros, repeated rows and entries from 1e-49 to 1e49: an answer or a clear error.

A RuntimeWarning is an error in these tests, as for users of ``python -W error``.
"""

import os

import numpy as np
import pytest
import scipy.sparse as sp

from sksoftnewton._activations import ACTIVATION_NAMES
from sksoftnewton._paper import regimes
from sksoftnewton._paper.regression import two_layer_softmax_regression
from sksoftnewton._paper.sparsifier import leverage_scores, spectral_sparsifier

# The long profile: SKSOFTNEWTON_HOSTILE=6000.
N_PROBLEMS = int(os.environ.get("SKSOFTNEWTON_HOSTILE", "300"))


def hostile_matrix(rng, shape):
    A = rng.standard_normal(shape)
    kind = rng.integers(0, 8)
    if kind == 0:
        A[:] = 0
    elif kind == 1:
        A[rng.random(shape[0]) < 0.5] = 0
    elif kind == 2:
        A *= 10.0 ** rng.uniform(-45, 45, shape[1])
    elif kind == 3:
        A *= 10.0 ** rng.uniform(-40, 40, shape)
    elif kind == 4:
        A[:] = rng.choice([1.0, 1e49, -1e-49])
    elif kind == 5:
        A[:] = A[:1]
    largest = np.abs(A).max()
    return A if largest == 0 or 1e-50 <= largest <= 1e49 else A / largest


def hostile_problem(rng, rows):
    n, d = int(rng.choice(rows)), int(rng.integers(1, 5))
    m = None if rng.random() < 0.3 else int(rng.integers(1, 4))
    A1 = hostile_matrix(rng, (n, d))
    A2 = None if m is None else hostile_matrix(rng, (m, n))
    b = hostile_matrix(rng, (m or n, 1))[:, 0] * rng.choice([0, 1])
    size = 10.0 ** rng.uniform(-5, rng.choice([5, 100]))
    options = {
        "h": str(rng.choice(ACTIVATION_NAMES)),
        "w": rng.choice([0, 1e-49, 1e-3, 1, 1e49]) * rng.integers(0, 2, n),
        "x0": None if rng.random() < 0.5 else size * rng.standard_normal(d),
        "epsilon": float(rng.choice([0.0, 0.1, 0.9])),
        "globalize": bool(rng.random() < 0.7),
        "random_state": 0,
    }
    if rng.random() < 0.3:
        A1 = sp.csr_array(A1)
    if A2 is not None and rng.random() < 0.3:
        A2 = sp.csr_array(A2)
    return A1, A2, b, options


def assert_answered(A1, A2, b, **options):
    """Finite numbers; the one error is that L overflows at the start."""
    try:
        result = two_layer_softmax_regression(A1, A2, b, **options)
    except ValueError as error:
        assert str(error).startswith("L overflows at x0")  # noqa: PT017
        return 0
    assert np.isfinite(result.fun)
    assert np.isfinite(result.x).all() and np.isfinite(result.jac).all()
    assert str(result.certificate)
    return 1


@pytest.mark.parametrize("sketch", ["auto", "leverage", "uniform", "frozen", "none"])
def test_every_method_answers(sketch):
    n_answered = 0
    for seed in range(N_PROBLEMS // 5):
        rng = np.random.default_rng(seed)
        A1, A2, b, options = hostile_problem(rng, [1, 2, 5, 30, 2000])
        n_answered += assert_answered(A1, A2, b, sketch=sketch, **options)
    assert n_answered > 0.8 * (N_PROBLEMS // 5)


@pytest.mark.parametrize("sketch", ["auto", "frozen"])
def test_sketches_answer(sketch, monkeypatch):
    """Small problems in the regime of large ones."""
    monkeypatch.setattr(regimes, "CHEAP_HESSIAN", -1.0)
    n_answered = 0
    for seed in range(N_PROBLEMS // 5):
        rng = np.random.default_rng(seed)
        A1, A2, b, options = hostile_problem(rng, [2000])
        n_answered += assert_answered(A1, A2, b, sketch=sketch, **options)
    assert n_answered > 0.8 * (N_PROBLEMS // 5)


def test_scores_and_sparsifiers_are_finite():
    for seed in range(N_PROBLEMS // 5):
        rng = np.random.default_rng(seed)
        n, d = int(rng.choice([1, 2, 5, 30, 2000])), int(rng.integers(1, 5))
        A, D = hostile_matrix(rng, (n, d)), hostile_matrix(rng, (n, 1))[:, 0]
        A = sp.csr_array(A) if rng.random() < 0.3 else A
        for exact in (False, True):
            scores = leverage_scores(A, D, exact=exact, random_state=0)
            assert ((scores >= 0) & (scores <= 1)).all()
            for sampling in ("leverage", "uniform"):
                kept = spectral_sparsifier(
                    A, D, 0.3, sampling=sampling, exact_scores=exact, random_state=0
                )
                assert np.isfinite(kept.weights).all()
