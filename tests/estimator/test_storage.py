import pickle

import joblib
import numpy as np
import pytest
import skops.io

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._estimator import storage


def by_pickle(model, path):
    path.write_bytes(pickle.dumps(model))


def by_joblib(model, path):
    joblib.dump(model, path)


def by_skops(model, path):
    skops.io.dump(model, path)


def from_skops(path):
    return skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))


@pytest.mark.parametrize(
    ("store", "load"),
    [
        (by_pickle, lambda path: pickle.loads(path.read_bytes())),
        (by_joblib, joblib.load),
        (by_skops, from_skops),
    ],
)
def test_a_newer_format_is_refused(monkeypatch, tmp_path, store, load):
    X = np.random.default_rng(0).normal(size=(30, 2))
    model = TwoLayerSoftmaxRegressor(2, alpha=0.1, random_state=0).fit(X, X[:, 0])
    store(model, tmp_path / "model")
    loaded = load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert vars(loaded).keys() == vars(model).keys()
    with monkeypatch.context() as newer:
        newer.setattr(storage, "FORMAT", storage.FORMAT + 1)
        store(model, tmp_path / "newer")
    with pytest.raises(ValueError, match=r"stored in format 2 by a newer version"):
        load(tmp_path / "newer")
