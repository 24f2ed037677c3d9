"""The evidence display draws what the networks are compared by."""

import numpy as np
import pytest
from sklearn.datasets import make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._inference.candidates import DECISIVE
from sksoftnewton.plotting import EvidenceDisplay
from tests.plotting.cases import X, Y, entries, points


@pytest.fixture(scope="module")
def searched():
    """A model that left features out, and gave starts up on a sample."""
    data = make_friedman1(5000, noise=1.0, random_state=0)
    plain = {"basis": "linear", "target_transform": "identity"}
    fit = TwoLayerSoftmaxRegressor(random_state=0, **plain).fit(*data)
    assert fit.support_.sum() == 5
    assert len(np.unique(fit.width_path_["n_rows"])) > 1
    return fit


def test_evidence_draws_what_can_be_compared(searched):
    display = EvidenceDisplay.from_estimator(searched)
    path = searched.width_path_
    score = path["log_evidence"] + path["log_prior"]
    chosen = display.chosen
    assert path["n_hidden"][chosen] == searched.n_hidden_
    assert path["n_features"][chosen] == 5
    same = path["n_rows"] == 4000
    np.testing.assert_allclose(
        display.candidates_.get_offsets(),
        np.column_stack([path["n_hidden"], score - score[chosen]])[same],
    )
    # Crosses stand near their width, and side by side.
    crosses = np.asarray(display.rejected_.get_offsets())
    np.testing.assert_array_equal(
        2 ** np.round(np.log2(crosses[:, 0])), path["n_hidden"][~same]
    )
    assert len(np.unique(crosses[:, 0])) == len(crosses)
    assert "4,000 rows" in display.ax_[0].get_ylabel()


def test_evidence_joins_the_best_of_each_width(searched):
    display = EvidenceDisplay.from_estimator(searched)
    path = searched.width_path_
    score = path["log_evidence"] + path["log_prior"]
    for n_features, line, dof in zip(
        (10, 5), display.kept_, display.effective_dof_, strict=True
    ):
        widths, differences = points(line)
        assert line.get_label() == f"best with {n_features} features"
        assert np.all(np.diff(widths) > 0)
        among = (path["n_columns"] == n_features) & (path["n_rows"] == 4000)
        among &= path["kept"]
        for width, difference, effective in zip(
            widths, differences, points(dof)[1], strict=True
        ):
            here = np.flatnonzero(among & (path["n_hidden"] == width))
            best = here[np.argmax(score[here])]
            assert difference == pytest.approx(score[best] - score[display.chosen])
            assert effective == path["effective_dof"][best]
    styles = {(line.get_color(), line.get_marker()) for line in display.kept_}
    assert len(styles) == 2
    n_params = points(display.n_params_)
    np.testing.assert_array_equal(n_params[1], n_params[0] * (5 + 1 + 1))


def test_evidence_marks_the_chosen_width(searched):
    upper, lower = EvidenceDisplay.from_estimator(searched).chosen_
    np.testing.assert_array_equal(points(upper).ravel(), [searched.n_hidden_, 0])
    assert points(lower)[1] == pytest.approx(searched.effective_dof_, rel=0.1)


def test_evidence_of_one_candidate_and_all_features():
    fit = TwoLayerSoftmaxRegressor(n_hidden=2, alpha=1e-3, random_state=0).fit(X, Y)
    display = EvidenceDisplay.from_estimator(fit)
    assert len(display.kept_) == 1
    assert display.rejected_ is None
    assert list(display.difference) == [0.0]
    assert display.text_.get_text().startswith("nothing was chosen")
    for panel in display.ax_:
        assert "the only one" in entries(panel.get_legend())
    low, high = display.ax_[0].get_ylim()
    assert low <= -DECISIVE and high >= DECISIVE


def test_evidence_of_a_model_without_any():
    fit = TwoLayerSoftmaxRegressor(n_hidden=2, alpha=0, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match=r"no evidence .* positive alpha"):
        EvidenceDisplay.from_estimator(fit)


def test_evidence_legends_begin_with_what_was_chosen(searched):
    display = EvidenceDisplay.from_estimator(searched)
    assert display.text_ is None
    assert entries(display.ax_[0].get_legend()) == [
        "chosen",
        "best with 5 features",
        "best with 10 features",
        "other starts and sets of features",
        "given up on a sample",
    ]
    assert entries(display.ax_[1].get_legend()) == [
        "chosen",
        "best with 5 features",
        "best with 10 features",
        "all parameters with 5 features",
    ]
