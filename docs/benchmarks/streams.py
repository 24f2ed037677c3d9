"""`partial_fit` on streams, against fits and other ways to go on. Test R².

pip install ".[test]" plotnine mlxtend statsmodels
OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/streams.py

Rows come in twenty batches (ten of less than 1,000 rows), in random order or sorted by
the feature that is most correlated with the target; test rows are a fifth of all,
drawn at random. "posterior" is what `partial_fit` would be without rows of the past:
the parameters after the first batch, and for each further batch the minimum of its
squares and of the distance to the parameters before in their Gauss–Newton matrix, to
which that of the batch is then added. The perceptron gets features and targets that are
standardised by the first batch, and goes twenty times over each batch.
"""

import time
import warnings
from dataclasses import replace

import numpy as np
from accuracy_sets import real, real_large
from common import friedman, header, table
from scipy.linalg import solve
from sklearn.datasets import make_friedman3
from sklearn.metrics import r2_score
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._activations import softmax

EPOCHS = 20
REAL = ("diabetes", "auto mpg", "diamonds, 1,500 rows, log price", "fair")


class PosteriorStream:
    """The identity activation, one output, targets as they are."""

    def __init__(self, X, y):
        model = TwoLayerSoftmaxRegressor(target_transform="identity", random_state=0)
        self.posterior = posterior = model.fit(X, y)._posterior
        self.theta = np.concatenate([posterior.A1.ravel(), posterior.A2.ravel()])
        covariance = posterior.factor.T @ posterior.factor
        if posterior.ridge is not None:
            covariance = np.diag(1 / posterior.ridge) - covariance
        self.matrix = posterior.total_weight * np.linalg.inv(covariance)
        # A2 is standardised: y = scale u + mean.
        u = self.outputs(self.theta, self.coordinates(X))
        varies = np.ptp(u) > 0
        fitted = np.polyfit(u, model.predict(X), 1) if varies else (y.std(), y.mean())
        self.scale, self.mean = fitted

    def coordinates(self, X):
        posterior = self.posterior
        return posterior.coordinates(posterior._rows(X).whole())[0]

    def layers(self, theta):
        A1, A2 = self.posterior.A1, self.posterior.A2
        return theta[: A1.size].reshape(A1.shape), theta[A1.size :].reshape(A2.shape)

    def outputs(self, theta, x):
        A1, A2 = self.layers(theta)
        return (A2 @ softmax(A1 @ x))[0]

    def jacobian(self, theta, x):
        A1, A2 = self.layers(theta)
        there = replace(self.posterior, A1=A1, A2=A2)
        ((_, gradients),) = there._gradients(x, softmax(A1 @ x))
        return gradients

    def partial_fit(self, X, y):
        """Levenberg–Marquardt from the parameters before."""
        x, target = self.coordinates(X), (y - self.mean) / self.scale
        before, theta, damping = self.theta, self.theta, 1e-3

        def value(theta):
            difference = theta - before
            squares = np.sum((self.outputs(theta, x) - target) ** 2)
            return squares + difference @ self.matrix @ difference

        for _ in range(60):
            J = self.jacobian(theta, x)
            gradient = J @ (self.outputs(theta, x) - target)
            gradient += self.matrix @ (theta - before)
            matrix = self.matrix + J @ J.T
            for _ in range(12):
                lift = damping * np.diag(matrix.diagonal())
                step = solve(matrix + lift, gradient, assume_a="sym")
                if value(theta - step) < value(theta):
                    break
                damping *= 10
            else:
                break
            decrease = 1 - value(theta - step) / value(theta)
            theta, damping = theta - step, max(damping / 10, 1e-8)
            if decrease < 1e-6:
                break
        J = self.jacobian(theta, x)
        self.theta, self.matrix = theta, self.matrix + J @ J.T

    def score(self, X, y):
        u = self.outputs(self.theta, self.coordinates(X))
        return r2_score(y, self.scale * u + self.mean)


def perceptron(batches, X_test, y_test):
    X, y = batches[0]
    scaler, mean, scale = StandardScaler().fit(X), y.mean(), y.std() or 1.0
    model = MLPRegressor(random_state=0)
    for X, y in batches:
        for _ in range(EPOCHS):
            model.partial_fit(scaler.transform(X), (y - mean) / scale)
    return r2_score(y_test, mean + scale * model.predict(scaler.transform(X_test)))


def measured(batches, X_test, y_test):
    """A row of the table."""
    ours, posterior = TwoLayerSoftmaxRegressor(random_state=0), None
    scores, seconds = [], []
    for X, y in batches:
        began = time.perf_counter()
        ours.partial_fit(X, y)
        seconds.append(time.perf_counter() - began)
        scores.append(ours.score(X_test, y_test))
        if posterior is None:
            posterior = PosteriorStream(X, y)
        else:
            posterior.partial_fit(X, y)
    X, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    began = time.perf_counter()
    whole = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    of_fit = time.perf_counter() - began
    last = TwoLayerSoftmaxRegressor(random_state=0).fit(*batches[-1])
    found = {
        "first batch": scores[0],
        "last batch": last.score(X_test, y_test),
        "perceptron": perceptron(batches, X_test, y_test),
        "posterior": posterior.score(X_test, y_test),
        "`partial_fit`": scores[-1],
        "all rows": whole.score(X_test, y_test),
    }
    cells = {name: f"{score:.3f}" for name, score in found.items()}
    cells["seconds a call, median and most"] = (
        f"{np.median(seconds):.2f}, {max(seconds):.1f}"
    )
    cells["seconds of `fit`"] = f"{of_fit:.1f}"
    return cells


def tables():
    yield "Friedman 1, 25,000 rows", *friedman(25_000)
    yield "Friedman 3", *make_friedman3(5000, noise=0.1, random_state=0)
    for name, X, y in [*real(), *real_large()]:
        if name in REAL:
            yield name, X, y


def main():
    header()
    warnings.simplefilter("ignore")
    rows = []
    for name, X, y in tables():
        rng = np.random.default_rng(0)
        test, train = np.split(rng.permutation(len(y)), [len(y) // 5])
        varying = np.ptp(X[train], axis=0) > 0
        correlations = np.corrcoef(X[train][:, varying].T, y[train])[-1, :-1]
        leading = np.flatnonzero(varying)[np.argmax(np.abs(correlations))]
        in_order = train[np.argsort(X[train, leading], kind="stable")]
        for order, stream in (("random", train), ("sorted", in_order)):
            n_batches = 10 if len(y) < 1000 else 20
            batches = [(X[rows], y[rows]) for rows in np.array_split(stream, n_batches)]
            rows.append({"": f"{name}, {order}", **measured(batches, X[test], y[test])})
    table(list(rows[0]), [list(row.values()) for row in rows])


if __name__ == "__main__":
    main()
