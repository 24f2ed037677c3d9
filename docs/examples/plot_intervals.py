"""
When prediction intervals widen, and when they should
=====================================================

``predict(X, return_std=True)`` adds two variances: the noise, which each hidden unit
can have of its own, and the uncertainty of the parameters, which grows where data are
missing. Both are checked on observations that were held out, and one case is shown
where bands must not be trusted.
"""

import matplotlib.pyplot as plt
import numpy as np
import statsmodels.api as sm
from scipy.stats import norm
from sklearn.datasets import load_diabetes
from sklearn.model_selection import ShuffleSplit

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.plotting import PredictionIntervalDisplay

# sphinx_gallery_thumbnail_number = 3
# %%
# Months without data
# -------------------
#
# Surface temperatures of the Pacific off Peru, each month for 61 years. One model does
# not see the months from April to September, another not those from October on.

elnino = sm.datasets.elnino.load_pandas().data.set_index("YEAR")
X = np.tile(np.arange(1.0, 13.0), len(elnino))[:, None]
y = elnino.to_numpy().ravel()


def without(first, last):
    """Fits the other months, and shows what the bands make of these."""
    unseen = (X[:, 0] >= first) & (X[:, 0] <= last)
    model = TwoLayerSoftmaxRegressor(random_state=0).fit(X[~unseen], y[~unseen])
    mean, std = model.predict(X, return_std=True)
    inside = np.abs(y - mean) < 1.96 * std
    for name, here in (("seen", ~unseen), ("unseen", unseen)):
        print(
            f"{name:6} months: std {std[here].min():.2f} to {std[here].max():.2f}, "
            f"{inside[here].mean():.1%} within 95 % bands"
        )
    _, ax = plt.subplots(layout="constrained")
    PredictionIntervalDisplay.from_estimator(model, X, ax=ax)
    ax.plot(X[~unseen], y[~unseen], "o", color="0.3", ms=3, alpha=0.4, label="seen")
    ax.plot(X[unseen], y[unseen], "x", color="#D55E00", ms=3, alpha=0.4, label="unseen")
    ax.set(xlabel="month", ylabel="temperature (°C)", xticks=range(1, 13))
    ax.set_title(f"Months {first} to {last} were not seen")
    ax.legend(fontsize="small")


without(4, 9)
plt.show()

# %%
# Between months that were seen the band widens and keeps what it promises.

without(10, 12)
plt.show()

# %%
# Beyond them it hardly widens: the model does not extrapolate, and does not know that
# it would have to. ``is_outside`` flags such rows.
#
# Coverage at all levels
# ----------------------
#
# Forty times a quarter of the data is held out, and counted how much of it lies
# within the bands. In the diabetes data the noise is about the same everywhere. In
# Engel's, on 235 Belgian households, what is spent on food varies more where incomes
# are high.

levels = np.linspace(0.05, 0.99, 95)


def coverage(X, y, groups, noise="auto"):
    """Share of held-out observations within the bands, by level and group."""
    hits = {name: [] for name in groups}
    for train, test in ShuffleSplit(40, test_size=0.25, random_state=0).split(X):
        model = TwoLayerSoftmaxRegressor(n_hidden=2, noise=noise, random_state=0)
        mean, std = model.fit(X[train], y[train]).predict(X[test], return_std=True)
        within = np.abs(y[test] - mean) / std < norm.ppf((1 + levels) / 2)[:, None]
        for name, members in groups.items():
            hits[name].append(within[:, members[test]])
    return {name: np.hstack(parts).mean(axis=1) for name, parts in hits.items()}


patients, progression = load_diabetes(return_X_y=True)
engel = sm.datasets.engel.load_pandas().data
income, food = engel[["income"]].to_numpy(), engel["foodexp"].to_numpy()
poor = income[:, 0] < np.median(income)
observed = coverage(patients, progression, {"diabetes": np.full(len(patients), True)})
observed |= coverage(
    income, food, {"Engel, poorer half": poor, "Engel, richer half": ~poor}
)
observed |= coverage(
    income,
    food,
    {"poorer half, constant noise": poor, "richer half, constant noise": ~poor},
    noise="constant",
)
for name, share in observed.items():
    print(f"{name:28} {np.interp(0.9, levels, share):.1%} within 90 % bands")

# %%
# Bands with one noise for all, the thin lines, are too wide for poor households and too
# narrow for rich ones. By default each hidden unit has a noise of its own where the
# data ask for it, and the bands come near what they promise, the grey line, in both
# halves.

figure, ax = plt.subplots(layout="constrained")
ax.plot([0, 1], [0, 1], color="0.6", lw=3)
styles = [("#0072B2", "-"), ("#009E73", "--"), ("#D55E00", "-."), ("#009E73", ":"),
          ("#D55E00", ":")]  # fmt: skip
for (name, share), (color, style) in zip(observed.items(), styles, strict=True):
    lw = 1 if "constant" in name else 2
    ax.plot(levels, share, style, color=color, lw=lw, label=name)
ax.set(xlabel="level of the band", ylabel="share of held-out observations within")
ax.set_title("Bands keep what they promise")
ax.legend(fontsize="small")
plt.show()
