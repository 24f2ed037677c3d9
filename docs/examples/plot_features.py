"""
Features that do not matter
===========================

With the default ``alpha="auto"`` features are left out for as long as the evidence
does not fall: their weights are zero, and ``support_`` is False for them. Friedman's
function ::

    10 sin(π x₀ x₁) + 20 (x₂ − ½)² + 10 x₃ + 5 x₄

is hidden among 15 features, ten of which are noise.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_friedman1
from sklearn.inspection import permutation_importance

from sksoftnewton import TwoLayerSoftmaxRegressor

sizes, repeats = [50, 100, 200, 400], 5
kept = np.zeros((len(sizes), 15))
for row, n in enumerate(sizes):
    for seed in range(repeats):
        X, y = make_friedman1(n, n_features=15, noise=1.0, random_state=seed)
        model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
        kept[row] += model.support_ / repeats
    found, false = kept[row, :5].sum(), kept[row, 5:].sum()
    print(
        f"{n:4} rows: {found:.1f} of 5 features found, {false:.1f} of 10 kept in vain"
    )

# %%
# The support says whether a feature is used, not how much depends on it. For that there
# is permutation importance: the loss of R² when the column is shuffled, on new data.

X_new, y_new = make_friedman1(2000, n_features=15, noise=1.0, random_state=99)
importance = permutation_importance(model, X_new, y_new, random_state=0)
print("importance:", np.round(importance["importances_mean"], 3))

# %%
# On the left, how often each feature is kept. With 50 rows some fits keep everything,
# and up to 100 the curved feature 2 is mostly missed; from 200 on nearly all that
# matters is found, and next to nothing else. On the right, the importances in the last
# fit, zero for features that were left out.

figure, (left, right) = plt.subplots(
    1, 2, figsize=(11, 4), layout="constrained", width_ratios=[1.3, 1]
)
image = left.imshow(kept, cmap="Blues", vmin=0, vmax=1, aspect="auto")
for (row, column), share in np.ndenumerate(kept):
    color = "white" if share > 0.5 else "black"
    text = f"{share:.1f}" if share else "0"
    left.text(column, row, text, ha="center", va="center", color=color, fontsize=8)
left.axvline(4.5, color="#D55E00")
left.set_yticks(range(len(sizes)), sizes)
left.set(xticks=range(15), xlabel="feature (right of the line: noise)", ylabel="rows")
figure.colorbar(image, ax=left, label="share of fits that keep it")
right.barh(range(15), importance["importances_mean"], color="#0072B2")
right.invert_yaxis()
right.set(yticks=range(15), ylabel="feature", xlabel="R² lost when it is shuffled")
plt.show()
