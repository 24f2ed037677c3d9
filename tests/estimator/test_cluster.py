"""A real cluster of processes on this machine: workers, faults, joblib."""

import os
import signal
import threading
import time
from functools import partial

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._rows.chunks import Chunks
from sksoftnewton._rows.data import Rounds
from sksoftnewton._rows.sums import Total
from sksoftnewton._rows.tasks import Tasks
from tests.estimator.callbacks import Callback

# What its processes leave behind when they are killed is not this package's.
pytestmark = pytest.mark.filterwarnings("default")

N, CHUNK = 60_000, 9000


def data():
    rng = np.random.default_rng(0)
    X = rng.random((N, 5))
    y = np.sin(3 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * rng.normal(size=N)
    return X, y


def model(**kwargs):
    defaults = {"n_hidden": 6, "alpha": 1e-4, "random_state": 0}
    return TwoLayerSoftmaxRegressor(**{**defaults, **kwargs})


def collections():
    """X and y made on the workers, slowly enough for a fit to be interrupted."""
    X, y = data()

    def slow(block):
        time.sleep(0.02)
        return block

    dX = da.from_array(X, chunks=(CHUNK, 5)).map_blocks(slow, dtype=X.dtype, meta=X[:0])
    return dX, da.from_array(y, chunks=CHUNK)


@pytest.fixture(scope="module")
def expected():
    return model().fit(*data())


@pytest.fixture(scope="module")
def cluster():
    settings = {"distributed.comm.timeouts.connect": "10s"}
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
    ):
        yield cluster


@pytest.fixture
def client(cluster):
    with Client(cluster) as client:
        client.wait_for_workers(3, timeout=30)
        yield client


class AfterIterations(Callback):
    """A callback that does something once, after so many iterations."""

    def __init__(self, number, action):
        self.left, self.action = number, action

    def on_fit_task_end(self, estimator, context):
        self.left -= context.task_name == "iteration"
        if self.left == 0:
            self.action()


@pytest.mark.parametrize("n_workers", [1, 2, 3])
def test_the_number_of_workers_changes_nothing(client, expected, n_workers):
    addresses = sorted(client.scheduler_info()["workers"])[:n_workers]
    with dask.annotate(workers=addresses):
        found = model().fit(*collections())
    X, _ = data()
    assert_allclose(found.predict(X), expected.predict(X), rtol=1e-6)


def test_a_worker_is_asked_once_about_all_its_chunks(client):
    objects = Tasks({}, [])
    objects.keys = [objects.added(partial(np.full, 1, i)) for i in range(8)]
    chunks = Chunks(objects, np.arange(9), Rounds(), kept=True)
    asked, answered = [], chunks._answered
    chunks._answered = lambda *given: asked.append(given[0].keys) or answered(*given)
    assert [int(x[0]) for x in chunks.answers(np.square)] == [i**2 for i in range(8)]
    shifts = {6: (1,), 1: (2,)}
    assert [int(x[0]) for x in chunks.answers_of(np.add, shifts)] == [7, 3]
    assert chunks.total(lambda values: Total.of([(values.sum(),)])).value == 28
    most, few, terms = map(len, asked)
    assert most == terms == len(chunks._groups) <= 3
    assert few <= 2
    assert chunks.rounds.n == 3
    read_anew = Chunks(objects, np.arange(9), Rounds(), kept=False)
    assert len(read_anew._groups) == 8  # together they might not fit into memory


def test_a_killed_worker_changes_nothing(client, expected):
    killed = []

    def kill():
        workers = client.scheduler_info()["workers"]
        address = max(workers, key=lambda a: workers[a]["metrics"]["memory"])
        (pid,) = client.run(os.getpid, workers=[address]).values()
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)

    on_all_rows = expected.history_["n_rows"] == N
    assert on_all_rows.sum() > 1
    fitted = model()
    fitted.set_callbacks(AfterIterations(1 + int(np.argmax(on_all_rows)), kill))
    fitted.fit(*collections())
    assert killed
    X, _ = data()
    assert_array_equal(fitted.predict(X), expected.predict(X))


def test_a_bad_entry_in_a_far_chunk_is_reported_with_its_place(client):
    dX, dy = collections()

    def spoil(block, block_info=None):
        if block_info[0]["chunk-location"][0] == 6:
            block = block.copy()
            block[4321, 2] = np.nan
        return block

    bad = dX.map_blocks(spoil, dtype=float, meta=np.empty((0, 0)))
    row = 6 * CHUNK + 4321
    with pytest.raises(ValueError, match=f"X is nan in row {row}, column 2, but"):
        model().fit(bad, dy)


def test_a_worker_that_cannot_read_its_block_says_so(client):
    dX, dy = collections()

    def fail(block):
        raise OSError("disk on fire")

    broken = dX.map_blocks(fail, dtype=float, meta=np.empty((0, 0)))
    with pytest.raises(OSError, match="disk on fire"):
        model().fit(broken, dy)


def test_joblib_backend(client):
    X, y = data()
    grid = {"n_hidden": [1, 4], "output_activation": ["identity"]}
    search = GridSearchCV(model(), grid, cv=2)
    with parallel_config(backend="dask", n_jobs=2):
        search.fit(X[:3000], y[:3000])
    assert search.best_params_["n_hidden"] == 4
    local = GridSearchCV(model(), grid, cv=2).fit(X[:3000], y[:3000])
    scores = "mean_test_score"
    assert_allclose(search.cv_results_[scores], local.cv_results_[scores], rtol=1e-6)


def test_a_client_that_is_closed_ends_the_fit_promptly(cluster):
    """The last test: nobody else uses this client."""
    client = Client(cluster)
    closed = []

    def close():
        closed.append(time.perf_counter())
        client.close()

    fitted = model(max_iter=1000, tol=0, n_init=1, sketch="uniform")
    fitted.set_callbacks(
        AfterIterations(12, lambda: threading.Thread(target=close).start())
    )
    with pytest.raises(Exception, match=r"client was closed|ancelled"):
        fitted.fit(*collections())
    assert closed and time.perf_counter() - closed[0] < 10
    assert not hasattr(fitted, "hidden_coef_")
