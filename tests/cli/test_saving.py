"""A file is complete, or it is the one that was there before."""

import pytest

from sksoftnewton._cli.reading import InputError
from sksoftnewton._cli.saving import replacing


def fail_half_way(path, error):
    with replacing(str(path)) as name, open(name, "w") as file:
        file.write("half")
        raise error


@pytest.mark.parametrize(
    ("error", "caught"),
    [(OSError(28, "No space left"), InputError), (KeyboardInterrupt(), BaseException)],
)
def test_a_file_that_fails_half_way_leaves_the_old_one(tmp_path, error, caught):
    path = tmp_path / "m.skops"
    path.write_text("old")
    with pytest.raises(caught):
        fail_half_way(path, error)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_complete_file_replaces_the_old_one(tmp_path):
    path = tmp_path / "m.skops"
    path.write_text("old")
    with replacing(str(path)) as name, open(name, "w") as file:
        file.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
