"""
How the evidence chooses the width
==================================

More hidden units always fit the training data better. The evidence, the probability of
the data with the parameters averaged out, pays for what they explain and charges for
what they could have explained as well. No data have to be held out for it.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold, cross_validate

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton.plotting import EvidenceDisplay

# sphinx_gallery_thumbnail_number = 2
X, y = load_diabetes(return_X_y=True)
model = TwoLayerSoftmaxRegressor(random_state=0).fit(X, y)
print(
    f"{len(model.width_path_['n_hidden'])} candidates; {model.n_hidden_} units chosen"
)

# %%
# Two, four and eight units lie within the grey band or close to it, differences that do
# not decide for more units, so that the narrowest of them is taken. One unit, a
# constant, is far below. The lower panel says why more units do not do much harm: the
# penalty, which the evidence chooses as well, leaves them with few effective
# parameters.

display = EvidenceDisplay.from_estimator(model)
display.ax_[0].set_title("Evidence and effective parameters of each width")
plt.show()

# %%
# Is the choice a good one? Cross-validation of given widths is an independent judge,
# at the price of many more fits.

widths = np.unique(model.width_path_["n_hidden"])
folds = KFold(10, shuffle=True, random_state=0)
scores = {"training": [], "cross-validation": []}
for k in widths:
    fits = cross_validate(
        TwoLayerSoftmaxRegressor(n_hidden=int(k), random_state=0),
        X,
        y,
        cv=folds,
        return_train_score=True,
    )
    scores["training"].append(fits["train_score"].mean())
    scores["cross-validation"].append(fits["test_score"].mean())
    print(
        f"{k:2} units: R² {scores['training'][-1]:.3f} on the training data, "
        f"{scores['cross-validation'][-1]:.3f} ± {fits['test_score'].std():.3f} "
        "cross-validated"
    )

# %%
# It is a little in favour of four, by much less than its folds differ, and it took
# forty fits where the evidence took one.

figure, ax = plt.subplots(layout="constrained")
ax.plot(widths, scores["training"], "--s", color="#E69F00", label="training rows")
ax.plot(widths, scores["cross-validation"], "-o", color="#0072B2", label="held out")
ax.axvline(model.n_hidden_, color="#D55E00", label="chosen by the evidence")
ax.set_xscale("log", base=2)
ax.set_xticks(widths, widths)
ax.set(xlabel="width (hidden units)", ylabel="R²")
ax.set_title("What cross-validation says to the choice")
ax.legend()
ax.grid(alpha=0.3)
plt.show()
