import dask
import dask.array as da
import numpy as np
import pytest

from sksoftnewton._rows.tasks import Tasks, room_for


@pytest.mark.parametrize("shape", [(7,), (7, 2)])
def test_blocks_of_an_array(shape):
    array = np.arange(np.prod(shape)).reshape(shape)
    tasks = Tasks.of(da.from_array(array + 1, chunks=(3, *shape[1:])) - 1)
    (blocks,) = dask.compute(tasks)
    assert [len(block) for block in blocks] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(blocks), array)


def test_what_is_persisted_is_made_once_and_can_be_asked_about():
    made = []

    def make():
        made.append(1)
        return np.arange(4)

    tasks = Tasks({}, [])
    tasks.keys = [tasks.added(make)]
    kept = tasks.persisted()
    assert kept.keys == tasks.keys and len(made) == 1
    question = kept.copy()
    question.keys = [question.added(np.sum, kept.keys[0])]
    assert dask.compute(question) == ([6],)
    assert str(question.keys[0]).startswith("sum-")
    assert len(made) == 1 and len(kept.graph) == 1  # nothing was added to it


def test_room_is_for_copies_in_both_precisions(monkeypatch):
    name = "sksoftnewton._rows.tasks.memory_of_workers"
    monkeypatch.setattr(name, lambda tasks: 800.0)
    tasks = Tasks({}, [])
    assert room_for(tasks, 100, np.dtype(np.float32))
    assert not room_for(tasks, 101, np.dtype(np.float32))
    assert room_for(tasks, 200, np.dtype(np.float64))
    assert not room_for(tasks, np.nan, np.dtype(np.float64))  # of unknown size
