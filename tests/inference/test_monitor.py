import pytest
from sklearn.datasets import make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor


def fit(**kwargs):
    X, y = make_friedman1(80, random_state=0)
    model = TwoLayerSoftmaxRegressor(8, alpha=1e-3, n_init=1, random_state=0, **kwargs)
    return model.fit(X, y)


def test_verbose_prints_one_aligned_line_per_iteration(capsys):
    fitted = fit(verbose=True)
    title, header, *lines = capsys.readouterr().out.splitlines()
    assert title == "8 units, alpha 1.00e-03"
    assert header.split()[:3] == ["iteration", "loss", "gradient_norm"]
    assert len(lines) == fitted.n_iter_
    assert {len(line) for line in lines} == {len(header)}
    assert float(lines[-1].split()[1]) == pytest.approx(fitted.loss_)


def test_silent_by_default(capsys):
    fit()
    assert capsys.readouterr() == ("", "")
