"""The diagnostics display compares targets with what was predicted of them."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import norm

from sksoftnewton.plotting import DiagnosticsDisplay
from sksoftnewton.plotting._diagnostics import LEVELS
from tests.plotting.cases import X, Y, make_data, points


@pytest.fixture
def display(model):
    return DiagnosticsDisplay.from_estimator(model, X, Y)


def test_residuals_against_predictions(display, model):
    mean = model.predict(X)
    np.testing.assert_allclose(points(display.residuals_), [mean, Y - mean])


def test_panels_have_axes_of_their_own(display):
    assert display.ax_[2].get_xlim() == (0, 1)
    assert display.ax_[0].get_xlim()[0] < display.prediction.min()
    assert display.ax_[0].get_xlim()[1] > display.prediction.max()


def test_quantiles_of_standardised_residuals(display, model):
    mean, std = model.predict(X, return_std=True)
    theoretical, found = points(display.quantiles_)
    np.testing.assert_allclose(found, np.sort((Y - mean) / std))
    np.testing.assert_allclose(
        norm.cdf(theoretical), (np.arange(len(Y)) + 0.5) / len(Y), rtol=1e-6
    )


def test_coverage_is_counted(display, model):
    levels, coverage = points(display.coverage_)
    np.testing.assert_array_equal(levels, LEVELS)
    for level, part in zip(levels, coverage, strict=True):
        lower, upper = model.predict_interval(X, level).T
        assert part == np.mean((lower <= Y) & (upper >= Y))


def test_coverage_on_new_rows_is_within_the_band(model):
    X_new, y_new = make_data(n=4000, seed=1)
    display = DiagnosticsDisplay.from_estimator(model, X_new, y_new)
    assert np.abs(display.coverage - LEVELS).max() < 0.1
    band = display.ax_[2].collections[0].get_paths()[0].vertices
    half = 2 * np.sqrt(0.25 / 4000)
    for end in (0.5 - half, 0.5 + half):
        assert np.isclose(band, (0.5, end)).all(axis=1).any()


def test_of_sparse_rows_and_of_one_output(display, model, two_outputs):
    sparse = DiagnosticsDisplay.from_estimator(model, csr_array(X), Y)
    np.testing.assert_allclose(sparse.residual, display.residual, atol=1e-10)
    targets = np.column_stack([Y, -10 * Y])
    second = DiagnosticsDisplay.from_estimator(two_outputs, X, targets, output=1)
    mean, std = two_outputs.predict(X, return_std=True)
    np.testing.assert_allclose(second.residual, -10 * Y - mean[:, 1])
    standardised = (-10 * Y - mean[:, 1]) / std[:, 1]
    np.testing.assert_allclose(second.standardised, standardised)


def test_of_targets_that_do_not_fit(model):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        DiagnosticsDisplay.from_estimator(model, X, Y[:-1])
    with pytest.raises(ValueError, match=r"y has shape \(200, 2\).* 1 output\."):
        DiagnosticsDisplay.from_estimator(model, X, np.column_stack([Y, Y]))


def test_of_a_model_of_logarithms(logarithmic):
    targets = np.exp(Y)
    display = DiagnosticsDisplay.from_estimator(logarithmic, X, targets)
    np.testing.assert_allclose(
        points(display.residuals_)[1], targets - logarithmic.predict(X)
    )
    for level, part in zip(LEVELS[::20], display.coverage[::20], strict=True):
        lower, upper = logarithmic.predict_interval(X, level).T
        assert part == pytest.approx(np.mean((lower < targets) & (targets < upper)))
    # The noise of the logarithms is normal.
    assert np.std(display.standardised) == pytest.approx(1, abs=0.1)
