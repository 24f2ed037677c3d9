"""
When prediction intervals widen, and when they should
=====================================================

``predict(X, return_std=True)`` adds two variances: the noise, taken to be the same
everywhere, and the uncertainty of the parameters, which grows where data are missing.
Both are checked on observations that were held out.
"""

import matplotlib.pyplot as plt
import numpy as np
import statsmodels.api as sm
from scipy.stats import norm
from sklearn.datasets import load_diabetes
from sklearn.model_selection import ShuffleSplit

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.plotting import PredictionIntervalDisplay

# %%
# Months without data
# -------------------
#
# Surface temperatures of the Pacific off Peru, each month for 61 years. One model does
# not see the months from April to September, another not those from October on.

elnino = sm.datasets.elnino.load_pandas().data.set_index("YEAR")
X = np.tile(np.arange(1.0, 13.0), len(elnino))[:, None]
y = elnino.to_numpy().ravel()

figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained", sharey=True)
for ax, first, last in zip(axes, (4, 10), (9, 12), strict=True):
    unseen = (X[:, 0] >= first) & (X[:, 0] <= last)
    model = TwoLayerSoftmaxRegressor(random_state=0).fit(X[~unseen], y[~unseen])
    mean, std = model.predict(X, return_std=True)
    inside = np.abs(y - mean) < 1.96 * std
    for name, here in (("seen", ~unseen), ("unseen", unseen)):
        print(
            f"without months {first} to {last}, {name:6} ones: "
            f"std {std[here].min():.2f} to {std[here].max():.2f}, "
            f"{inside[here].mean():.3f} within 95 % bands"
        )
    PredictionIntervalDisplay.from_estimator(model, X, ax=ax)
    ax.plot(X[~unseen], y[~unseen], "o", color="0.3", ms=3, alpha=0.4, label="seen")
    ax.plot(X[unseen], y[unseen], "x", color="#D55E00", ms=3, alpha=0.4, label="unseen")
    ax.set(xlabel="month", ylabel="temperature (°C)", xticks=range(1, 13))
    ax.legend(fontsize="small")
plt.show()

# %%
# Between months that were seen, on the left, the band widens and keeps what it
# promises. Beyond them, on the right, it hardly widens: the model does not extrapolate,
# and does not know that it would have to.
#
# Coverage at all levels
# ----------------------
#
# Forty times a quarter of the data is held out, and counted how much of it lies
# within the bands. In the diabetes data the noise is about the same everywhere. In
# Engel's, on 235 Belgian households, what is spent on food varies more where incomes
# are high.

levels = np.linspace(0.05, 0.99, 95)


def coverage(X, y, groups):
    """Share of held-out observations within the bands, by level and group."""
    hits = {name: [] for name in groups}
    for train, test in ShuffleSplit(40, test_size=0.25, random_state=0).split(X):
        model = TwoLayerSoftmaxRegressor(n_hidden=2, random_state=0)
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
figure, ax = plt.subplots(layout="constrained")
ax.plot([0, 1], [0, 1], color="0.6", lw=1)
for (name, share), style, color in zip(
    observed.items(), ("-", "--", "-."), ("#0072B2", "#009E73", "#D55E00"), strict=True
):
    print(f"{name:20} {np.interp(0.95, levels, share):.3f} within 95 % bands")
    ax.plot(levels, share, style, color=color, label=name)
ax.set(xlabel="level of the band", ylabel="share of held-out observations within")
ax.legend()
plt.show()

# %%
# The bands of the diabetes data are right at every level, near the diagonal. Those of
# Engel's have the width of the average noise: too wide for poor households, too narrow
# for rich ones.
