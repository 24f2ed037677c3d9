import threading

import pytest
import sklearn.linear_model  # noqa: F401 (it brings an OpenMP library)
from threadpoolctl import ThreadpoolController, threadpool_limits

from sksoftnewton._rows.threads import single_threaded_blas


@pytest.fixture
def two_threads():
    """BLAS with two threads, whatever the environment of the tests asks for."""
    with threadpool_limits(limits=2, user_api="blas"):
        yield


def blas_threads():
    blas = ThreadpoolController().select(user_api="blas")
    return {pool["num_threads"] for pool in blas.info()}


@pytest.mark.usefixtures("two_threads")
def test_the_limit_ends_with_its_context():
    with single_threaded_blas():
        assert blas_threads() == {1}
    assert blas_threads() == {2}
    with pytest.raises(ZeroDivisionError), single_threaded_blas():
        _ = 1 / 0
    assert blas_threads() == {2}


def test_openmp_gets_one_thread_too():
    # A convex fit of scikit-learn's with a hundred rows takes ten times as long with
    # two threads where other processes are busy.
    def threads():
        openmp = ThreadpoolController().select(user_api="openmp")
        return {pool["num_threads"] for pool in openmp.info()}

    with threadpool_limits(limits=2, user_api="openmp"):
        with single_threaded_blas():
            assert threads() == {1}
        assert threads() == {2}


@pytest.mark.usefixtures("two_threads")
def test_overlapping_limits_leave_nothing_behind():
    # The second context begins within the first and ends after it.
    second_began, first_ended = threading.Event(), threading.Event()
    inside = []

    def second():
        with single_threaded_blas():
            second_began.set()
            first_ended.wait(10)
            inside.append(blas_threads())

    thread = threading.Thread(target=second)
    with single_threaded_blas():
        thread.start()
        assert second_began.wait(10)
    first_ended.set()
    thread.join()
    assert inside == [{1}]
    assert blas_threads() == {2}
