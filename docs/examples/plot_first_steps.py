"""
First steps
===========

:class:`~sksoftnewton.TwoLayerSoftmaxRegressor` is used like any regressor of
scikit-learn, without anything to tune or scale. Here it meets a ridge regression and a
perceptron on 442 diabetes patients: ten measurements each, and how far the disease
went in a year.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV, RepeatedKFold, cross_val_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.plotting import PredictionIntervalDisplay

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)


def scaled(regressor):
    """A regressor that gets standardised features and targets."""
    model = TransformedTargetRegressor(regressor, transformer=StandardScaler())
    return make_pipeline(StandardScaler(), model)


# %%
# The perceptron stands for two common ways to use it: with early stopping, and with
# its penalty chosen by a grid search.

perceptron = MLPRegressor(
    hidden_layer_sizes=(20,), solver="lbfgs", tol=1e-2, random_state=0
)
alphas = {"transformedtargetregressor__regressor__alpha": [1, 10, 100]}
models = {
    "two-layer softmax": TwoLayerSoftmaxRegressor(random_state=0),
    "ridge": scaled(RidgeCV(np.logspace(-2, 3, 11))),
    "perceptron,\nearly stopping": scaled(
        MLPRegressor(early_stopping=True, max_iter=1000, random_state=0)
    ),
    "perceptron,\ngrid search": GridSearchCV(scaled(perceptron), alphas),
}
folds = RepeatedKFold(n_splits=5, n_repeats=2, random_state=0)
scores = {
    name: cross_val_score(model, X, y, cv=folds) for name, model in models.items()
}
for name, score in scores.items():
    print(f"{name:28}R² {score.mean():.3f} ± {score.std():.3f}".replace("\n", " "))

# %%
# All four do about equally well: there is little more than a linear dependence in
# these data, and the evidence finds that out by itself.

model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
print(
    f"{model.n_hidden_} hidden units, {model.effective_dof_:.1f} effective parameters"
)

# %%
# On the left, the score of each fold: the differences between folds are much larger
# than those between models. On the right, what the fitted model says about the body
# mass index, and how sure it is.

figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 4.2), layout="constrained", width_ratios=[1, 1.1]
)
jitter = np.linspace(-0.15, 0.15, folds.get_n_splits())
for place, score in enumerate(scores.values()):
    left.plot(place + jitter, score, "o", color="#0072B2", alpha=0.5, mew=0)
    left.plot(place, score.mean(), "D", color="#D55E00", markersize=8)
left.set_xticks(range(len(scores)), list(scores), fontsize="small")
left.set(ylabel="R² of a fold (diamonds: mean)")
PredictionIntervalDisplay.from_estimator(model, X, y, feature="bmi", ax=right)
right.set(ylabel="progression of the disease")
plt.show()
