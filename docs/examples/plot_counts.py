"""
Counts, and where boosting is better
====================================

An output activation keeps predictions in the range of the target: ``"softplus"`` and
``"exp"`` above zero. The counts here are visits to a doctor in a year, by persons in
the RAND health insurance experiment: data on which this model loses.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.api as sm
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import mean_poisson_deviance, r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoftnewton import TwoLayerSoftmaxRegressor

visits = sm.datasets.randhie.load_pandas().data
X, y = visits.drop(columns="mdvis"), visits["mdvis"]
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=8000, random_state=0
)

# %%
# All nine features
# -----------------
#
# The deviance of the Poisson distribution is the usual measure for counts. It needs
# predictions above zero, so those below 0.01 count as 0.01.

models = {
    "identity": TwoLayerSoftmaxRegressor(random_state=0),
    "softplus": TwoLayerSoftmaxRegressor(output_activation="softplus", random_state=0),
    "Poisson regression": make_pipeline(StandardScaler(), PoissonRegressor()),
    "Poisson boosting": HistGradientBoostingRegressor(
        loss="poisson", learning_rate=0.2, max_iter=50, random_state=0
    ),
}
for name, model in models.items():
    mean = model.fit(X_train, y_train).predict(X_test)
    deviance = mean_poisson_deviance(y_test, np.maximum(mean, 0.01))
    print(
        f"{name:20} least prediction {mean.min():5.2f}, deviance {deviance:.3f}, "
        f"R² {r2_score(y_test, mean):.3f}"
    )

# %%
# The softplus does what it is for: no prediction is negative, and it is better than the
# identity. Boosting wins all the same. It minimises the deviance, not squares, and the
# rows are years of the same families, with the same features: trees remember them. Take
# boosting for counts with many groups.
#
# One feature
# -----------
#
# The number of chronic diseases alone shows what the models make of a curve. Where most
# people are, up to 30, all three go through the means. Beyond, the softmax curves level
# off, because a prediction never leaves the range of the units' values, and Poisson
# regression is an exponential that goes on; the few people there do not decide it.

diseases = ["disea"]
curves = {
    "softplus": TwoLayerSoftmaxRegressor(output_activation="softplus", random_state=0),
    "exp": TwoLayerSoftmaxRegressor(output_activation="exp", random_state=0),
    "Poisson regression": make_pipeline(StandardScaler(), PoissonRegressor(alpha=0)),
}
grid = pd.DataFrame({"disea": np.linspace(0, X["disea"].max(), 200)})
groups = visits.groupby(
    pd.cut(visits["disea"], [-1, 2, 5, 8, 11, 15, 20, 25, 30, 40, 60])
)
places, means, errors = (
    groups["disea"].mean(), groups["mdvis"].mean(), groups["mdvis"].sem(),
)  # fmt: skip

figure, ax = plt.subplots(layout="constrained")
ax.errorbar(places, means, 2 * errors, fmt="o", color="0.3", label="mean ± 2 s.e.")
for (name, model), style, color in zip(
    curves.items(), ("-", "--", "-."), ("#0072B2", "#D55E00", "#009E73"), strict=True
):
    model.fit(X_train[diseases], y_train)
    ax.plot(grid["disea"], model.predict(grid), style, color=color, label=name)
    if name != "Poisson regression":
        print(f"{name}: {model.n_hidden_} units")
ax.set(xlabel="chronic diseases (index)", ylabel="visits to a doctor in a year")
ax.set_title("Visits and chronic diseases")
ax.legend()
plt.show()
