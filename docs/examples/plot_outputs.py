"""
Several outputs
===============

With a matrix of targets all outputs share the first layer, one partition of the feature
space, and each unit has one value for each output. Here flippers and body mass of
penguins are to be predicted from the length and depth of the bill. There are three
species, which the model is not told.
"""

import warnings

import matplotlib.pyplot as plt
import pandas as pd
from plotnine.data import penguins
from sklearn.datasets import load_linnerud
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import RepeatedKFold, cross_val_score

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.plotting import MembershipDisplay

birds = penguins.dropna()
features = ["bill_length_mm", "bill_depth_mm"]
targets = ["flipper_length_mm", "body_mass_g"]
X, Y = birds[features], birds[targets]

# %%
# Compared by cross-validation, with R² averaged over the outputs. The twenty men of
# Linnerud's data, three exercises and three measures of the body, come along as a
# warning: where R² is below zero the mean of the training data would predict better.
# Ours warns itself where it chooses a constant, which is not to be printed here.

warnings.filterwarnings("ignore", "The fit is a constant")
men = load_linnerud(as_frame=True)
folds = RepeatedKFold(n_splits=5, n_repeats=2, random_state=0)
models = {
    "two-layer softmax": TwoLayerSoftmaxRegressor(random_state=0),
    "linear": LinearRegression(),
    "random forest": RandomForestRegressor(50, random_state=0),
}
for name, model in models.items():
    r2 = cross_val_score(model, X, Y, cv=folds).mean()
    r2_of_men = cross_val_score(model, men.data, men.target, cv=folds).mean()
    print(f"{name:18} R² {r2:.2f} (penguins), {r2_of_men:.2f} (Linnerud)")

# %%
# The forest is as good on the penguins, and nothing is on the men: with twenty rows no
# model should be trusted. The units tell the species apart without being told: hardly
# any is the strongest for birds of two of them.

model = models["two-layer softmax"].fit(X, Y)
print(f"{model.n_hidden_} units, values of shape {model.output_coef_.shape}")
strongest = model.hidden_activations(X).argmax(axis=1)
pd.crosstab(birds["species"], strongest, colnames=["strongest unit"])

# %%
# One partition serves both outputs; each has its own values of the units, in the
# legends. The penguins are on top.


def draw(output):
    figure, ax = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
    MembershipDisplay.from_estimator(model, X, features, output=output, ax=ax)
    points = [
        ax.plot(*group[features].to_numpy().T, mark, ms=5, color="0.15", mfc="none")[0]
        for mark, (_, group) in zip("o^s", birds.groupby("species"), strict=True)
    ]
    ax.set_title(f"The partition, with values of {targets[output]}")
    names = sorted(birds["species"].unique())
    figure.legend(points, names, loc="outside lower left", ncols=3)


draw(0)
plt.show()

# %%

draw(1)
plt.show()
