import numpy as np
import pytest
import scipy.sparse as sp

from sksoftnewton._activations import get_activation
from sksoftnewton._inference.run import Run
from sksoftnewton._network import problem as problem_module
from sksoftnewton._network.problem import Problem
from sksoftnewton._rows.data import ArrayData


def data(n=3000):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    return X, np.sin(X[:, :1]) + 0.1 * rng.normal(size=(n, 1)), np.ones(n)


def problem(X, Y, weight, *, penalty="weights", activation="identity"):
    return problem_of(ArrayData(X, Y, weight), penalty, activation)


def problem_of(given, penalty="weights", activation="identity"):
    return Problem(
        given,
        activation=get_activation(activation),
        penalty=penalty,
        output_weights=None,
        n_threads=1,
    )


def test_many_rows_are_searched_in_float32_and_finished_in_float64():
    searched = problem(*data())
    assert searched.rows.dtype == np.float32
    assert searched.sample(500, np.random.default_rng(0)).rows.dtype == np.float32
    double = searched.double()
    assert double.rows.dtype == np.float64
    X, *_ = data()
    features = double.rows.whole().all_dense()
    expected = (X - X.mean(0)) / X.std(0)
    np.testing.assert_allclose(features[:-1].T, expected, rtol=1e-10, atol=1e-14)


def few():
    return data(2048)


def sparse():
    X, Y, weight = data()
    return sp.csr_array(X), Y, weight


def spread_weights():
    X, Y, weight = data()
    weight[0] = 1e-5
    return X, Y, weight


def extreme_column():
    X, Y, weight = data(4000)
    X[0, 1] = 1e9
    return X, Y, weight


def extreme_target():
    X, Y, weight = data(4000)
    Y[7] = 1e9
    return X, Y, weight


@pytest.mark.parametrize(
    "made", [few, sparse, spread_weights, extreme_column, extreme_target]
)
def test_what_float32_would_lose_stays_in_float64(monkeypatch, made):
    # One outlier of n rows lies √n standard deviations off.
    monkeypatch.setattr(problem_module, "LARGEST_VALUE", 60.0)
    assert problem(*data(4000)).rows.dtype == np.float32
    assert problem(*made()).rows.dtype == np.float64


def test_the_penalty_on_logits_stays_in_float64():
    assert problem(*data(), penalty="logits").rows.dtype == np.float64


def test_a_large_offset_costs_float32_nothing():
    X, Y, weight = data()
    there = problem(X + np.array([0.0, 1e6, -1e4]), Y, weight)
    assert there.rows.dtype == np.float32
    here = problem(X, Y, weight).rows.whole().all_dense()
    np.testing.assert_allclose(there.rows.whole().all_dense(), here, atol=1e-6)


def test_weights_of_zero_do_not_count_as_small():
    X, Y, weight = data(5000)
    weight[::2] = 0
    assert problem(X, Y, weight).rows.dtype == np.float32


def test_divided_units_share_what_their_parent_had(monkeypatch):
    monkeypatch.setattr(problem_module, "SPLIT", 0.0)
    X, Y, weight = data(50)
    there = problem(X, Y, weight)
    narrow, theta = random_network(there, k=3)
    wide = there.network(7, narrow.alpha)
    start = there.split_start(wide, narrow, theta, np.random.default_rng(0))
    A1, _ = wide.layers(start)
    parents, _ = narrow.layers(theta)
    np.testing.assert_array_equal(A1[:, :-1], parents[np.arange(7) % 3, :-1])
    shift = A1[:, -1] - parents[np.arange(7) % 3, -1]
    np.testing.assert_allclose(shift, -np.log(7 / 3))


def test_rounds_are_those_of_the_data():
    given = ArrayData(*data(10))
    given.rounds.n += 3
    assert problem_of(given).rounds == 3


# -- ramps --------------------------------------------------------------------------


def uneven(n=120):
    """Skewed columns, weights, and a column of two values."""
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [rng.normal(size=n), rng.lognormal(size=n), rng.integers(0, 2, n)]
    )
    return X, rng.normal(size=(n, 1)), rng.integers(1, 4, n).astype(float)


def random_network(there, k=3):
    network = there.network(k, (0.03, 0.01))
    return network, np.random.default_rng(5).normal(size=network.n_params)


def predictions(there, network, theta, X):
    """In the units of y, from the layers in the user's units."""
    layers = there.layers(network, theta)
    z = layers.basis.transform(X) @ layers.hidden_coef.T + layers.hidden_intercept
    f = np.exp(z - z.max(axis=1, keepdims=True))
    return f / f.sum(axis=1, keepdims=True) @ layers.output_coef.T


@pytest.mark.parametrize("penalty", ["weights", "logits"])
def test_layers_on_ramps_are_the_network_in_the_users_units(penalty):
    X, Y, weight = uneven()
    there = problem(X, Y, weight, penalty=penalty).with_ramps(3)
    assert there.n_columns == 3 + 4 + 4
    network, theta = random_network(there)
    c = predictions(there, network, theta, X) - Y
    mean = np.average(Y[:, 0], weights=weight)
    scale = np.sqrt(np.average((Y[:, 0] - mean) ** 2, weights=weight))
    half_squares = weight @ (c[:, 0] / scale) ** 2 / (2 * weight.sum())
    found = network.value(theta) - network.penalty(theta)
    np.testing.assert_allclose(found, half_squares, rtol=1e-9)
    again = there.start_from(network, there.layers(network, theta))
    np.testing.assert_allclose(network.value(again), network.value(theta), rtol=1e-9)


@pytest.mark.parametrize("n_inner", [1, 7])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_plain_network_is_one_on_ramps(n_inner, sparse):
    """And one on few ramps is one on more: predictions stay, whatever the basis."""
    X, Y, weight = uneven()
    A = sp.csr_array(X) if sparse else X
    plain = Problem(
        ArrayData(A, Y, weight),
        activation=get_activation("identity"),
        penalty="weights",
        output_weights=None,
        n_threads=1,
        dense_blocks=sparse,
    )
    network, theta = random_network(plain)
    expected = predictions(plain, network, theta, X)
    before = plain
    for n in (n_inner, 2 * n_inner + 1):
        there = plain.with_ramps(n)
        finer = there.network(3, network.alpha)
        moved = there.start_from_other(finer, before, network, theta)
        found = predictions(there, finer, moved, X)
        np.testing.assert_allclose(found, expected, rtol=1e-9)
        # Beyond the data they are the same functions too.
        there_far, before_far = (
            predictions(*args, 5 * X - 3)
            for args in ((there, finer, moved), (before, network, theta))
        )
        np.testing.assert_allclose(there_far, before_far, rtol=1e-9)
        # From here on with weights of ramps.
        network, before = finer, there
        theta = moved + np.random.default_rng(n).normal(size=len(moved))
        expected = predictions(there, network, theta, X)


def test_ramps_of_some_of_the_features():
    X, Y, weight = uneven()
    plain = problem(X, Y, weight)
    fewer = plain.with_features(np.array([1, 2])).with_ramps(3)
    assert [len(knots) for knots in fewer.basis.knots_] == [0, 5, 0]
    assert fewer.n_columns == 6 and fewer.n_features == 2
    np.testing.assert_array_equal(fewer.columns, np.arange(1, 7))
    network, theta = random_network(fewer)
    layers = fewer.layers(network, theta)
    assert layers.hidden_coef.shape == (3, 7)
    assert not layers.hidden_coef[:, 0].any()
    np.testing.assert_array_equal(layers.features_in_use, [1, 2])
    # The same on all rows, on others, and with fewer features.
    for part in (plain.like(fewer), plain.on(np.arange(50)).like(fewer)):
        np.testing.assert_array_equal(part.used, [1, 2])
        assert part.n_columns == 6
        moved = part.start_from_other(
            part.network(3, network.alpha), fewer, network, theta
        )
        found = predictions(part, part.network(3, network.alpha), moved, X)
        expected = predictions(fewer, network, theta, X)
        np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("penalty", ["weights", "logits"])
@pytest.mark.parametrize("log", [False, True])
def test_columns_of_the_other_sign_and_unit_have_equal_networks(penalty, log):
    """A ramp of −x is one minus a ramp of x, whose standardised weight changes sign."""
    X, Y, weight = uneven()
    Y = np.exp(Y)
    factor, shift = np.array([-2.0, 1e3, -1.0]), np.array([5.0, -7.0, 1.0])

    def on_ramps(X):
        there = problem(X, Y, weight, penalty=penalty)
        return (there.on_log_scale() if log else there).with_ramps(3)

    here, there = on_ramps(X), on_ramps(X * factor + shift)
    for a, b, scale, move in zip(
        here.basis.knots_, there.basis.knots_, factor, shift, strict=True
    ):
        np.testing.assert_allclose(np.sort(a * scale + move), b, rtol=1e-12)
    network, theta = random_network(here)
    A1, A2 = network.layers(theta)
    of_first, of_second, of_third, intercept = np.split(A1, [5, 10, 11], axis=1)
    flipped = [-of_first[:, :1], -of_first[:, :0:-1], of_second, -of_third, intercept]
    other = there.network(3, network.alpha)
    moved = other.pack(np.hstack(flipped), A2)
    np.testing.assert_allclose(other.value(moved), network.value(theta), rtol=1e-10)
    scores = [
        Run(part, net, at, net.value(at)).with_posterior().score
        for part, net, at in ((here, network, theta), (there, other, moved))
    ]
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-9)


def test_targets_are_standardised_and_networks_have_the_coordinates_of_the_problem():
    X, Y, weight = data(300)
    made = problem(X, 1e3 * Y + 7, weight, penalty="logits")
    targets = made.rows.targets
    np.testing.assert_allclose(targets.mean(), 0, atol=1e-12)
    np.testing.assert_allclose(targets.std(), 1, rtol=1e-12)
    assert made.whitening is not None
    assert made.network(2, (1e-3, 1e-3)).whitening is made.whitening
    plain = problem(X, Y, weight)
    assert plain.network(2, (1e-3, 1e-3)).whitening is None
