"""What the benchmarks share: data, the header, a table, plain figures.

The package is imported where it is used, so that `commits.py` can choose which one.
"""

import platform
from pathlib import Path

import numpy as np
import scipy
import sklearn
from sklearn.datasets import make_friedman1

DOCS = Path(__file__).resolve().parent.parent
FIGURES = DOCS / "figures"
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = "osD^vPX"


def header():
    from sksoftnewton import __version__

    print(
        f"(sksoftnewton {__version__}, scikit-learn {sklearn.__version__}, NumPy "
        f"{np.__version__}, SciPy {scipy.__version__}, Python "
        f"{platform.python_version()}, {platform.machine()}, one BLAS thread)\n"
    )


def table(columns, rows):
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)
    print()


def put_in(page, name, text):
    """Replaces what stands between two marks of a page, <!-- name --> each."""
    mark = f"<!-- {name} -->"
    parts = page.read_text().split(mark)
    if len(parts) != 3:
        raise ValueError(f"{page.name} needs the mark {mark} twice")
    page.write_text(f"{parts[0]}{mark}\n\n{text}\n\n{mark}{parts[2]}")


def diamonds():
    """plotnine's diamonds: 26 one-hot features, log price."""
    import pandas as pd
    from plotnine.data import diamonds as frame

    X = pd.get_dummies(frame.drop(columns="price")).to_numpy(float)
    return X, np.log(frame["price"].to_numpy(float))


def friedman(n):
    return make_friedman1(n, noise=1.0, random_state=0)


def problem(X, y):
    from sksoftnewton._activations import get_activation
    from sksoftnewton._network.problem import Problem
    from sksoftnewton._rows.data import ArrayData

    return Problem(
        ArrayData(X, y.reshape(len(y), -1), np.ones(len(y))),
        activation=get_activation("identity"),
        penalty="weights",
        output_weights=None,
        n_threads=1,
    )


def save(figure, name):
    FIGURES.mkdir(exist_ok=True)
    figure.savefig(FIGURES / name, dpi=110, pil_kwargs={"optimize": True})


def save_themes(name):
    """Styles and file names of a figure for light and dark pages."""
    import matplotlib as mpl

    grey = "#ced6dd"
    colours = dict.fromkeys(
        [
            "text.color",
            "axes.labelcolor",
            "axes.edgecolor",
            "xtick.color",
            "ytick.color",
        ],
        grey,
    )
    dark = {**colours, "legend.facecolor": "none", "axes.facecolor": "none"}
    yield mpl.rc_context(), f"{name}.png"
    yield mpl.rc_context(dark), f"{name}_dark.png"


def axes(n_rows, n_columns, width=3.2, height=2.7):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 9, "axes.grid": True, "grid.alpha": 0.3})
    size = (width * n_columns, height * n_rows)
    figure, grid = plt.subplots(
        n_rows, n_columns, figsize=size, layout="constrained", squeeze=False
    )
    return figure, grid


def tidy(axis):
    """Few, plain numbers on a logarithmic axis."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    low, high = axis.get_view_interval()
    subs = (1.0, 2.0, 5.0) if high / low < 50 else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axis.set_minor_formatter(NullFormatter())
