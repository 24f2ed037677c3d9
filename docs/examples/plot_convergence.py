"""
Sketched and exact Newton steps
===============================

An exact Newton matrix for all rows costs tens of gradients. On large data it is
therefore estimated from a few of the rows, the early iterations use a sample of the
data, and quasi-Newton steps make up for the error. Prices of 20,000 diamonds show what
this saves.
"""

import time

import matplotlib.pyplot as plt
from plotnine.data import diamonds
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.plotting import ConvergenceDisplay

stones = diamonds.sample(20_000, random_state=0)
X = stones[["carat", "depth", "table", "x", "y", "z"]]
for quality in ("cut", "color", "clarity"):  # from the worst to the best
    X = X.assign(**{quality: stones[quality].cat.codes})
X_train, X_test, y_train, y_test = train_test_split(
    X, stones["price"] / 1000, random_state=0
)

# %%
# The two solvers minimise the same objective. The perceptron has the same number of
# hidden units and another objective, so only its score can be compared.

settings = {"n_hidden": 8, "alpha": 1e-5, "random_state": 0}
perceptron = MLPRegressor(
    hidden_layer_sizes=(8,), early_stopping=True, max_iter=1000, random_state=0
)
models = {
    "sketched": TwoLayerSoftmaxRegressor(**settings),
    "exact": TwoLayerSoftmaxRegressor(sketch="none", **settings),
    "perceptron": TransformedTargetRegressor(
        make_pipeline(StandardScaler(), perceptron), transformer=StandardScaler()
    ),
}
for name, model in models.items():
    began = time.perf_counter()
    model.fit(X_train, y_train)
    seconds = time.perf_counter() - began
    score = model.score(X_test, y_test)
    loss = f", F {model.loss_:.6f}" if name != "perceptron" else ""
    print(f"{name:10} {seconds:5.2f} s, R² {score:.4f}{loss}")

# %%
# Each column is a fit, over the same range of seconds. On the left most of the way is
# done on samples of the rows, in the shaded part, and the rest with a matrix from a
# part of the rows. On the right every iteration forms the exact matrix of all rows. The
# final objectives differ a little: there are many local minima, and the two fits end
# in different ones.

figure, axes = plt.subplots(
    3, 2, figsize=(11, 7), sharex=True, sharey="row", layout="constrained"
)
for column, name in zip(axes.T, ("sketched", "exact"), strict=True):
    ConvergenceDisplay.from_estimator(models[name], x="time", ax=column)
    column[0].set_title(name)
for panel in axes[:, 1]:
    panel.set_ylabel("")
plt.show()
