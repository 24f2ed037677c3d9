"""
First steps
===========

:class:`~sksoftnewton.TwoLayerSoftmaxRegressor` is used like any regressor of
scikit-learn, without anything to tune or scale. Here it meets four other models on 442
diabetes patients: ten measurements each, and how far the disease went in a year. There
is little to find in these data beyond a linear dependence, and that is the point: a
flexible model must not find more than there is.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import RepeatedKFold, cross_val_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.plotting import PredictionIntervalDisplay

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)

# %%
# Five models, none of them tuned by hand. The ridge chooses its penalty, and the
# perceptron has standardised features and targets and stops when a part of the rows
# that it keeps aside is predicted no better any more.

perceptron = MLPRegressor(
    early_stopping=True, n_iter_no_change=30, max_iter=2000, random_state=0
)
models = {
    "two-layer softmax": TwoLayerSoftmaxRegressor(random_state=0),
    "ridge": make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 3, 11))),
    "random forest": RandomForestRegressor(random_state=0),
    "perceptron": TransformedTargetRegressor(
        make_pipeline(StandardScaler(), perceptron), transformer=StandardScaler()
    ),
    "boosting": HistGradientBoostingRegressor(random_state=0),
}
folds = RepeatedKFold(n_splits=5, n_repeats=2, random_state=0)
scores = {
    name: cross_val_score(model, X, y, cv=folds) for name, model in models.items()
}
for name, score in scores.items():
    print(f"{name:20}R² {score.mean():.3f} ± {score.std():.3f}")

# %%
# The scores of single folds differ by more than those of the models. In the mean ours
# is level with the ridge, the right model for these data; the perceptron is close by
# and the trees are far behind.

figure, ax = plt.subplots(layout="constrained")
jitter = np.linspace(-0.15, 0.15, folds.get_n_splits())
for place, score in enumerate(scores.values()):
    ax.plot(place + jitter, score, "o", color="#0072B2", alpha=0.5, mew=0)
    ax.plot(place, score.mean(), "D", color="#D55E00", markersize=8)
ax.set_xticks(range(len(scores)), [name.replace(" ", "\n") for name in scores])
ax.set(ylabel="R² of a fold (diamonds: mean)", title="Ten folds, five models")
plt.show()

# %%
# It found out by itself how little there is: the evidence chose the number of hidden
# units and their penalty.

model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
print(
    f"{model.n_hidden_} hidden units, {model.effective_dof_:.1f} effective parameters"
)

# %%
# What the fitted model says about the body mass index, and how sure it is:

figure, ax = plt.subplots(layout="constrained")
PredictionIntervalDisplay.from_estimator(model, X, y, feature="bmi", ax=ax)
ax.set(ylabel="progression of the disease", title="Progression and body mass index")
plt.show()
