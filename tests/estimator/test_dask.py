"""Dask collections: the results of local arrays, lazily where they are predictions."""

import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import dask
import dask.array as da
import dask.bag
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._rows import tasks as tasks_module
from sksoftnewton._rows.chunks import Chunks
from sksoftnewton._rows.facts import BlockFacts

N = 24_000
SIZES = (7000, 1, 4999, 12_000)  # uneven


def data(n=N):
    rng = np.random.default_rng(0)
    X = rng.random((n, 5)) * [1, 10, 0.1, 5, 1]
    y = np.sin(3 * X[:, 0]) + 0.2 * X[:, 1] + 0.1 * rng.normal(size=n)
    return X, y, rng.uniform(0.2, 3, n)


def chunked(array, sizes=SIZES):
    return da.from_array(array, chunks=(sizes, *array.shape[1:]))


def unknown(array):
    """An array whose chunks do not tell their sizes."""
    return array[array.map_blocks(lambda b: b > -np.inf, dtype=bool)[:, 0]]


def csr(X, sizes=SIZES):
    return chunked(X, sizes).map_blocks(sp.csr_array, dtype=X.dtype)


def model(**kwargs):
    defaults = {"n_hidden": 3, "alpha": 1e-3, "random_state": 0}
    return TwoLayerSoftmaxRegressor(**{**defaults, **kwargs})


def auto(**kwargs):
    return TwoLayerSoftmaxRegressor(random_state=0, **kwargs)


def assert_same(found, expected, X):
    assert found.n_hidden_ == expected.n_hidden_
    assert_allclose(found.predict(X), expected.predict(X), rtol=1e-6)
    assert found.history_["n_rows"][-1] == N
    assert (np.diff(found.history_["rounds"]) >= 0).all()
    assert found.history_["rounds"][-1] > 4
    assert not expected.history_["rounds"].any()


def test_uneven_chunks_and_weights():
    X, y, weight = data()
    expected = model().fit(X, y, weight)
    sizes = (10_000, 14_000)
    given = chunked(X), chunked(y, sizes), chunked(weight, (N,))
    assert_same(model().fit(*given), expected, X)
    # Weights matter, and an array is taken as it is beside a Dask collection.
    assert_same(model().fit(chunked(X), y, weight), expected, X)
    other = model().fit(X, y).predict(X)
    assert not np.allclose(other, expected.predict(X), rtol=1e-4)


@pytest.mark.parametrize("least", [0, 8000])
def test_rows_without_weight_are_left_out(least):
    X, y, weight = data(40_000)
    weight[::7] = 0
    weight[least : least + 9000] = 0  # all of a chunk
    sizes = (7000, 1, 4999, 12_000, 16_000)
    given = (chunked(a, sizes) for a in (X, y, weight))
    expected = auto(n_hidden=2).fit(X, y, weight).predict(X)
    # Blocks are those of the rows that are left, wherever chunks began.
    assert_allclose(auto(n_hidden=2).fit(*given).predict(X), expected, rtol=1e-10)


def test_given_ramps_have_the_knots_of_local_rows():
    X, y, _ = data()
    expected = model(basis="ramps").fit(X, y)
    assert expected.basis_.has_ramps
    assert_same(model(basis="ramps").fit(chunked(X), chunked(y)), expected, X)


def test_the_evidence_chooses_everything():
    X, y, weight = data()
    X = np.column_stack([X, np.random.default_rng(1).random(N)])  # and a useless one
    expected = auto().fit(X, y, weight)
    found = auto().fit(chunked(X), chunked(y), chunked(weight))
    assert_same(found, expected, X)
    assert_array_equal(found.support_, expected.support_)
    assert not found.support_.all() and found.n_hidden_ > 1
    assert_allclose(found.log_evidence_, expected.log_evidence_, rtol=1e-10)
    assert_allclose(found.noise_variance_, expected.noise_variance_, rtol=1e-8)


def test_few_rounds_are_left_for_all_rows():
    X, y, _ = data(90_000)
    expected = auto(n_hidden=6).fit(X, y)
    found = auto(n_hidden=6).fit(chunked(X, (30_000,) * 3), chunked(y, (90_000,)))
    assert_allclose(found.predict(X), expected.predict(X), rtol=1e-6)
    assert found.history_["rounds"][-1] <= 60


@pytest.mark.parametrize("sketch", ["leverage", "countsketch"])
def test_sketches_and_two_outputs_in_float32(sketch):
    X, y, weight = data()
    X, Y = X.astype(np.float32), np.column_stack([y, y**2])
    expected = model(sketch=sketch).fit(X, Y, weight)
    found = model(sketch=sketch).fit(chunked(X), chunked(Y), chunked(weight))
    assert found.hidden_coef_.dtype == np.float32
    assert_same(found, expected, X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_chunks(dtype):
    X, y, _ = data()
    X = np.where(np.random.default_rng(2).random(X.shape) < 0.5, X, 0).astype(dtype)
    expected = model().fit(sp.csr_array(X), y)
    found = model().fit(csr(X), chunked(y))
    assert_same(found, expected, X)
    predicted = found.predict(csr(X))
    assert_allclose(predicted.compute(), expected.predict(X), rtol=1e-5)


def test_unknown_chunk_sizes():
    X, y, _ = data()
    given = unknown(chunked(X))
    assert np.isnan(given.shape[0])
    found = model().fit(given, chunked(y))
    assert_same(found, model().fit(X, y), X)
    lazy = found.predict(given)
    assert np.isnan(lazy.shape[0])
    assert_allclose(lazy.compute(), found.predict(X), rtol=1e-12)


def test_frames():
    X, y, weight = data()
    frame = pd.DataFrame(X, columns=list("abcde")).assign(b=lambda f: f.b.round())
    frame["y"], frame["w"] = y, weight
    table = dd.from_pandas(frame, npartitions=3)
    names = list("abcde")
    found = model().fit(table[names], table["y"], table["w"])
    expected = model().fit(frame[names], frame["y"], frame["w"])
    assert_array_equal(found.feature_names_in_, names)
    assert_same(found, expected, frame[names])
    predicted = found.predict(table[names])
    assert isinstance(predicted, da.Array)
    assert_allclose(predicted.compute(), expected.predict(frame[names]), rtol=1e-12)
    with pytest.raises(ValueError, match="feature names should match"):
        found.predict(table[names[::-1]])
    table["large"] = table["a"] > 0.5  # truth values beside numbers
    frame["large"] = frame["a"] > 0.5
    some = ["a", "large"]
    found = model().fit(table[some], list(y)).predict(table[some])
    expected = model().fit(frame[some].astype(float), y).predict(frame[some])
    assert_allclose(found.compute(), expected, rtol=1e-9)
    table["text"] = "x"
    with pytest.raises(ValueError, match="Column 'text' of X has dtype"):
        model().fit(table[["a", "text"]], table["y"])


@pytest.fixture(scope="module")
def raw():
    """A raw table, its targets, and a model that was fitted to it here."""
    rng = np.random.default_rng(0)
    n = 900
    frame = pd.DataFrame(
        {
            "size": np.where(rng.random(n) < 0.2, np.nan, rng.random(n)),
            "place": rng.choice(["north", "south", None], n),
            "kind": pd.Categorical(rng.choice(list("abc"), n)),
            "count": pd.array(rng.integers(0, 9, n), dtype="Int64"),
            "sold": rng.random(n) < 0.5,
        }
    )
    frame.loc[5, "count"] = pd.NA
    y = frame["size"].fillna(2) + (frame["kind"] == "a") + 0.1 * rng.normal(size=n)
    fitted = auto(n_hidden=3, max_iter=30).fit(frame, y)
    assert fitted._table.has_categories
    return frame, y.to_numpy(), fitted


def test_partitions_may_have_gaps_and_categories(raw):
    frame, y, fitted = raw
    table = dd.from_pandas(frame, npartitions=4)
    expected = fitted.predict(frame, return_std=True)
    found = fitted.predict(table, return_std=True)
    for lazy, here in zip(found, expected, strict=True):
        assert isinstance(lazy, da.Array)
        assert_allclose(lazy.compute(), here, rtol=1e-12)
    for method in (fitted.predict_interval, fitted.hidden_activations):
        assert_allclose(method(table).compute(), method(frame), rtol=1e-12)
    weight = np.linspace(0.5, 2, len(y))
    given = table, da.from_array(y, chunks=200), da.from_array(weight, chunks=500)
    assert_allclose(fitted.score(*given), fitted.score(frame, y, weight), rtol=1e-12)
    # Nothing is learned of them: fits to them are refused.
    with pytest.raises(ValueError, match="Column 'place' of X has dtype"):
        model().fit(table, y)


def test_partitions_of_other_columns_are_refused(raw):
    frame, _, fitted = raw
    table = dd.from_pandas(frame.assign(size="large"), npartitions=2)
    with pytest.raises(ValueError, match=r"Column 'size' of X .* it did in fit"):
        fitted.predict(table)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(table[table.columns[::-1]])


def test_chunks_may_have_missing_numbers():
    X, y, _ = data(3000)
    X[::7, 1] = np.nan
    fitted = model().fit(X, y)
    given = chunked(X, (1000, 2000))
    assert_allclose(fitted.predict(given).compute(), fitted.predict(X), rtol=1e-12)
    found = fitted.score(given, chunked(y, (3000,)))
    assert_allclose(found, fitted.score(X, y), rtol=1e-12)
    X[1500, 2] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        fitted.predict(chunked(X, (1000, 2000))).compute()


def test_frames_of_single_precision_are_predicted_so():
    X, y, _ = data(3000)
    frame = pd.DataFrame(X.astype(np.float32), columns=list("abcde"))
    fitted = model().fit(frame, y)
    lazy = fitted.predict(dd.from_pandas(frame, npartitions=2))
    assert lazy.dtype == lazy.compute().dtype == np.float32


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_schedulers_of_this_process(scheduler):
    X, y, _ = data()
    with dask.config.set(scheduler=scheduler, num_workers=2):
        found = model().fit(chunked(X), chunked(y))
    assert_same(found, model().fit(X, y), X)


def test_scheduler_of_processes():
    X, y, _ = data()
    with (
        ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool,
        dask.config.set(scheduler="processes", pool=pool),
    ):
        found = model().fit(chunked(X), chunked(y))
    assert_same(found, model().fit(X, y), X)


def test_chunks_are_read_once_or_for_every_question_if_memory_is_short(monkeypatch):
    X, y, _ = data()
    reads = []

    def read(block):
        reads.append(len(block))
        return block

    given = chunked(X).map_blocks(read, dtype=X.dtype, meta=X[:0])
    kept = model().fit(given, chunked(y))
    assert sorted(reads) == sorted(SIZES)  # once
    monkeypatch.setattr(tasks_module, "memory_of_workers", lambda question: 1e6)
    again = model().fit(given, chunked(y))
    assert_array_equal(kept.predict(X), again.predict(X))
    assert len(reads) > 10 * len(SIZES)


def size_of(answer):
    """Numbers of X in an answer."""
    if isinstance(answer, dict):
        answer = list(answer.values())
    if isinstance(answer, (tuple, list)):
        return sum(size_of(part) for part in answer)
    if isinstance(answer, BlockFacts):
        answer = answer.here
    rows = np.asarray(getattr(answer, "X", answer))
    return rows.size if rows.ndim == 2 and rows.shape[1] == 5 else 0


def test_x_is_never_computed(monkeypatch):
    X, y, _ = data()
    sizes = []

    def spy_on(place, name):
        ask = getattr(place, name)

        def spy(*args, **kwargs):
            answers = ask(*args, **kwargs)
            sizes.append(size_of(answers))
            return answers

        monkeypatch.setattr(place, name, spy)

    spy_on(dask, "compute")
    spy_on(Chunks, "_answered")
    model().fit(chunked(X), chunked(y))
    assert 0 < max(sizes) <= 10_000 * X.shape[1]  # rows of a sample, at most


def test_few_rows_are_taken_here_whatever_the_problem_needs():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 100)), rng.normal(size=60)  # more features than rows
    weight = rng.integers(0, 3, 60).astype(float)
    found = auto().fit(*(chunked(a, (20, 40)) for a in (X, y, weight)))
    expected = auto().fit(X, y, weight)
    assert_array_equal(found.predict(X), expected.predict(X))


def test_predictions_are_lazy_and_in_chunks():
    X, y, _ = data()
    fitted = auto(max_iter=30).fit(X[:3000], y[:3000])
    lazy, std = fitted.predict(chunked(X), return_std=True)
    for found in (lazy, std, fitted.predict(chunked(X))):
        assert isinstance(found, da.Array)
        assert found.chunks == (SIZES,) and found.dtype == np.float64
    expected, expected_std = fitted.predict(X, return_std=True)
    assert_allclose(lazy.compute(), expected, rtol=1e-12)
    assert_allclose(std.compute(), expected_std, rtol=1e-12)
    for method in (fitted.hidden_activations, fitted.transform):
        memberships = method(chunked(X).astype(np.float32))
        assert memberships.chunks == (SIZES, (fitted.n_hidden_,))
        assert memberships.dtype == np.float32
        assert_allclose(memberships.compute(), method(X), atol=1e-5)


def test_predictions_of_several_outputs_and_of_empty_chunks():
    X, y, _ = data(3000)
    fitted = model().fit(X, np.column_stack([y, -y]))
    given = chunked(X, (1000, 2000))
    assert_allclose(fitted.predict(given).compute(), fitted.predict(X), rtol=1e-12)
    nothing = unknown(given)[unknown(given)[:, 0] > 0.9999]
    assert fitted.predict(nothing).compute().shape[1] == 2


def test_score_is_a_reduction():
    X, y, weight = data()
    Y = np.column_stack([y, y**2])
    fitted = model().fit(X, Y)
    given = chunked(X), chunked(Y, (4000, 20_000))
    assert_allclose(fitted.score(*given), fitted.score(X, Y), rtol=1e-12)
    expected = fitted.score(X, Y, weight)
    assert_allclose(fitted.score(*given, chunked(weight)), expected, rtol=1e-12)
    constant = np.ones((N, 1)) * [1, 2]
    assert fitted.score(given[0], chunked(constant)) == fitted.score(X, constant)


def test_warm_start():
    X, y, _ = data()
    warm = model(warm_start=True).fit(X, y)
    loss = warm.loss_
    warm.fit(chunked(X), chunked(y))
    assert warm.loss_ <= loss * (1 + 1e-6) and len(warm.history_["loss"]) < 10


def test_what_needs_all_rows_at_once_says_so():
    X, y, _ = data(500)
    fitted = auto(n_hidden=3, max_iter=30).fit(X, y)
    lazy = chunked(X, (200, 300))
    for ask in (fitted.is_outside, fitted.sample_y, fitted.explain):
        with pytest.raises(TypeError, match=r"pass X\.compute\(\) of few rows"):
            ask(lazy)
    with pytest.raises(ValueError, match="return_cov=True takes no Dask collections"):
        fitted.predict(lazy, return_cov=True)
    with pytest.raises(TypeError, match=r"pass X\.compute\(\)"):
        auto().partial_fit(lazy, y)


# -- what is wrong with the data ---------------------------------------------------


def fit_error(X, y, weight=None, **kwargs):
    with pytest.raises((ValueError, TypeError)) as caught:
        model(**kwargs).fit(X, y, weight)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_bad_entries_are_named_with_row_and_column():
    X, y, weight = data()
    far = X.copy()
    far[20_001, 3] = np.nan
    message = fit_error(chunked(far), chunked(y))
    assert message.startswith("X is nan in row 20001, column 3, but it must be finite;")
    frame = dd.from_pandas(pd.DataFrame(far, columns=list("abcde")), npartitions=4)
    assert "row 20001, column 'd'" in fit_error(frame, chunked(y))
    sparse = np.where(far > 0.2, far, 0)
    sparse[20_001, 3] = np.inf
    assert "X is inf in row 20001, column 3" in fit_error(csr(sparse), chunked(y))
    bad = y.copy()
    bad[23_999] = -np.inf
    assert "y is -inf in row 23999" in fit_error(chunked(X), chunked(bad))
    bad[23_999] = 2
    message = fit_error(
        chunked(X), chunked(np.clip(bad, 0, 2)), output_activation="sigmoid"
    )
    assert "has the range [0, 1], but y[" in message
    weight[12_000] = -1
    message = fit_error(chunked(X), chunked(y), chunked(weight))
    assert "sample_weight is -1.0 in row 12000" in message
    message = fit_error(chunked(X), chunked(y), chunked(np.zeros(N)))
    assert "sample_weight has the sum 0" in message


def lying(X, make):
    """An array whose last chunk is not what it says."""

    def change(block, block_info=None):
        last = block_info[0]["chunk-location"][0] == len(SIZES) - 1
        return make(block) if last else block

    return chunked(X).map_blocks(change, dtype=X.dtype, meta=X[:0])


def test_chunks_of_another_kind_are_named():
    X, y, _ = data()
    where = "Chunk 3 of X (rows 12000 to 23999) has "
    message = fit_error(lying(X, lambda block: block[:, :4]), chunked(y))
    assert message == where + "4 columns, but chunk 0 has 5."
    message = fit_error(lying(X, lambda block: block.astype(str)), chunked(y))
    assert message.startswith(where + "dtype <U")
    single = lying(X.astype(np.float32), lambda block: block.astype(np.float64))
    message = fit_error(single, chunked(y))
    assert message.startswith(where + "dtype float64, which does not fit into the ")


def test_masked_entries_are_missing():
    X, y, _ = data()
    masked = lying(X, lambda block: np.ma.masked_greater(block, 9.99))
    row, column = np.argwhere(X[12_000:] > 9.99)[0] + [12_000, 0]
    message = fit_error(masked, chunked(y))
    assert message.startswith(f"X is nan in row {row}, column {column}, but")
    whole = lying(X, lambda block: np.ma.masked_greater(block, 11))
    expected = model().fit(X, y).predict(X)
    assert_array_equal(model().fit(whole, chunked(y)).predict(X), expected)


def test_other_collections_are_refused():
    X, y, _ = data(100)
    for wrong in (dask.delayed(X), dask.bag.from_sequence(X)):
        assert "but it must be a Dask array or data frame" in fit_error(wrong, y)
        with pytest.raises(TypeError, match="but it must be a Dask array"):
            model().fit(X, y).predict(wrong)
    assert "y is a Delayed" in fit_error(chunked(X, (100,)), dask.delayed(y))


def test_shapes_that_do_not_fit_together():
    X, y, _ = data()
    assert "y has 23999 rows, but X has 24000" in fit_error(
        chunked(X), chunked(y[1:], (N - 1,))
    )
    assert "X has 1 dimensions, but it must have 2" in fit_error(chunked(y), chunked(y))
    assert "but X is not: pass X as one" in fit_error(X, chunked(y))
    fitted = model().fit(X, y)
    with pytest.raises(ValueError, match="X has 4 features, but"):
        fitted.predict(chunked(X[:, :4]))


def test_without_dask_a_collection_names_the_extra():
    code = """
import sys
sys.modules["dask"] = None
import numpy as np
from sksoftnewton import TwoLayerSoftmaxRegressor

class Collection:
    shape, ndim = (5, 2), 2
    def __dask_graph__(self):
        return {}

model = TwoLayerSoftmaxRegressor(2, alpha=1e-3).fit(np.eye(5)[:, :2], np.arange(5.0))
try:
    model.fit(Collection(), np.arange(5.0))
except ImportError as error:
    print(error)
print(*(name for name in sys.modules if name.startswith("dask")))
"""
    lines = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert 'pip install "sksoftnewton[dask]"' in lines[0]
    assert lines[1:] == ["dask"]


def test_intervals_of_logarithms_are_lazy():
    X, y, _ = data()
    fitted = auto(max_iter=30, target_transform="log").fit(X[:500], np.exp(y[:500]))
    lazy = fitted.predict_interval(chunked(X))
    assert isinstance(lazy, da.Array)
    assert_allclose(lazy.compute(), fitted.predict_interval(X), rtol=1e-10)
