"""Tables of several files, or of more rows than are looked at at once."""

import numpy as np
import pandas as pd
import pytest

from sksoftnewton._cli import large
from sksoftnewton._cli.reading import Format
from tests.cli.test_main import load, said

pytest.importorskip("pyarrow")

ROWS = 600


def make_rows(seed=0, n=ROWS):
    rng = np.random.default_rng(seed)
    size = rng.normal(size=n)
    kind = rng.choice(["flat", "house"], size=n)
    price = 3 * size + 2 * (kind == "house") + rng.normal(scale=0.1, size=n)
    return pd.DataFrame({"size": size, "kind": kind, "price": price})


def fit(run, path, *more):
    done = run(
        path, "--target", "price", "--models", "ridge", "--save", "m.skops", *more
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture
def frame(tmp_path):
    frame = make_rows()
    (tmp_path / "parts").mkdir()
    frame.to_parquet(tmp_path / "all.parquet")
    for i in range(3):
        part = frame[200 * i : 200 * (i + 1)]
        part.to_parquet(tmp_path / f"parts/{i}.parquet")
        part.to_csv(tmp_path / f"part{i}.csv", index=False)
    frame.to_csv(tmp_path / "all.csv", index=False)
    return frame


@pytest.mark.parametrize(
    "path", ["all.parquet", "parts", "parts/*.parquet", "part*.csv"]
)
def test_all_rows_are_fitted_after_a_comparison_on_a_sample(run, frame, tmp_path, path):
    text = fit(run, path, "--rows", 300)
    assert f"{path}: 600 rows in all" in text
    pipeline = load(tmp_path / "m.skops")
    assert pipeline[-1]._seen.total_weight == ROWS
    assert pipeline.score(frame, frame["price"]) > 0.99


def test_more_rows_than_are_taken_here(run, tmp_path):
    frame = make_rows(n=12_000)
    frame.to_parquet(tmp_path / "all.parquet", row_group_size=3_000)
    text = fit(run, "all.parquet", "--rows", 300)
    assert "Fitted on all rows" in text
    model = load(tmp_path / "m.skops")[-1]
    assert model._seen.total_weight == len(frame)
    assert model.history_["rounds"][-1] > 0


def test_few_rows_of_a_collection_are_those_of_a_file(run, frame, tmp_path):
    fit(run, "all.csv")
    expected = load(tmp_path / "m.skops").predict(frame)
    text = fit(run, "part*.csv", "--force")
    assert "in all" not in text
    np.testing.assert_array_equal(load(tmp_path / "m.skops").predict(frame), expected)


def test_predictions_of_a_collection_are_in_its_order(run, frame, tmp_path):
    fit(run, "all.csv")
    done = run("--predict", "m.skops", "parts", "--interval", 0.9, "--out", "parts.csv")
    assert done.returncode == 0 and b"Wrote 600 predictions" in done.stdout
    run("--predict", "m.skops", "all.csv", "--interval", 0.9, "--out", "whole.csv")
    parts, whole = (
        pd.read_csv(tmp_path / f"{name}.csv") for name in ("parts", "whole")
    )
    pd.testing.assert_frame_equal(parts, whole)


def test_rows_without_a_target_and_empty_parts_are_left_out(run, frame, tmp_path):
    frame.loc[200:399, "price"] = np.nan
    for i in range(3):
        frame[200 * i : 200 * (i + 1)].to_parquet(tmp_path / f"parts/{i}.parquet")
    fit(run, "parts", "--rows", 300)
    assert load(tmp_path / "m.skops")[-1]._seen.total_weight == ROWS - 200


def outside_the_sample(tmp_path, frame, wanted):
    """A row of all.parquet that is not looked at before all are."""
    collection = large.read_collection(str(tmp_path / "all.parquet"), Format())
    seen, _ = large.sampled(collection, wanted)
    return np.flatnonzero(~frame["size"].isin(seen["size"]))[0]


def test_a_target_that_is_no_number_is_an_error_with_its_row(run, frame, tmp_path):
    row = outside_the_sample(tmp_path, frame, 300)
    frame.loc[row, "price"] = np.inf
    frame.to_parquet(tmp_path / "all.parquet")
    done = run(
        *("all.parquet", "--target", "price", "--models", "ridge"),
        *("--rows", 300, "--save", "m.skops"),
    )
    assert f"all rows: y is nan in row {row}" in said(done)
    assert not (tmp_path / "m.skops").exists()


def test_a_value_outside_the_sample_that_is_no_number_is_said(run, frame, tmp_path):
    row = outside_the_sample(tmp_path, frame, 300)
    frame["size"] = frame["size"].astype(str)
    frame.loc[row, "size"] = "wide"
    frame.to_parquet(tmp_path / "all.parquet")
    done = run(
        *("all.parquet", "--target", "price", "--models", "ridge"),
        *("--rows", 300, "--save", "m.skops"),
    )
    assert done.returncode == 0
    assert done.stderr.decode() == (
        "warning: column 'size': 1 value taken as missing for want of a number, "
        "such as 'wide'\n"
    )


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("absent*.csv", "no file is named like absent*.csv"),
        ("absent.parquet", "cannot read absent.parquet"),
        ("texts", "has no Parquet files"),
        ("broken.parquet", "cannot read broken.parquet as Parquet: "),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(run, tmp_path, path, message):
    (tmp_path / "texts").mkdir()
    (tmp_path / "broken.parquet").write_text("size,price\n1,2\n")
    assert message in said(run(path, "--target", "price"))


def test_without_dask_the_extra_is_named(process, frame):
    done = process("all.parquet", "--target", "price", without=("dask",))
    assert "sksoftnewton[cli,dask]" in said(done)


def test_steps_are_counted(capsys, monkeypatch):
    monkeypatch.setattr("sksoftnewton._cli.terminal.SECONDS_BETWEEN_LINES", -1)
    with large.counting("rounds") as count:
        count()
        count()
    assert capsys.readouterr().err == "  rounds: 1\n  rounds: 2\n"
