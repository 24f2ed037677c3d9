"""Small random networks of every kind, and their dense Jacobian."""

import numpy as np
import pytest
import scipy.sparse as sp

from sksoftnewton._activations import ACTIVATION_NAMES, get_activation
from sksoftnewton._network.coordinates import Whitening
from sksoftnewton._network.objective import Network
from sksoftnewton._rows.rows import Rows
from sksoftnewton._rows.standardisation import Standardisation
from tests.references import forward, jacobian, standardised

ALPHA = (0.03, 0.007)
N, D, K = 40, 4, 3


def make_network(
    activation="identity",
    n_outputs=2,
    sparse=False,
    weighted=True,
    penalty="weights",
    fixed_output=False,
    n=N,
):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, D)) * [1, 5, 0.1, 2] + [0, 1, 2, 3]
    X[rng.random((n, D)) < 0.4] = 0
    Y = rng.uniform(0.1, 0.9, size=(n, n_outputs))
    weight = rng.uniform(0, 2, n) if weighted else np.ones(n)
    A = sp.csr_array(X) if sparse else X
    rows = Rows(A, Y, weight, Standardisation.of(A, weight))
    network = Network(
        rows,
        K,
        get_activation(activation),
        ALPHA,
        whitening=Whitening(rows.second_moments) if penalty == "logits" else None,
        output_weights=rng.normal(size=(n_outputs, K)) if fixed_output else None,
    )
    X = standardised(X, weight)
    theta = rng.normal(size=network.n_params)
    if activation == "relu":  # stencils must not straddle a kink
        while np.abs(forward(X, *network.layers(theta), lambda u: u)).min() < 0.02:
            theta = rng.normal(size=network.n_params)
    return network, theta, X, Y, weight


CASES = [
    *(
        {"activation": name, "n_outputs": m}
        for name in ACTIVATION_NAMES
        for m in (1, 3)
    ),
    {"weighted": False},
    {"sparse": True},
    {"sparse": True, "penalty": "logits", "activation": "tanh"},
    {"penalty": "logits"},
    {"fixed_output": True},
    {"fixed_output": True, "penalty": "logits", "activation": "softplus"},
]


each_case = pytest.mark.parametrize(
    "case", CASES, ids=lambda case: ",".join(map(str, case.values()))
)


def dense_residuals(network, theta, X, Y, weight):
    """Weighted residuals r(θ) with |r|²/2 the first term of F."""
    A1, A2 = network.layers(theta)
    c = forward(X, A1, A2, network.activation.value) - Y
    return (np.sqrt(weight / weight.sum())[:, None] * c).T.ravel()


def dense_gauss_newton(network, theta, *data):
    J = jacobian(lambda t: dense_residuals(network, t, *data), theta)
    return J.T @ J + np.diag(network.ridge)
