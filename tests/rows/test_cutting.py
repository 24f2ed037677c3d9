from itertools import pairwise

import dask
import numpy as np
import pytest

from sksoftnewton._rows.cutting import chunk_bounds, pieces
from sksoftnewton._rows.tasks import Tasks


@pytest.mark.parametrize(
    ("edges", "bounds"),
    [
        ([0, 100], [0, 100]),
        ([0, 9000, 20_000, 30_000], [0, 8192, 16_384, 30_000]),
        ([0, 1000, 2000, 3000], [0, 3000]),  # small blocks are joined
        ([0, 0, 16_000, 16_000, 20_000], [0, 16_384, 20_000]),
    ],
)
def test_chunks_end_at_multiples_near_the_blocks(edges, bounds):
    found = chunk_bounds(np.array(edges), 8192)
    assert found.tolist() == bounds


def test_pieces_make_up_exactly_the_rows():
    array = np.arange(50)
    edges = np.array([0, 7, 7, 20, 50])
    graph = {
        f"block {i}": array[slice(*ends)] for i, ends in enumerate(pairwise(edges))
    }
    keys = list(graph)
    for start, stop in [(0, 50), (0, 7), (6, 8), (7, 20), (19, 50), (30, 31)]:
        tasks = Tasks(dict(graph), keys)
        tasks.keys = pieces(tasks, keys, edges, start, stop)
        (found,) = dask.compute(tasks)
        np.testing.assert_array_equal(np.concatenate(found), array[start:stop])
    assert pieces(tasks, keys, edges, 7, 20) == [keys[2]]  # as it is
