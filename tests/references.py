"""Deliberately simple dense oracles."""

import numpy as np

STENCIL = ((-2, 1 / 12), (-1, -8 / 12), (1, 8 / 12), (2, -1 / 12))


def directional_derivative(function, theta, direction, step=1e-3):
    """Five-point stencil of order step⁴."""
    return sum(c * function(theta + i * step * direction) for i, c in STENCIL) / step


def jacobian(function, theta, step=1e-3):
    """Dense Jacobian of a vector function, column by column."""
    return np.stack(
        [directional_derivative(function, theta, e, step) for e in np.eye(len(theta))],
        axis=-1,
    )


def standardised(X, weight):
    """Weighted mean zero, standard deviation one, constant columns scale 1."""
    mean = np.average(X, axis=0, weights=weight)
    std = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))
    return (X - mean) / np.where(std < 1e-12, 1, std)


def forward(X, A1, A2, h):
    """h(A2 softmax(A1 [x, 1])) row by row; X standardised, A1 (k, d + 1)."""
    out = np.empty((len(X), len(A2)))
    for i, x in enumerate(X):
        z = A1 @ np.append(x, 1)
        e = np.exp(z - z.max())
        out[i] = h(A2 @ (e / e.sum()))
    return out


def penalty_matrix(X, weight, penalty):
    """Metric of the first penalty, (d + 1, d + 1); X standardised."""
    if penalty == "weights":
        return np.eye(X.shape[1] + 1)
    X1 = np.column_stack([X, np.ones(len(X))])
    return (X1.T * weight) @ X1 / weight.sum()


def objective(X, Y, weight, A1, A2, h, alpha, *, penalty="weights", learned=True):
    """F exactly as documented, for standardised X and Y."""
    c = forward(X, A1, A2, h) - Y
    loss = (weight @ (c**2).sum(axis=1)) / (2 * weight.sum())
    M = penalty_matrix(X, weight, penalty)
    first = alpha[0] / 2 * np.trace(A1 @ M @ A1.T)
    return loss + first + (alpha[1] / 2 * (A2**2).sum() if learned else 0)
