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
# Two curves
# ----------
#
# The yearly flow of the Nile at Aswan fell towards the end of the 19th century. Carbon
# dioxide at Mauna Loa follows the seasons: shown are ten years of weekly means, less
# their running mean over a year.

nile = sm.datasets.nile.load_pandas().data
co2 = sm.datasets.co2.load_pandas().data["co2"]
season = (co2 - co2.rolling(52, center=True, min_periods=26).mean()).dropna()[-520:]
month = 12 * (season.index.day_of_year.to_numpy() - 1) / 365.25
curves = {
    "flow of the Nile (10⁸ m³ a year)": (nile[["year"]], nile["volume"]),
    "CO₂ (ppm above the mean of the year)": (pd.DataFrame({"month": month}), season),
}

figure, axes = plt.subplots(
    2, 2, figsize=(11, 6.5), layout="constrained", sharex="col", height_ratios=[1.2, 1]
)
for (title, (X, y)), (upper, lower) in zip(curves.items(), axes.T, strict=True):
    model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
    PredictionIntervalDisplay.from_estimator(model, X, y, ax=upper)
    upper.set(title=title, ylabel="", xlabel="")
    MembershipDisplay.from_estimator(model, X, ax=lower)

    f = model.hidden_activations(X)
    averages = f @ model.output_coef_[0]
    print(f"{title}: {model.n_hidden_} units")
    print("  memberships sum to 1:", np.allclose(f.sum(axis=1), 1))
    print("  averaged values predict:", np.allclose(averages, model.predict(X)))
    if model.n_hidden_ == 2:
        slopes, intercepts = model.hidden_coef_[:, 0], model.hidden_intercept_
        border = -np.diff(intercepts)[0] / np.diff(slopes)[0]
        print(f"  both have membership ½ in {border:.0f}")
plt.show()

# %%
# The lower row shows which unit is responsible when, the upper one what comes of it.
# For the Nile one unit takes over from the other, and both are equally strong in 1898:
# just the year to which statisticians date the change of its flow. The seasons need
# more units. Two units with values far apart make a slope, and a value that lies
# beyond all data belongs to a unit that is nowhere alone.
