"""
A tutorial: from a raw table to prices with intervals
=====================================================

What is a diamond worth, and how sure can one be? Fifteen hundred stones with their
weight, sizes and three graded qualities are a table as this model likes it: numbers and
categories, a positive target that spans two orders of magnitude, effects that bend and
interact, and too few rows for a big model. From the raw frame we go to a comparison
with other models, a fit, its intervals, what it is made of, and a saved model.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import skops.io
from onnxruntime import InferenceSession
from plotnine.data import diamonds
from skl2onnx import to_onnx
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_validate, train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.onnx import register_converter
from sksoftnewton.plotting import DiagnosticsDisplay, PredictionIntervalDisplay

# sphinx_gallery_thumbnail_number = 2
diamonds.head()

# %%
# The raw table
# -------------
#
# Some sizes are zero. No stone has such a size: it is missing. Two of these stones are
# in our sample.

sizes = ["x", "y", "z"]
print((diamonds[sizes] == 0).sum().to_dict(), "zeros in", len(diamonds), "rows")
known = diamonds[sizes].where(diamonds[sizes] > 0)
stones = diamonds.assign(**known).sample(1500, random_state=1)
print(stones[sizes].isna().sum().to_dict(), "of them missing in the sample")
print(stones["price"].describe().round().astype(int).to_dict())

X, y = stones.drop(columns="price"), stones["price"]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# Our model takes this frame :doc:`as it is </tables>`. The others need a step in front,
# which imputes missing sizes and encodes the qualities.

numbers, qualities = ["carat", "depth", "table", *sizes], ["cut", "color", "clarity"]


def prepared(regressor):
    """A pipeline that takes the raw frame."""
    columns = make_column_transformer(
        (SimpleImputer(strategy="median"), numbers),
        (OneHotEncoder(sparse_output=False, handle_unknown="ignore"), qualities),
    )
    return make_pipeline(columns, regressor)


# %%
# A comparison
# ------------
#
# Prices suggest logarithms, and whoever knows that can give them to the others. The
# perceptron has standardised features and targets, and iterations until it stops
# improving. Ours has its defaults, the raw frame, and the price as it is.


def of_logarithms(regressor):
    return TransformedTargetRegressor(regressor, func=np.log, inverse_func=np.exp)


network = MLPRegressor(
    early_stopping=True, n_iter_no_change=30, max_iter=2000, random_state=0
)
ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 13)))
perceptron = TransformedTargetRegressor(
    make_pipeline(StandardScaler(), network), transformer=StandardScaler()
)
boosting = HistGradientBoostingRegressor(random_state=0)
models = {
    "two-layer softmax": TwoLayerSoftmaxRegressor(random_state=0),
    "ridge, log price": prepared(of_logarithms(ridge)),
    "boosting, log price": prepared(of_logarithms(boosting)),
    "perceptron, log price": prepared(of_logarithms(perceptron)),
    "perceptron": prepared(perceptron),
    "boosting": prepared(boosting),
    "random forest": prepared(RandomForestRegressor(200, random_state=0)),
}
folds = KFold(5, shuffle=True, random_state=0)
errors = {}
for name, model in models.items():
    scores = cross_validate(
        model, X, y, cv=folds, scoring=["r2", "neg_mean_absolute_error"]
    )
    errors[name] = -scores["test_neg_mean_absolute_error"]
    print(
        f"{name:22} R² {scores['test_r2'].mean():.3f}, "
        f"mean absolute error {errors[name].mean():.0f} $"
    )

# %%
# Every line is one fold: the same stones for all models. Ours has the smallest error on
# average. Ridge comes close once it is told of logarithms, which ours found by itself.

figure, ax = plt.subplots(layout="constrained")
table = np.array(list(errors.values()))
ax.plot(table, color="0.75", lw=1)
ax.plot(table, "o", color="#0072B2", ms=4, alpha=0.6)
ax.plot(table.mean(axis=1), "D", color="#D55E00", label="mean of the folds")
ax.set_xticks(range(len(errors)), [name.replace(", ", ",\n") for name in errors])
ax.tick_params(axis="x", labelrotation=30)
ax.set(ylabel="mean absolute error ($)", title="Five folds, seven models")
ax.legend()
plt.show()

# %%
# The fit
# -------
#
# Everything was chosen within the training rows: the number of hidden units, the
# features, whether they enter on ramps, and that logarithms of the price are better
# than the price.

model = TwoLayerSoftmaxRegressor(random_state=0).fit(X_train, y_train)
print(model.summary())

# %%
# The share of a unit says how much of the data it is in charge of, its value what it
# predicts for a stone that belongs to it alone, and its leading features what sets it
# apart. Stones mix the units, so that values may lie far outside of the prices.
#
# Intervals
# ---------
#
# ``predict_interval`` is about new stones. On rows that were held out it covers what it
# promises for cheap ones and for expensive ones alike: on the scale of logarithms the
# noise is in proportion to the price.

mean = model.predict(X_test)
lower, upper = model.predict_interval(X_test, level=0.9).T
inside = (lower <= y_test) & (y_test <= upper)
third = pd.qcut(y_test, 3, labels=["cheap", "middle", "expensive"])
report = pd.DataFrame({"inside": inside, "width": upper - lower}).groupby(
    third, observed=True
)
print(f"within 90 % intervals: {inside.mean():.1%}")
report.mean().round(2)

# %%
# Each held-out stone, with its interval.

figure, ax = plt.subplots(layout="constrained")
order = np.argsort(mean)
ax.fill_between(
    mean[order], lower[order], upper[order], color="#56B4E9", alpha=0.4,
    label="90 % interval",
)  # fmt: skip
ax.plot(mean[order], mean[order], color="#0072B2", label="prediction")
ax.plot(mean, y_test, ".", color="0.2", ms=4, label="price")
ax.set(xscale="log", yscale="log", xlabel="predicted price ($)", ylabel="price ($)")
ax.set_title("Prices of held-out diamonds")
ax.legend()
plt.show()

# %%
# ``DiagnosticsDisplay`` looks closer: residuals against predictions, their normal
# quantiles, and the coverage at every level.

figure, axes = plt.subplots(3, figsize=(6.4, 10), layout="constrained")
DiagnosticsDisplay.from_estimator(model, X_test, y_test, ax=axes)
axes[0].set_title("Residuals, their quantiles, and coverage")
plt.show()

# %%
# What matters
# ------------
#
# ``feature_importances_`` has the spread of each feature's effects. Weight and sizes
# carry the same information, and share its importance.

importances = pd.Series(model.feature_importances_, index=model.feature_names_in_)
print(f"{model.support_.sum()} of {len(importances)} columns are in use")
importances = importances.sort_values()
figure, ax = plt.subplots(layout="constrained")
ax.barh(importances.index, importances, color="#0072B2")
ax.set(xlabel="importance", title="What the price depends on")
plt.show()

# %%
# How the price rises with the weight, with the other columns at their medians. A heavy
# stone of median sizes does not exist: where the combination is unlike all that was
# seen, the picture is grey.

figure, ax = plt.subplots(layout="constrained")
PredictionIntervalDisplay.from_estimator(model, X_train, feature="carat", ax=ax)
ax.set(ylabel="price ($)", title="The price against the weight")
plt.show()

# %%
# Single stones
# -------------
#
# ``explain`` has the leading units and features of each row, with their effects in
# dollars.

columns = ["prediction", "feature_1", "effect_1", "feature_2", "effect_2"]
model.explain(X_test.head(3), n_leading=2)[columns].round(2)

# %%
# A stone whose point was forgotten weighs a hundred times as much. Its prediction stays
# near the range of the prices, and it is flagged.

wrong = X_test.head(1).assign(carat=lambda stone: 100 * stone["carat"])
print(f"{model.predict(wrong)[0]:.0f} $, dearest stone in training {y_train.max()} $")
print("outside:", model.is_outside(wrong)[0])

# %%
# Save and load
# -------------
#
# skops stores the model without pickle. Which types it trusts is said aloud.

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "diamonds.skops"
    skops.io.dump(model, path)
    types = skops.io.get_untrusted_types(file=path)
    loaded = skops.io.load(path, trusted=types)
print(*types, sep="\n")
print("same predictions:", np.array_equal(loaded.predict(X_test), mean))

# %%
# To predict without Python, convert a fitted model to ONNX. Categories are not
# converted, so here the encoder of the other models comes in front, and the graph takes
# the columns that it makes.

register_converter()
pipeline = prepared(TwoLayerSoftmaxRegressor(random_state=0)).fit(X_train, y_train)
encoded = pipeline[:-1].transform(X_test)
graph = to_onnx(pipeline[-1], encoded[:1])
session = InferenceSession(
    graph.SerializeToString(), providers=["CPUExecutionProvider"]
)
(converted,) = session.run(None, {"X": encoded})
ratio = converted[:, 0] / pipeline.predict(X_test)
print(f"largest relative difference {np.max(np.abs(ratio - 1)):.0e}")
