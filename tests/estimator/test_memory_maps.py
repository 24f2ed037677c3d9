"""Memory maps are read block by block, in the fit, the checks and the predictions."""

import json
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._estimator.messages import outlier_messages
from sksoftnewton._estimator.seen import _some_rows
from sksoftnewton._rows.sampling import all_but


def mapped(array, path):
    np.save(path, array)
    return np.load(path, mmap_mode="r")


def friedman(n):
    rng = np.random.default_rng(0)
    X = rng.random((n, 6))
    y = np.sin(np.pi * X[:, 0] * X[:, 1]) + 2 * X[:, 2] + 0.1 * rng.normal(size=n)
    return X, y


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_map_gives_the_results_of_the_array(tmp_path, dtype):
    X, y = friedman(12_000)
    X = X.astype(dtype)
    model = TwoLayerSoftmaxRegressor(random_state=0)
    expected, expected_std = model.fit(X, y).predict(X, return_std=True)
    of_map = mapped(X, tmp_path / "X.npy")
    found, std = model.fit(of_map, mapped(y, tmp_path / "y.npy")).predict(
        of_map, return_std=True
    )
    assert found.dtype == dtype
    assert_array_equal(found, expected)
    assert_array_equal(std, expected_std)


@pytest.mark.parametrize("dtype", ["i2", "u1", "?", "f2", ">f8", ">f4"])
def test_maps_of_other_numbers_are_converted_block_by_block(tmp_path, dtype):
    X, y = friedman(3000)
    X = (10 * X).astype(dtype)
    model = TwoLayerSoftmaxRegressor(4, alpha=1e-3, random_state=0)
    expected = model.fit(X.astype(np.float64), y).predict(X.astype(np.float64))
    of_map = mapped(X, tmp_path / "X.npy")
    found = model.fit(of_map, y).predict(of_map)
    assert found.dtype == np.float64
    assert_allclose(found, expected, rtol=1e-9)


def test_a_view_of_some_columns_and_rows(tmp_path):
    X, y = friedman(6000)
    view = mapped(X, tmp_path / "X.npy")[::2, 1:4]
    model = TwoLayerSoftmaxRegressor(3, alpha=1e-3, random_state=0)
    found = model.fit(view, y[::2]).predict(view)
    X = np.ascontiguousarray(X[::2, 1:4])
    assert_allclose(found, model.fit(X, y[::2]).predict(X), rtol=1e-9)


@pytest.mark.parametrize("bad", [-np.inf, np.inf])
def test_what_is_infinite_is_named_with_its_place(tmp_path, bad):
    X, y = friedman(20_000)
    X[17_123, 4] = bad
    of_map = mapped(X, tmp_path / "X.npy")
    model = TwoLayerSoftmaxRegressor(2, alpha=1e-3, random_state=0)
    with pytest.raises(ValueError, match=r"infinity .* row 17123, column 4"):
        model.fit(of_map, y)
    model.fit(of_map[:17_000], y[:17_000])
    with pytest.raises(ValueError, match=r"infinity .* row 17123, column 4"):
        model.predict(of_map)


# Peak of what the process holds for itself, which pages of the map are not part of.
SCRIPT = """
import json, sys, threading, time
import numpy as np
from sksoftnewton import TwoLayerSoftmaxRegressor

def held():
    lines = open("/proc/self/status").read().splitlines()
    return sum(int(l.split()[1]) for l in lines if l.startswith("RssAnon")) / 1024

X = np.load(sys.argv[1], mmap_mode="r")
y = np.load(sys.argv[2], mmap_mode="r")
kwargs = json.loads(sys.argv[3])
TwoLayerSoftmaxRegressor(2, alpha=1e-3).fit(X[:3000], y[:3000])
before, peak, done = [held(), 0.0], [0.0, 0.0], threading.Event()

def watch():
    while not done.is_set():
        now = phase  # may have changed when the status is read
        peak[now] = max(peak[now], held() - before[now])
        time.sleep(0.01)

phase = 0
threading.Thread(target=watch, daemon=True).start()
model = TwoLayerSoftmaxRegressor(random_state=0, **kwargs).fit(X, y)
before[1] = held()
phase = 1
model.predict(X)
done.set()
print(json.dumps(peak))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(
    ("dtype", "kwargs"),
    [("f4", {"n_hidden": 4, "alpha": 1e-2}), ("i2", {"n_hidden": 2})],
)
def test_memory_beyond_the_map_is_bounded(tmp_path, dtype, kwargs):
    n, d = 600_000, 40  # a copy has 96 MB as float32, 192 MB as float64
    X = np.lib.format.open_memmap(
        tmp_path / "X.npy", mode="w+", dtype=dtype, shape=(n, d)
    )
    rng = np.random.default_rng(0)
    for start in range(0, n, 100_000):
        X[start : start + 100_000] = 1000 * rng.random((100_000, d), dtype=np.float32)
    X.flush()
    y = np.sin(X[:, 0] / 200) + X[:, 1] / 1000 + 0.1 * rng.standard_normal(n)
    np.save(tmp_path / "y.npy", y)
    paths = [str(tmp_path / "X.npy"), str(tmp_path / "y.npy")]
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, *paths, json.dumps(kwargs)]
    fit, predict = json.loads(subprocess.check_output(command))
    assert 5 < fit < 70, fit  # MB: targets and weights, samples, blocks
    assert predict < 20


@pytest.mark.parametrize("weighted", [False, True])
def test_what_is_done_once_to_all_rows_holds_few_numbers_a_row(weighted):
    n = 100_000
    rng = np.random.default_rng(0)
    Y, weight = rng.normal(size=(n, 1)), np.ones(n)
    if weighted:
        weight = rng.uniform(0.5, 2.0, n)
    for function in (
        lambda: outlier_messages(Y, weight),
        lambda: all_but(np.arange(10), n),
        lambda: _some_rows(weight, 100),
    ):
        function()
        tracemalloc.start()
        function()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 45 * n  # bytes: between five and six float64
