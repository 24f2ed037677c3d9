r"""
Features that do not matter
===========================

With the default ``alpha="auto"`` features are left out for as long as the evidence
does not fall: their weights are zero, and ``support_`` is False for them. Friedman's
function

.. math:: 10 \sin(\pi x_0 x_1) + 20 (x_2 - \tfrac12)^2 + 10 x_3 + 5 x_4

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
# With 50 rows some fits keep everything, and up to 100 the curved feature 2 is mostly
# missed; from 200 on nearly all that matters is found, and next to nothing else.

figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
image = ax.imshow(kept, cmap="Blues", vmin=0, vmax=1, aspect="auto")
for (row, column), share in np.ndenumerate(kept):
    color = "white" if share > 0.5 else "black"
    text = f"{share:.1f}" if share else "0"
    ax.text(column, row, text, ha="center", va="center", color=color, fontsize=8)
ax.axvline(4.5, color="#D55E00")
ax.set_yticks(range(len(sizes)), sizes)
ax.set(xticks=range(15), xlabel="feature (right of the line: noise)", ylabel="rows")
ax.set_title("Share of fits that keep a feature")
figure.colorbar(image, ax=ax)
plt.show()

# %%
# The support says whether a feature is used, ``feature_importances_`` how much depends
# on it: the spread of its effects on the predictions, zero for what was left out.
# Permutation importance, the loss of R² on new data when the column is shuffled,
# agrees: where features add up, it is in proportion to the square.

X_new, y_new = make_friedman1(2000, n_features=15, noise=1.0, random_state=99)
shuffled = permutation_importance(model, X_new, y_new, random_state=0)
roots = np.sqrt(np.maximum(shuffled["importances_mean"], 0))
figure, ax = plt.subplots(layout="constrained")
places = np.arange(15)
ax.barh(places - 0.2, model.feature_importances_, 0.4, label="feature_importances_")
ax.barh(places + 0.2, roots / roots.sum(), 0.4, label="root of permutation importance")
ax.invert_yaxis()
ax.set(yticks=places, ylabel="feature", xlabel="importance (sum: 1)")
ax.set_title("What depends on each feature")
ax.legend()
plt.show()
