"""The chart and the claims of the landing page and of the README.

Measures R² and seconds on the small real tables of `accuracy.py`, the coverage of
90 % intervals on them, and time and memory of large fits (`default_size.py`). Writes
docs/figures/landing.csv, the charts, and the claims in docs/index.md and README.md:

    pip install ".[test]" plotnine mlxtend statsmodels catboost lightgbm
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python docs/benchmarks/landing.py

`--draw` makes charts and claims from the files of the last run.
"""

import argparse
import warnings
from textwrap import fill

import default_size
import numpy as np
import pandas as pd
from accuracy import OURS, SPLITS, by_set, measured
from accuracy_sets import real
from common import COLOURS, DOCS, FIGURES, MARKERS, axes, put_in, save_themes, tidy
from matplotlib.ticker import MultipleLocator
from sklearn.model_selection import train_test_split

from sksoftnewton import TwoLayerSoftmaxRegressor

RESULTS = FIGURES / "landing.csv"
COVERAGE = FIGURES / "landing_coverage.csv"
LEVEL = 0.9


def coverage():
    """The share of held-out targets within their intervals, by set and split."""
    rows = []
    for name, X, y in real():
        for split in range(SPLITS):
            parts = train_test_split(X, y, random_state=split)
            X_train, X_test, y_train, y_test = parts
            model = TwoLayerSoftmaxRegressor(random_state=0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(X_train, y_train)
            lower, upper = model.predict_interval(X_test, LEVEL).T
            inside = np.sum((lower <= y_test) & (y_test <= upper))
            rows.append((name, split, int(inside), len(y_test)))
    return pd.DataFrame(rows, columns=["set", "split", "inside", "rows"])


def by_model(results):
    """Mean R² over the sets, mean rank, and the median of the seconds of a fit."""
    r2 = by_set(results)
    seconds = results.groupby("model")["seconds"].median()
    ranks = (-r2).rank(axis=1).mean()
    found = pd.DataFrame({"r2": r2.mean(), "rank": ranks, "seconds": seconds})
    return found.sort_values("r2", ascending=False)


def draw(models, n_sets):
    """``models`` as from `by_model`, the best first."""
    peers = models.drop(OURS)
    colours = [*COLOURS[:1], *COLOURS[2:6], "0.55"]
    for theme, name in save_themes("landing"):
        with theme:
            figure, grid = axes(1, 1, width=5, height=4)
            ax = grid[0, 0]
            place = models.loc[OURS, ["seconds", "r2"]]
            ax.semilogx(*place, "*", ms=14, color=COLOURS[1], label=f"{OURS}, defaults")
            for i, (label, row) in enumerate(peers.iterrows()):
                look = {"color": colours[i % len(colours)], "label": label, "ms": 8}
                ax.semilogx(
                    row["seconds"], row["r2"], MARKERS[i % len(MARKERS)], **look
                )
            tidy(ax.xaxis)
            ax.yaxis.set_major_locator(MultipleLocator(0.05))
            ax.set(
                xlabel="seconds of a fit, search included (median, one core)",
                ylabel=f"R² on held-out rows, mean of {n_sets} tables",
            )
            ax.margins(0.08, 0.08)
            figure.legend(loc="outside upper center", ncols=3, columnspacing=1)
            figure.savefig(FIGURES / name, dpi=144, transparent=True)


def claims(results, covered, sizes):
    """Three claims with their numbers, in Markdown."""
    models = by_model(results)
    ours, peers = models.loc[OURS], models.drop(OURS).sort_values("rank")
    best = peers.index[0]
    share = covered.groupby("set")[["inside", "rows"]].sum()
    smallest = share["rows"].idxmin()
    share = share["inside"] / share["rows"]
    without = by_model(results[results["set"] != smallest])["r2"]
    large = sizes.set_index(["rows", "features"]).loc[(1_000_000, 10)]
    return bullets(
        f"**Accurate, with nothing to tune.** On {len(by_set(results))} real tables "
        f"its defaults have a mean rank of {ours['rank']:.1f} among {len(models)} "
        f"models; the best of the others is *{best}* with {peers['rank'].iloc[0]:.1f}. "
        f"Mean R² is {ours['r2']:.2f} against {peers['r2'].iloc[0]:.2f}, and without "
        f"the smallest table {without[OURS]:.2f} against {without[best]:.2f}. "
        f"A fit takes {ours['seconds']:.1f} s.",
        f"**It knows how sure it is.** Its {percent(LEVEL)} intervals cover "
        f"{percent(share.mean())} of the held-out rows of these tables, between "
        f"{percent(share.min())} and {percent(share.max())} on single ones.",
        f"**Fast on large data.** {large.name[0]:,} rows of {large.name[1]} features "
        f"take {large['seconds']:.0f} s on one core and {large['megabytes']:.0f} MB "
        "beyond the data, all choices included.",
    )


def bullets(*texts):
    return "\n".join(
        fill(text, 88, initial_indent="- ", subsequent_indent="  ") for text in texts
    )


def percent(share):
    return f"{100 * share:.0f} %"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draw", action="store_true", help="nothing is measured")
    if not parser.parse_args().draw:
        default_size.main()
        measured(real()).to_csv(RESULTS, index=False)
        coverage().to_csv(COVERAGE, index=False)
    results, covered = pd.read_csv(RESULTS), pd.read_csv(COVERAGE)
    draw(by_model(results), len(by_set(results)))
    text = claims(results, covered, pd.read_csv(default_size.RESULTS))
    for page in (DOCS / "index.md", DOCS.parent / "README.md"):
        put_in(page, "claims", text)


if __name__ == "__main__":
    main()
