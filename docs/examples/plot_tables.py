"""
A table as it is
================

A frame with numbers, gaps, truth values, a category of four levels and one of hundreds
goes into ``fit`` without any step in front. The data are made, so that the truth is
known: prices of flats, by area, year, heating, balcony and street.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.plotting import PredictionIntervalDisplay

# sphinx_gallery_thumbnail_number = 2

rng = np.random.default_rng(0)
n, n_streets = 3000, 300
street, heating = rng.integers(n_streets, size=n), rng.integers(4, size=n)
effect_of_street = rng.normal(0, 60, n_streets)
flats = pd.DataFrame(
    {
        "area": rng.gamma(6, 12, n),
        "year": rng.integers(1900, 2024, n).astype(float),
        "heating": pd.Categorical.from_codes(heating, ["gas", "oil", "pump", "stove"]),
        "balcony": rng.random(n) < 0.4,
        "street": [f"street {i}" for i in street],
    }
)
price = (
    300
    + 4 * np.minimum(flats["area"], 100)
    + np.array([0, -40, 80, -90])[heating]
    + 50 * flats["balcony"]
    + effect_of_street[street]
    + rng.normal(0, 40, n)
)
# Nobody knows the year of most old houses, which are cheaper.
old = flats["year"] < 1940
price -= 70 * old
flats.loc[old & (rng.random(n) < 0.8), "year"] = np.nan
X_train, X_test, y_train, y_test = train_test_split(flats, price, random_state=0)
model = TwoLayerSoftmaxRegressor(random_state=0).fit(X_train, y_train)
print(f"R² on new rows: {model.score(X_test, y_test):.3f}")
print(model.summary())

# %%
# A row may have gaps and a street that no training row had. The street is then taken
# for an average one.

new = X_test.head(3).assign(street="elsewhere", year=np.nan)
print(model.explain(new)[["prediction", "feature_1", "effect_1", "outside"]])

# %%
# Displays go along numbers and categories.

display = PredictionIntervalDisplay.from_estimator(
    model, X_test, y_test, feature="heating"
)
display.ax_.set_title("Flats by their heating")
plt.show()

# %%
# What a street adds to the predicted price of one flat, against the truth: close to it
# and shrunk towards the mean, as there are seven or eight rows a street.

row = X_train[X_train["year"].notna()].head(1)
streets = pd.concat([row] * n_streets).assign(
    street=[f"street {i}" for i in range(n_streets)]
)
found = model.predict(streets)
figure, ax = plt.subplots(layout="constrained")
ax.plot(effect_of_street, found - found.mean(), ".", color="#0072B2")
ax.axline((0, 0), slope=1, color="black", linewidth=0.8)
ax.set(xlabel="true effect", ylabel="effect found", title="Three hundred streets")
plt.show()

# %%
# Predictions for flats that differ in the year only, and what is predicted where it is
# missing: most of the old houses are without a year.

years = pd.concat([row] * 100).assign(year=np.linspace(1900, 2023, 100))
missing = model.predict(row.assign(year=np.nan))[0]
figure, ax = plt.subplots(layout="constrained")
ax.plot(years["year"], model.predict(years), color="#0072B2", label="year known")
ax.axhline(missing, color="#D55E00", label="year missing")
ax.set(xlabel="year", ylabel="predicted price", title="The year, known and missing")
ax.legend()
plt.show()
