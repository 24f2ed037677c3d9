"""The command line as a process: what is said, what is written, how it ends."""

import os
import pty
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import skops.io

from tests.cli.conftest import ROWS, make_frame, process_environment

QUICK = ("--target", "price", "--models", "ridge")


def said(done):
    """The one line of an error."""
    message = done.stderr.decode()
    assert done.returncode == 2 and message.count("\n") == 1, message
    return message


def line_of(done, name):
    """The line of the table of columns, or of models, that begins with a name."""
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode().splitlines()
    return next(line for line in lines if line.split()[:1] == [name])


def load(path):
    untrusted = skops.io.get_untrusted_types(file=path)
    return skops.io.load(path, trusted=untrusted)


# -- nothing is lost ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("old.skops", "old.skops exists; --force replaces it"),
        ("model.pkl", "model.pkl has to end in .skops"),
        ("nowhere/m.skops", "there is no folder nowhere"),
        ("folder.skops", "folder.skops is a folder"),
    ],
)
def test_a_bad_place_is_refused_before_any_work(run, tmp_path, name, message):
    (tmp_path / "old.skops").write_text("old")
    (tmp_path / "folder.skops").mkdir()
    # Even before the file is looked for, which is absent.
    assert message in said(run("absent.csv", *QUICK, "--save", name))
    assert (tmp_path / "old.skops").read_text() == "old"


def test_the_data_are_never_replaced(run, table, tmp_path):
    data = tmp_path / "data.skops"
    data.write_bytes(table.read_bytes())
    done = run(data.name, *QUICK, "--save", f"../{tmp_path.name}/data.skops", "--force")
    assert "would replace a file that is read" in said(done)
    assert data.read_bytes() == table.read_bytes()


def test_force_replaces_a_model(run, table, tmp_path):
    (tmp_path / "m.skops").write_text("old")
    done = run(table, *QUICK, "--save", "m.skops", "--force")
    assert done.stdout.decode().endswith("Saved the fitted pipeline to m.skops\n")
    assert load(tmp_path / "m.skops")
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv", "m.skops"}


@pytest.mark.parametrize("missing", ["skops", "pandas"])
def test_what_is_not_installed_is_named(process, table, missing):
    done = process(table, *QUICK, "--save", "m.skops", without=[missing])
    assert 'pip install "sksoftnewton[cli]"' in said(done)
    assert missing in said(done) and done.stdout == b""


def interrupted(path, *arguments, after, seconds=0.0, **environment):
    """Exit code and errors of a run that is interrupted after a line with a word."""
    # In the background of a shell interrupts are ignored, and by children, too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "sksoftnewton", path, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=process_environment(PYTHONUNBUFFERED="1", **environment),
    )
    signal.signal(signal.SIGINT, before)
    while after not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


def test_an_interrupt_takes_one_line(table):
    found = interrupted(table, "--target", "price", after=b"80 rows")
    assert found == (130, b"interrupted\n")


def test_an_interrupt_while_libraries_are_loaded(table, tmp_path):
    slow = tmp_path / "slow" / "numpy.py"  # instead of the library
    slow.parent.mkdir()
    slow.write_text("import time; print('loading'); time.sleep(60)")
    root = process_environment()["PYTHONPATH"]
    path = os.pathsep.join([str(slow.parent), root])
    found = interrupted(table, "--target", "y", after=b"loading", PYTHONPATH=path)
    assert found == (130, b"interrupted\n")


def test_an_interrupt_is_not_left_to_the_models(tmp_path):
    # MLPRegressor takes it as the end of its iterations; the next fold would follow.
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(30_000, 6)), columns=list("abcdey"))
    frame.to_csv(tmp_path / "t.csv", index=False)
    found = interrupted(
        tmp_path / "t.csv",
        *("--target", "y", "--models", "perceptron"),
        after=b"RMSE",
        seconds=0.7,
    )
    assert found == (130, b"interrupted\n")


def test_a_closed_pipe_is_silent(table):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "sksoftnewton", table, *QUICK],
        check=False,
        stdout=writing,
        stderr=subprocess.PIPE,
        env=process_environment(),
    )
    os.close(writing)
    assert done.returncode == 141 and done.stderr == b""


def test_an_ascii_terminal_gets_ascii(process, tmp_path, frame):
    frame = frame.rename(columns={"size": "größe"})
    frame.to_csv(tmp_path / "t.csv", index=False)
    done = process("t.csv", *QUICK, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode("ascii")
    assert " R2 " in text and r"gr\xf6\xdfe" in text
    assert " R² " in process("t.csv", *QUICK).stdout.decode("utf-8")


# -- what is saved can be used ------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model of the file in the fixture ``table``."""
    folder = tmp_path_factory.mktemp("saved")
    make_frame().to_csv(folder / "t.csv", index=False)
    command = [sys.executable, "-m", "sksoftnewton", "t.csv", *QUICK]
    command += ["--save", "m.skops"]
    subprocess.run(command, check=True, cwd=folder, env=process_environment())
    return (folder / "m.skops").read_bytes()


@pytest.fixture
def model(saved, tmp_path):
    (tmp_path / "m.skops").write_bytes(saved)
    return tmp_path / "m.skops"


def test_predictions_are_those_of_the_pipeline(run, model, table, tmp_path, frame):
    pipeline = load(model)
    read = pd.read_csv(table)
    expected = pipeline.predict(read)
    ends = pipeline[-1].predict_interval(pipeline[:-1].transform(read), 0.9)
    assert pipeline.score(frame, frame["price"]) > 0.95

    done = run("--predict", model, table, "--out", "p.csv", "--interval", "0.9")
    assert done.stdout == f"Wrote {ROWS} predictions to p.csv\n".encode()
    written = pd.read_csv(tmp_path / "p.csv")
    assert list(written.columns) == ["prediction", "lower", "upper"]
    np.testing.assert_allclose(written["prediction"], expected)
    np.testing.assert_allclose(written[["lower", "upper"]], ends)
    inside = (written["lower"] < frame["price"]) & (frame["price"] < written["upper"])
    assert inside.mean() > 0.85

    # Without --out they go to the standard output, and nothing else does.
    done = run("--predict", model, "-", stdin=table.read_bytes())
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "prediction"
    np.testing.assert_allclose(np.array(lines[1:], float), expected)


def test_columns_count_by_name_and_not_by_type(run, model, table, tmp_path, frame):
    expected = load(model).predict(pd.read_csv(table))[2:5]
    # Another order, more columns, no target; alone, these rows are read as others.
    part = frame[list(frame.columns)[::-1]].drop(columns="price").iloc[2:5]
    part.insert(0, "note", "x")
    gap = pd.DataFrame({"rooms": [np.nan], "sold": [None]})
    pd.concat([part, gap]).to_csv(tmp_path / "new.csv", index=False)
    read = pd.read_csv(tmp_path / "new.csv")
    assert read["rooms"].dtype == float and read["sold"].dtype == object
    done = run("--predict", model, "new.csv")
    found = np.array(done.stdout.decode().splitlines()[1:], float)
    np.testing.assert_allclose(found[:3], expected)
    np.testing.assert_allclose(load(model).predict(read), found)
    assert np.isfinite(found[3])


def test_a_missing_column_and_strange_values_are_named(run, model, tmp_path, frame):
    frame.drop(columns=["rooms"]).to_csv(tmp_path / "new.csv", index=False)
    assert "no column 'rooms'" in said(run("--predict", model, "new.csv"))
    frame["rooms"] = frame["rooms"].astype(object)
    frame.loc[7, "rooms"] = "many"
    frame.to_csv(tmp_path / "new.csv", index=False)
    done = run("--predict", model, "new.csv")
    assert done.returncode == 0
    warning = "warning: column 'rooms': 1 value taken as missing"
    assert done.stderr.decode().startswith(warning) and b"'many'" in done.stderr
    again = run("--predict", model, "new.csv", "--interval", "0.9")
    assert again.stderr == done.stderr  # which says it once


def test_predictions_replace_nothing(run, model, table, tmp_path):
    (tmp_path / "p.csv").write_text("old")
    done = run("--predict", model, table, "--out", "p.csv")
    assert "p.csv exists; --force" in said(done)
    assert (tmp_path / "p.csv").read_text() == "old"
    for name in (table, model):
        before = name.read_bytes()
        done = run("--predict", model, table, "--out", name, "--force")
        assert "would replace" in said(done) and name.read_bytes() == before


def test_other_files_are_no_models(run, table, tmp_path):
    assert "not a model" in said(run("--predict", table, table))
    assert "cannot read absent" in said(run("--predict", "absent.skops", table))
    skops.io.dump(process_environment, tmp_path / "foreign.skops")
    done = run("--predict", "foreign.skops", table)
    assert "holds tests.cli.conftest.process_environment" in said(done)


# -- reading ------------------------------------------------------------------------


def test_formats_of_files(run, frame, tmp_path):
    plain = run("-", *QUICK, stdin=frame.to_csv(index=False).encode())
    scores = line_of(plain, "RidgeCV").split()[1:4]
    assert float(scores[0]) > 0.9
    frame = frame.rename(columns={"size": "größe"})
    frame.to_csv(
        tmp_path / "t.csv.gz", sep="|", decimal=",", encoding="cp1252", index=False
    )
    options = ("--sep", "|", "--decimal", ",", "--encoding", "cp1252")
    packed = run("t.csv.gz", *QUICK, *options)
    assert line_of(packed, "RidgeCV").split()[1:4] == scores
    assert line_of(packed, "größe").split()[1] == "number"
    assert "--encoding cp1252" in said(run("t.csv.gz", *QUICK))


def test_the_table_of_columns_comes_first(run, frame, tmp_path):
    frame["customer_id"] = 7 * np.arange(ROWS) + 1000
    frame["paid"] = [f"{1000 + 37 * i:,}" for i in range(ROWS)]
    frame["near"] = frame["size"].shift().fillna(0.0).astype(object)
    frame.loc[5, "near"] = "inf"
    frame["note"] = [f"text {i}" for i in range(ROWS)]
    frame.loc[3, "size"] = np.nan
    frame.loc[:9, "colour"] = "None"
    frame.to_csv(tmp_path / "t.csv", index=False)
    done = run("t.csv", *QUICK)
    lines = done.stdout.decode().splitlines()
    assert lines[0] == f"t.csv: {ROWS} rows"
    assert line_of(done, "column").split()[:3] == ["column", "taken", "as"]
    for name, start, remark in (
        ("size", ["number", "1"], ""),
        ("rooms", ["number", "0"], ""),
        ("sold", ["number", "0"], ""),
        ("colour", ["category", "10"], "2 values; 10 such as NA taken as missing"),
        ("built", ["date", "0", "2020-01-01"], "days since 1970"),
        ("customer_id", ["dropped", "0", "1000"], "looks like an ID"),
        ("paid", ["number", "0", "1,000"], "with separators"),
        ("near", ["number", "0"], "nearly numeric: 1 taken as missing, such as 'inf'"),
        ("note", ["dropped", "0", "text"], "looks like an ID or free text"),
    ):
        assert line_of(done, name).split()[1:][: len(start)] == start
        assert remark in line_of(done, name)
    choices = ("--numeric", "customer_id", "--categorical", "note", "--drop", "size")
    done = run("t.csv", *QUICK, *choices, "--keep-na")
    assert line_of(done, "customer_id").split()[1] == "number"
    assert line_of(done, "note").split()[1] == "category"
    assert line_of(done, "size").split()[1] == "dropped"
    assert line_of(done, "colour").split()[1:3] == ["category", "0"]


def test_missing_values_are_reported_and_not_refused(run, frame, tmp_path):
    frame.loc[::7, "size"] = np.nan
    frame.loc[::9, "colour"] = None
    frame.loc[:2, "price"] = np.nan
    frame.to_csv(tmp_path / "t.csv", index=False)
    done = run("t.csv", "--target", "price", "--models", "softmax")
    assert "left out: 3 rows without it" in done.stdout.decode()
    score = line_of(done, "TwoLayerSoftmaxRegressor").split()[1]
    assert float(score) > 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["t.csv", "--target", "same"], "the target 'same' is 3 in every row"),
        (["t.csv", "--target", "colour"], "'colour' has 80 values that are no finite"),
        (["t.csv", "--target", "cost"], "no column 'cost'; the columns are 'size', "),
        (["t.csv", "--target", "Price"], "no column 'Price'; is it 'price'?"),
        (["t.csv", *QUICK, "--drop", "cost"], "no column 'cost'"),
        (["t.csv", *QUICK, "--time", "cost"], "no column 'cost'"),
        (["t.csv", *QUICK, "--drop", "price"], "'price' is named twice"),
        (["t.csv", *QUICK, "--numeric", "colour"], "'colour' has no numbers"),
        (["t.csv", *QUICK, "--group", "sold"], "--group: 5 folds need 5 different"),
        (["t.csv", *QUICK, "--group", "price"], "--group: 'price' is the target"),
        (["t.csv", *QUICK, "--time", "price"], "--time: 'price' is the target"),
        (["t.csv", *QUICK, "--time", "colour"], "'colour' has no numbers or dates"),
        (["missing.csv", "--target", "y"], "cannot read missing.csv"),
        (["t.csv"], "needs --target"),
        (["--target", "y"], "--target needs a FILE"),
        (["t.csv", *QUICK, "--interval", "0.9"], "--interval needs --predict"),
        (["--predict", "m.skops"], "--predict needs a FILE"),
        (["--predict", "m.skops", "t.csv", "--rows", "9"], "does not go with --rows"),
        (["--predict", "m.skops", "t.csv", "--interval", "95"], "such as 0.9"),
        (["t.csv", "--target", "price", "--models", "tree"], "no model 'tree'"),
        (["t.csv", *QUICK, "--folds", "1"], "'1' is not an integer above 1"),
        (["t.csv", *QUICK, "--encoding", "klingon"], "no encoding 'klingon'"),
    ],
)
def test_errors_take_one_line(monkeypatch, capsys, table, frame, arguments, message):
    frame.assign(same=3).to_csv(table, index=False)
    monkeypatch.chdir(table.parent)
    from sksoftnewton._cli.main import main

    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code
    errors = capsys.readouterr().err
    assert code == 2 and message in errors
    assert errors.startswith("error: ") and errors.count("\n") == 1


# -- comparing ----------------------------------------------------------------------


def test_four_models_and_their_differences(run, table):
    done = run(table, "--target", "price", "--folds", "3", "--rows", "60")
    assert done.returncode == 0, done.stderr.decode()
    out = done.stdout.decode().splitlines()
    start = out.index("60 rows, 3 folds at random")
    assert out[start + 1].split() == ["R²", "MAE", "RMSE", "s", "/", "fit"]
    names = [line.split()[0] for line in out[start + 2 : start + 6]]
    assert names == [
        "RidgeCV",
        "TwoLayerSoftmaxRegressor",
        "HistGradientBoostingRegressor",
        "MLPRegressor",
    ]
    scores = {line.split()[0]: float(line.split()[1]) for line in out[start + 2 :][:4]}
    best = max(scores, key=scores.get)
    assert out[start + 6].startswith(f"  R² minus that of {best}, ±")
    for line in out[start + 7 : start + 10]:
        name, difference, sign, error = line.split()
        assert float(difference) == pytest.approx(scores[name] - scores[best], abs=2e-3)
        assert sign == "±" and float(error) > 0


def test_folds_by_time_and_by_group(run, table):
    done = run(table, *QUICK, "--time", "built", "--folds", "4")
    assert "4 folds forwards in time" in done.stdout.decode()
    done = run(table, *QUICK, "--group", "rooms", "--folds", "2")
    assert "2 folds of whole groups" in done.stdout.decode()
    assert line_of(done, "rooms").split()[1] == "dropped"
    assert line_of(done, "rooms").endswith("makes the folds")


def test_a_terminal_gets_a_bar(table):
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "sksoftnewton", table, *QUICK],
        check=False,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=process_environment(TERM="xterm"),
    )
    os.close(theirs)
    shown = os.read(ours, 1 << 20).decode()
    os.close(ours)
    assert done.returncode == 0 and "RidgeCV" in done.stdout.decode()
    assert "RidgeCV" in shown and "100%" in shown


def test_demo_needs_no_more_than_the_package(process):
    missing = ["pandas", "rich", "skops"]
    done = process("--models", "softmax,ridge", "--folds", "2", without=missing)
    assert done.returncode == 0, done.stderr.decode()
    out = done.stdout.decode().splitlines()
    results = [line.split() for line in out if line.startswith("  TwoLayerSoftmax")]
    assert [float(row[1]) > 0.4 for row in results if len(row) == 5] == [True, True]
    assert out[-2].startswith("Next:") and out[-1].startswith("or:")


def test_help(process):
    done = process("--help")
    assert done.returncode == 0 and b"--predict MODEL.skops" in done.stdout


def test_import_of_the_package_does_not_load_the_command_line():
    code = "import sys, sksoftnewton; print('sksoftnewton._cli' in sys.modules)"
    command = [sys.executable, "-c", code]
    out = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env=process_environment(),
    )
    assert out.stdout == "False\n", out.stderr
