from sklearn.datasets import make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._inference import starts


def auto(**kwargs):
    return TwoLayerSoftmaxRegressor(**{"random_state": 0, **kwargs})


def test_wide_starts_of_large_problems_are_grown(capsys):
    X, y = make_friedman1(6000, noise=1.0, random_state=0)
    model = auto(n_hidden=20, alpha=1e-3, verbose=2).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    titles = [line for line in lines if "units, alpha" in line]
    widths = [int(title.split()[0]) for title in titles]
    assert widths == sorted(widths) and set(widths) == {8, 16, 20}
    assert model.width_path_["start"] == ["grown"]
    small = auto(n_hidden=20, alpha=1e-3).fit(X[:500], y[:500])
    assert small.width_path_["start"] == ["random"]


def test_samples_grow(monkeypatch):
    monkeypatch.setattr(starts, "GROWTH", 2)
    X, y = make_friedman1(6000, noise=1.0, random_state=0)
    n_rows = auto(n_hidden=8, alpha=1e-4).fit(X, y).history_["n_rows"]
    assert list(dict.fromkeys(n_rows)) == [960, 1920, 6000]
