"""Fits of any finite data with any parameters: finite and as documented, or an error.

Data have columns of numbers from 1e-150 to 1e150, constants, repeated columns and
rows; weights go as far. A warning is an error in these tests. The long profile of ten
thousand fits that are new each time is SKSOFTNEWTON_HOSTILE=10000.
"""

import os
import re
import time
import warnings
from unittest import mock

import numpy as np
import scipy.sparse as sp
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._activations import ACTIVATION_NAMES, get_activation
from sksoftnewton._rows import interface
from tests.references import objective

LONG = "SKSOFTNEWTON_HOSTILE" in os.environ
N_FITS = int(os.environ.get("SKSOFTNEWTON_HOSTILE", "60"))
CPU_SECONDS = 30  # for a hundred rows at most
NAMED = re.compile(
    r"\b(X|y|alpha_?|sample_weight|n_hidden|output_activation|output_weights|penalty|"
    r"target_transform)\b"
)

profile = settings(
    max_examples=N_FITS,
    deadline=None,  # other processes must not fail it: see CPU_SECONDS
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(HealthCheck),
)

# -- data -----------------------------------------------------------------------------

KINDS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "far from zero": lambda rng, n: rng.normal(size=n) + 1e3,
    "constant": lambda rng, n: np.full(n, rng.normal()),
    "zeros": lambda rng, n: np.zeros(n),
    "nearly constant": lambda rng, n: 1 + 1e-16 * rng.integers(-4, 5, n),
    "binary": lambda rng, n: rng.integers(0, 2, n).astype(float),
    "mostly zero": lambda rng, n: rng.normal(size=n) * (rng.random(n) < 0.2),
    "one far": lambda rng, n: np.where(np.arange(n) == 0, 1e6, rng.normal(size=n)),
    "of every size": lambda rng, n: rng.choice([-1, 1]) * 10 ** rng.uniform(-150, 0, n),
    "of few values": lambda rng, n: rng.integers(0, 3, n) / 7,
}
WEIGHTS = {
    "none": lambda rng, n: None,
    "some zero": lambda rng, n: np.maximum(rng.integers(-2, 3, n), np.arange(n) == 0),
    "of every size": lambda rng, n: 10.0 ** rng.uniform(-150, 0, n),
    "small": lambda rng, n: 1e-90 * rng.random(n),
    "random": lambda rng, n: rng.uniform(0.1, 2, n),
}
exponents = st.one_of(st.just(0), st.integers(-150, 150))
columns = st.tuples(st.sampled_from(sorted(KINDS)), exponents)
small_alphas = st.sampled_from([0.0, 1e-12, 1e-5, 1e-3, 0.1, 1.0, 1e6])
parameters = st.fixed_dictionaries(
    {"n_hidden": st.sampled_from([1, 2, 3, 8, "auto"]), "random_state": st.just(0)},
    optional={
        "alpha": st.one_of(small_alphas, st.tuples(small_alphas, small_alphas)),
        "output_activation": st.sampled_from(ACTIVATION_NAMES),
        "penalty": st.just("logits"),
        "basis": st.sampled_from(["linear", "ramps"]),
        "noise": st.just("constant"),
        "target_transform": st.sampled_from(["identity", "log"]),
        "sketch": st.sampled_from(["none", "uniform", "leverage", "countsketch"]),
        "sketch_size": st.sampled_from([1, 5, 0.5, 4.0]),
        "n_init": st.sampled_from([1, 3]),
        "max_iter": st.sampled_from([1, 3, 30]),
        "tol": st.sampled_from([0.0, 1e-8, 1.0]),
        "n_jobs": st.just(2),
    },
)


@st.composite
def problems(draw):
    """X, y, weights and parameters; y lies in the range of the activation."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.sampled_from([1, 2, 3, 5, 12, 40, 100]))
    params = draw(parameters)
    dtype = draw(st.sampled_from([np.float64, np.float64, np.float32]))
    X = table(rng, n, draw(st.lists(columns, min_size=1, max_size=5)), dtype)
    if draw(st.booleans()):
        X = np.column_stack([X, X[:, :1]])
    Y = table(rng, n, draw(st.lists(columns, min_size=1, max_size=2)), np.float64)
    Y = within_range(Y, params)
    if draw(st.booleans()):  # repeated rows
        again = rng.integers(0, n, n)
        X, Y = X[again], Y[again]
    X = sp.csr_array(X) if draw(st.booleans()) else X
    weight = WEIGHTS[draw(st.sampled_from(sorted(WEIGHTS)))](rng, n)
    return X, Y, weight, params


def table(rng, n, kinds, dtype):
    """Columns of given kinds, in units of given powers of ten."""
    reach = 1.0 if dtype == np.float64 else 0.2
    made = [KINDS[kind](rng, n) * 10.0 ** (reach * e) for kind, e in kinds]
    return np.column_stack(made).astype(dtype)


def within_range(Y, params):
    """Targets moved into the range of the activation, or to where logarithms are."""
    activation = params.get("output_activation", "identity")
    if params.get("target_transform") == "log":
        Y = np.abs(Y) + 1e-150
    elif activation != "identity":
        Y = np.abs(Y)
    return Y / max(1.0, Y.max()) if activation in ("sigmoid", "tanh") else Y


# -- any fit --------------------------------------------------------------------------


@profile
@given(problems())
def test_any_fit_is_finite_and_as_documented_or_a_clear_error(problem):
    X, Y, weight, params = problem
    note(f"X={X!r}\nY={Y!r}\nweight={weight!r}\nparams={params!r}")
    model = answered(X, Y, weight, params)
    if model is None:
        return
    check_predictions(model, X)
    dense = X.toarray() if sp.issparse(X) else X
    check_loss(model, dense.astype(np.float64), Y, weight, X.dtype)


def answered(X, Y, weight, params):
    """The fitted model, or None after an error that names what is wrong."""
    began = time.process_time()
    model = TwoLayerSoftmaxRegressor(**params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "More than half of the squared deviations")
        warnings.filterwarnings("ignore", "The fit is a constant")
        warnings.filterwarnings("ignore", "The fit is worse than the mean")
        try:
            model.fit(X, target(Y), weight)
        except (ValueError, FloatingPointError) as error:
            assert NAMED.search(str(error)), error  # noqa: PT017
            return None
    assert time.process_time() - began < CPU_SECONDS
    return model


def target(Y):
    """Y as it is passed: a single column as one dimension."""
    return Y if Y.shape[1] > 1 else Y[:, 0]


def check_predictions(model, X):
    """Finite ones, of the rows that were fitted; memberships are shares."""
    assert np.isfinite(model.predict(X)).all()
    np.testing.assert_allclose(model.hidden_activations(X).sum(axis=1), 1, rtol=1e-5)
    if model._posterior is not None:
        _, std = model.predict(X, return_std=True)
        assert np.isfinite(std).all() and (std >= 0).all()
        assert np.isfinite(model.predict_interval(X)).all()


def check_loss(model, X, Y, weight, dtype):
    """``loss_`` is F of the fitted attributes, computed from its definition."""
    weight = np.ones(len(X)) if weight is None else np.asarray(weight, dtype=float)
    X, Y, weight = X[weight > 0], Y[weight > 0], weight[weight > 0]
    weight = weight / weight.max()
    columns = model.basis_.transform(X)
    if model.target_transform_ == "log":
        Y = np.log(Y)
    mean, std = moments(columns, weight, dtype)
    Y_mean, Y_std = moments(Y, weight, Y.dtype)
    # Fitted attributes are rounded to the dtype of X: differences of large numbers.
    far = max(np.max(np.abs(m) / s) for m, s in ((mean, std), (Y_mean, Y_std)))
    rounding = np.finfo(dtype).eps * max(far, 1.0)
    F_unit = 1.0
    if model.output_activation != "identity":
        F_unit = float(np.max(np.abs(Y))) ** 2 or 1.0
        Y_mean, Y_std = np.zeros_like(Y_mean), np.ones_like(Y_std)
    A1 = model.hidden_coef_.astype(np.float64)
    intercept = model.hidden_intercept_ + A1 @ mean + model._intercept_rest
    expected = objective(
        (columns - mean) / std,
        (Y - Y_mean) / Y_std,
        weight,
        np.column_stack([A1 * std, intercept]),
        (model.output_coef_ - Y_mean[:, None]) / Y_std[:, None],
        get_activation(model.output_activation).value,
        model.alpha_,
        penalty=model.penalty,
    )
    allowed = 1e3 * rounding + (10 * rounding) ** 2
    np.testing.assert_allclose(
        model.loss_,
        expected,
        rtol=1e-6 + allowed,
        atol=allowed * F_unit + float(np.finfo(dtype).tiny),
    )


def moments(columns, weight, dtype):
    """Means and scales: standard deviations, for constants 1 or 1e8 times rounding."""
    unit = np.maximum(np.abs(columns).max(axis=0), np.finfo(float).tiny)
    scaled = columns / unit
    mean = np.average(scaled, axis=0, weights=weight)
    std = np.sqrt(np.average((scaled - mean) ** 2, axis=0, weights=weight))
    rounding = 8 * np.finfo(dtype).eps * np.abs(mean)
    constant = np.maximum(1e8 * rounding * unit, 1.0)
    return mean * unit, np.where(std <= rounding, constant, std * unit)


# -- what changes nothing -------------------------------------------------------------

FIXED = {
    "n_hidden": 3,
    "alpha": 1e-2,
    "n_init": 1,
    "basis": "linear",
    "noise": "constant",
    "target_transform": "identity",
    "random_state": 0,
}


@st.composite
def tame_problems(draw):
    """X, Y, and parameters whose minimum is near any start; Y lies in [0, 1]."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, D = draw(st.sampled_from([8, 30, 60])), draw(st.integers(1, 5))
    X = rng.normal(size=(n, D)) * (rng.random((n, D)) < 0.8)
    Y = np.column_stack([X[:, 0], rng.normal(size=n)])[:, : draw(st.integers(1, 2))]
    params = {
        "output_activation": draw(st.sampled_from(["identity", "softplus", "sigmoid"])),
        "penalty": draw(st.sampled_from(["weights", "logits"])),
    }
    return X, 1 / (1 + np.exp(-2 * Y)), params, rng


def layers(model):
    return model.hidden_coef_, model.hidden_intercept_, model.output_coef_


def fitted_from(start, X, Y, weight=None, **params):
    """The model at the minimum that Newton's method reaches from given layers."""
    model = TwoLayerSoftmaxRegressor(**FIXED, **params, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # One penalty is given for all problems.
        warnings.filterwarnings("ignore", "The fit is worse than the mean")
        model.set_params(max_iter=1).fit(
            X, target(Y), weight
        )  # sets what is overwritten
        if start is not None:
            model.hidden_coef_, model.hidden_intercept_, model.output_coef_ = start
            model.set_params(max_iter=1000, tol=1e-9).fit(X, target(Y), weight)
    return model


def changed(X, Y, start, activation, rng):
    """The same problem and start in other forms: (X, Y, weights, start) of each."""
    A1, b, A2 = start
    rows, columns = rng.permutation(len(X)), rng.permutation(X.shape[1])
    outputs, units = rng.permutation(Y.shape[1]), rng.permutation(3)
    counts = rng.integers(1, 4, len(X))
    s, t = 10.0 ** rng.uniform(-9, 9, X.shape[1]), rng.normal(size=X.shape[1])
    yield "rows", X[rows], Y[rows], None, start
    yield "features", X[:, columns], Y, None, (A1[:, columns], b, A2)
    yield "outputs", X, Y[:, outputs], None, (A1, b, A2[outputs])
    yield "units", X, Y, None, (A1[units], b[units], A2[:, units])
    yield "CSR", sp.csr_array(X), Y, None, start
    yield "units of X", (X - t) * s, Y, None, (A1 / s, b + A1 @ t, A2)
    yield "equal weights", X, Y, np.full(len(X), 7.0), start
    yield "no weight", *with_rows_of_no_weight(X, Y), start
    if activation == "identity":
        yield "units of Y", X, 1e5 * Y + 3, None, (A1, b, 1e5 * A2 + 3)
    yield "weights", X, Y, counts, start
    yield "repetition", X.repeat(counts, axis=0), Y.repeat(counts, axis=0), None, start


def with_rows_of_no_weight(X, Y):
    X, Y = np.vstack([X, X[:1] + 1e6]), np.vstack([Y, Y[:1] / 2])
    return X, Y, np.append(np.ones(len(X) - 1), 0.0)


@settings(profile, max_examples=max(N_FITS // 10, 8))
@given(tame_problems())
def test_what_changes_nothing_leads_to_the_same_minimum(problem):
    X, Y, params, rng = problem
    start = layers(fitted_from(None, X, Y, **params))
    expected = fitted_from(start, X, Y, **params).loss_
    of_weights = None
    activation = params["output_activation"]
    for name, *data, weight, mapped in changed(X, Y, start, activation, rng):
        loss = fitted_from(mapped, *data, weight, **params).loss_
        if name == "weights":
            of_weights = loss
            continue
        compared = of_weights if name == "repetition" else expected
        np.testing.assert_allclose(loss, compared, rtol=1e-6, err_msg=name)


@settings(profile, max_examples=max(N_FITS // 10, 8))
@given(tame_problems())
def test_float32_is_float64_within_its_rounding(problem):
    X, Y, params, _ = problem
    X = X.astype(np.float32)
    start = layers(fitted_from(None, X.astype(np.float64), Y, **params))
    expected = fitted_from(start, X.astype(np.float64), Y, **params)
    found = fitted_from(tuple(x.astype(np.float32) for x in start), X, Y, **params)
    np.testing.assert_allclose(found.loss_, expected.loss_, rtol=1e-5)
    predicted = expected.predict(X.astype(np.float64))
    np.testing.assert_allclose(found.predict(X), predicted, atol=2e-2)


@settings(profile, max_examples=max(N_FITS // 10, 8))
@given(tame_problems())
def test_threads_change_no_bit(problem):
    X, Y, params, _ = problem
    y = target(Y)
    with (
        mock.patch.object(interface, "BLOCK_ELEMENTS", 16),
        mock.patch.object(interface, "LEAST_ROWS", 2),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", ConvergenceWarning)
        one, two = (
            TwoLayerSoftmaxRegressor(**FIXED, **params, max_iter=5, n_jobs=n).fit(X, y)
            for n in (1, 2)
        )
    for ours, theirs in zip(layers(one), layers(two), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert one.loss_ == two.loss_
