"""
What a hidden unit is
=====================

The first layer divides the feature space softly among the hidden units, and each unit
has one value to offer. The prediction is the average of these values, weighted by
the units' memberships, which sum to one everywhere.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.api as sm

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.plotting import MembershipDisplay, PredictionIntervalDisplay

# %%
# A river that changed
# --------------------
#
# The yearly flow of the Nile at Aswan fell towards the end of the 19th century. Two
# units are chosen, and one takes over from the other.

nile = sm.datasets.nile.load_pandas().data
X, y = nile[["year"]], nile["volume"]
model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
border = -np.diff(model.hidden_intercept_)[0] / np.diff(model.hidden_coef_[:, 0])[0]
print(f"{model.n_hidden_} units; both have membership ½ in {border:.0f}")

figure, ax = plt.subplots(layout="constrained")
PredictionIntervalDisplay.from_estimator(model, X, y, ax=ax)
ax.axvline(border, color="#D55E00", linestyle="--")
ax.set(ylabel="10⁸ m³ a year", title="Flow of the Nile at Aswan")
plt.show()

# %%
# Both are equally strong in 1898: just the year to which statisticians date the change
# of the flow. The memberships say which unit is responsible when.

figure, ax = plt.subplots(layout="constrained")
MembershipDisplay.from_estimator(model, X, ax=ax)
ax.set_title("Memberships of the two units")
plt.show()

# %%
# The seasons
# -----------
#
# Carbon dioxide at Mauna Loa, ten years of weekly means, less their running mean over a
# year. The seasons need more units. Two units with values far apart make a slope, and a
# value that lies beyond all data belongs to a unit that is nowhere alone.

co2 = sm.datasets.co2.load_pandas().data["co2"]
season = (co2 - co2.rolling(52, center=True, min_periods=26).mean()).dropna()[-520:]
month = 12 * (season.index.day_of_year.to_numpy() - 1) / 365.25
X = pd.DataFrame({"month": month})
model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, season)

figure, ax = plt.subplots(layout="constrained")
PredictionIntervalDisplay.from_estimator(model, X, season, ax=ax)
ax.set(ylabel="ppm above the mean of the year", title="CO₂ at Mauna Loa")
plt.show()

# %%

figure, ax = plt.subplots(layout="constrained")
MembershipDisplay.from_estimator(model, X, ax=ax)
ax.set_title(f"Memberships of the {model.n_hidden_} units")
plt.show()

# %%
# The averaged values are the prediction:

f = model.hidden_activations(X)
averages = f @ model.output_coef_[0]
print("memberships sum to 1:", np.allclose(f.sum(axis=1), 1))
print("averaged values predict:", np.allclose(averages, model.predict(X)))
