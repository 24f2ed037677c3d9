"""Progress without a terminal."""

import time

from sksoftnewton._cli import terminal


def test_lines_say_what_is_left(capsys, monkeypatch):
    monkeypatch.setattr(terminal, "SECONDS_BETWEEN_LINES", 0.01)
    for _ in terminal.tracked(range(4), 4, "ridge"):
        time.sleep(0.5)
    errors = capsys.readouterr().err.splitlines()
    assert [line.partition(", ")[0] for line in errors] == [
        f"  ridge: {done} of 4 folds" for done in (1, 2, 3)
    ]
    assert errors[0].endswith("about 2 s left")


def test_quick_work_needs_no_lines(capsys):
    assert list(terminal.tracked(range(4), 4, "ridge")) == [0, 1, 2, 3]
    assert capsys.readouterr().err == ""
