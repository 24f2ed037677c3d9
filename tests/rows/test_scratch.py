import threading

import numpy as np

from sksoftnewton._rows.scratch import Scratch


def test_memory_is_kept_and_grows():
    scratch = Scratch(np.float32)
    first = scratch("a", 2, 3)
    assert first.shape == (2, 3)
    assert first.dtype == np.float32
    assert np.shares_memory(first, scratch("a", 3, 2))
    assert not np.shares_memory(first, scratch("b", 2, 3))
    assert scratch("a", 4, 5).shape == (4, 5)


def test_threads_have_memory_of_their_own():
    scratch, others = Scratch(np.float64), []
    mine = scratch("a", 4)
    thread = threading.Thread(target=lambda: others.append(scratch("a", 4)))
    thread.start()
    thread.join()
    assert not np.shares_memory(mine, others[0])
