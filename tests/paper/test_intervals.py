"""Interval bounds of h and φ: never below the exact values, and nearly tight."""

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from sksoftnewton._activations import ACTIVATION_NAMES, get_activation
from sksoftnewton._paper import intervals
from sksoftnewton._paper.intervals import derivative_range, output_derivatives
from tests.references_mpmath import ACTIVATIONS
from tests.references_paper import SMOOTH


@pytest.mark.parametrize("h", SMOOTH)
def test_output_derivatives_bound_phi_and_are_nearly_tight(h):
    rng = np.random.default_rng(0)
    activation = get_activation(h)
    lower = rng.uniform(-3, 2, 30)
    upper = lower + rng.uniform(0.01, 3, 30)
    b = rng.standard_normal(30)
    bounds = output_derivatives(activation, b, lower, upper)
    u = lower + np.linspace(0, 1, 2001)[:, None] * (upper - lower)
    c, h1, h2, h3 = (
        activation.value(u) - b,
        activation.d1(u),
        activation.d2(u),
        activation.d3(u),
    )
    exact = (
        (bounds.first, np.abs(h1 * c)),
        (bounds.second, np.abs(h1**2 + c * h2)),
        (bounds.third, np.abs(3 * h1 * h2 + c * h3)),
        (bounds.concavity, np.maximum(-(h1**2) - c * h2, 0)),
    )
    for bound, values in exact:
        largest = values.max(axis=0)
        assert (bound >= largest * (1 - 1e-12)).all()
        assert_allclose(bound, largest, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("h", SMOOTH)
def test_blocks_of_outputs_are_bounded_alike(h, monkeypatch):
    rng = np.random.default_rng(1)
    lower, b = rng.uniform(-3, 2, 30), rng.standard_normal(30)
    whole = output_derivatives(get_activation(h), b, lower, lower + 1)
    monkeypatch.setattr(intervals, "MOST_OUTPUTS", 7)
    blocks = output_derivatives(get_activation(h), b, lower, lower + 1)
    for name, bound in vars(whole).items():
        assert np.array_equal(bound, getattr(blocks, name))


@pytest.mark.parametrize("h", ACTIVATION_NAMES)
def test_ranges_contain_what_60_digits_say(h):
    """At points, where nothing but rounding is between the ends."""
    rng = np.random.default_rng(2)
    u = np.concatenate([rng.uniform(-3, 3, 50), rng.uniform(-40, 40, 50)])
    for order in range(3):
        lower, upper = derivative_range(get_activation(h), order, u, u)
        exact = [ACTIVATIONS[h](mp.mpf(v))[order] for v in u.tolist()]
        inside = [a <= e <= b for a, e, b in zip(lower, exact, upper, strict=True)]
        assert all(inside)
        assert (upper - lower <= 1e-13 * (1 + np.abs(upper))).all()


def test_bounds_at_a_point_are_rounded_up():
    """For h = id, φ' = u − b exactly."""
    rng = np.random.default_rng(3)
    u, b = rng.standard_normal((2, 200)) * 10.0 ** rng.uniform(-5, 5, (2, 200))
    bounds = output_derivatives(get_activation("identity"), b, u, u)
    exact = [
        abs(mp.mpf(p) - mp.mpf(q)) for p, q in zip(u.tolist(), b.tolist(), strict=True)
    ]
    assert all(e <= bound for e, bound in zip(exact, bounds.first, strict=True))
    assert_allclose(bounds.first, np.abs(u - b), rtol=1e-14)
