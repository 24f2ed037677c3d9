import subprocess
import sys

import numpy as np
import pytest

from sksoftnewton._cli import main as cli
from sksoftnewton._cli.table import TableError, read_table

ROWS = 40


def write(path, header, columns):
    lines = [",".join(header)]
    lines += [",".join(map(str, row)) for row in zip(*columns, strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    size, colour = rng.normal(size=ROWS), rng.choice(["red", "blue"], ROWS)
    price = 3 * size + (colour == "red") + 0.1 * rng.normal(size=ROWS)
    return write(tmp_path / "t.csv", ["size", "colour", "price"], [size, colour, price])


def test_demo_compares_four_models_on_two_data_sets(capsys):
    assert cli.main([]) == 0
    out = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("  TwoLayerSoftmaxRegressor") for line in out) == 2
    assert sum(line.startswith("  MLPRegressor") for line in out) == 2
    rows = [line for line in out if line.startswith("  ")]
    assert {len(line) for line in rows} == {len(rows[0])}
    assert out[-2].startswith("Next:") and out[-1].startswith("or:")


def test_csv_with_categories_is_compared_and_saved(table, tmp_path, capsys):
    path = str(tmp_path / "model.skops")
    assert cli.main([table, "--target", "price", "--save", path]) == 0
    out = capsys.readouterr().out
    assert f"{ROWS} rows, 2 features" in out and "Saved the fitted pipeline" in out
    score = float(out.split("TwoLayerSoftmaxRegressor")[1].split()[0])
    assert score > 0.9

    import skops.io

    untrusted = skops.io.get_untrusted_types(file=path)
    assert all(name.startswith("sksoftnewton.") for name in untrusted)
    pipeline = skops.io.load(path, trusted=untrusted)
    data = read_table(table, "price")
    assert pipeline.score(data.X, data.y) > 0.95


def test_semicolons_and_byte_order_mark(tmp_path):
    path = tmp_path / "t.csv"
    lines = ["\ufeffx;y"] + [f"{i};{2 * i}" for i in range(12)]
    path.write_text("\r\n".join(lines), encoding="utf-8")
    table = read_table(str(path), "y")
    np.testing.assert_array_equal(table.X[:, 0], np.arange(12))
    np.testing.assert_array_equal(table.y, 2 * np.arange(12))


NUMBERS = [list(range(ROWS)), list(range(ROWS))]


@pytest.mark.parametrize(
    ("header", "columns", "target", "message"),
    [
        (["a", "b"], NUMBERS, "c", "no column 'c'; its columns are a, b"),
        (["a", "b"], [NUMBERS[0], ["x"] * ROWS], "b", "target 'b' is text"),
        (["a", "b"], [[1, ""] * (ROWS // 2), NUMBERS[0]], "b", "column 'a'.* in row 3"),
        (
            ["a", "b"],
            [NUMBERS[0], [1, "NaN"] * (ROWS // 2)],
            "b",
            "column 'b' .*20 mis",
        ),
        (["a", "a"], NUMBERS, "a", "two columns 'a'"),
        (["a"], NUMBERS[:1], "a", "no column besides the target"),
        (["a", "b"], [[1, 2], [3, 4]], "b", "has 2 rows"),
        (["a", "b", "c"], NUMBERS, "b", "row 2 .* has 2 fields, the header 3"),
    ],
)
def test_faults_of_the_file_are_named(tmp_path, header, columns, target, message):
    path = write(tmp_path / "bad.csv", header, columns)
    with pytest.raises(TableError, match=message):
        read_table(path, target)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.csv", "--target", "y"], "cannot read missing.csv"),
        (["missing.csv"], "needs --target"),
        (["--target", "y"], "need a CSV file"),
    ],
)
def test_errors_are_one_line_with_exit_code_2(arguments, message):
    done = subprocess.run(
        [sys.executable, "-m", "sksoftnewton", *arguments],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert message in done.stderr and done.stderr.count("\n") == 1


def test_binary_and_empty_files(tmp_path):
    binary = tmp_path / "b.csv"
    binary.write_bytes(bytes(range(128, 256)))
    with pytest.raises(TableError, match="not a text file"):
        read_table(str(binary), "y")
    empty = tmp_path / "e.csv"
    empty.write_text("")
    with pytest.raises(TableError, match="no header"):
        read_table(str(empty), "y")


def test_saving_without_skops_or_to_a_bad_path(table, monkeypatch, capsys):
    assert cli.main([table, "--target", "price", "--save", "/nowhere/m.skops"]) == 2
    assert "cannot write /nowhere/m.skops" in capsys.readouterr().err
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    assert cli.main([table, "--target", "price", "--save", "m.skops"]) == 2
    assert "pip install skops" in capsys.readouterr().err


def test_help(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    assert stop.value.code == 0
    assert "--target COLUMN" in capsys.readouterr().out


def test_import_of_the_package_does_not_load_the_command_line():
    code = "import sys, sksoftnewton; print('sksoftnewton._cli' in sys.modules)"
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, check=False, capture_output=True, text=True)
    assert out.stdout == "False\n", out.stderr
