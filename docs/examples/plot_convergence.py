"""
Sketched and exact Newton steps
===============================

An exact Newton matrix for all rows costs tens of gradients. On large data it is
therefore estimated from a few of the rows, the early iterations use a sample of the
data, and quasi-Newton steps make up for the error. Prices of 53,940 diamonds show what
this saves.
"""

import matplotlib.pyplot as plt
import numpy as np
from plotnine.data import diamonds
from sklearn.model_selection import train_test_split

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.plotting import ConvergenceDisplay

X = diamonds[["carat", "depth", "table", "x", "y", "z"]]
for quality in ("cut", "color", "clarity"):  # from the worst to the best
    X = X.assign(**{quality: diamonds[quality].cat.codes})
X_train, X_test, y_train, y_test = train_test_split(
    X, np.log(diamonds["price"]), random_state=0
)

# %%
# Both minimise the same objective F. A pass is the work of one value and gradient over
# all rows, and everything is counted in it, matrices by their multiplications.

settings = {"n_hidden": 16, "alpha": 1e-4, "random_state": 0}
models = {
    "sketched": TwoLayerSoftmaxRegressor(**settings),
    "exact": TwoLayerSoftmaxRegressor(sketch="none", **settings),
}
for name, model in models.items():
    model.fit(X_train, y_train)
    print(
        f"{name:8} {model.history_['passes'][-1]:4.0f} passes, F {model.loss_:.5f}, "
        f"R² {model.score(X_test, y_test):.4f}"
    )

# %%
# The sketched fit is through before the exact one has come near its end. There are many
# local minima, and the two end in different ones of nearly the same height.

figure, ax = plt.subplots(layout="constrained")
best = min(model.loss_ for model in models.values())
for (name, model), style, color in zip(
    models.items(), ("-", "--"), ("#0072B2", "#D55E00"), strict=True
):
    history = model.history_
    above = np.where(history["n_rows"] == len(y_train), history["loss"], np.nan) / best
    ax.semilogy(history["passes"], above - 1 + 1e-4, style, color=color, label=name)
ax.set(xlabel="work, in passes over all rows", ylabel="F above the better minimum")
ax.set_title("The same objective, two ways to Newton's matrix")
ax.legend()
plt.show()

# %%
# How the sketched fit went: most of the way is done on samples of the rows, in the
# shaded part, and the rest with a matrix from a part of them.

display = ConvergenceDisplay.from_estimator(models["sketched"], x="passes")
display.ax_[0].set_title("The sketched fit")
plt.show()

# %%
# On the exact path every iteration forms the matrix of all rows.

display = ConvergenceDisplay.from_estimator(models["exact"], x="passes")
display.ax_[0].set_title("The exact fit")
plt.show()
