from itertools import pairwise

import dask
import numpy as np
import pytest

from sksoftnewton._rows.chunks import chunk_bounds, pieces


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
    blocks = [dask.delayed(array[i:j]) for i, j in pairwise(edges)]
    for start, stop in [(0, 50), (0, 7), (6, 8), (7, 20), (19, 50), (30, 31)]:
        found = dask.compute(*pieces(blocks, edges, start, stop))
        np.testing.assert_array_equal(np.concatenate(found), array[start:stop])
    assert next(pieces(blocks, edges, 7, 20)) is blocks[2]  # as it is
