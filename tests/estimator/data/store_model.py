"""Writes the models that later versions have to be able to read.

Run it once per minor version, with the name of the version in the file's:
``python tests/estimator/data/store_model.py tests/estimator/data/model_0_1.pkl``.
"""

import pickle
import sys

from sklearn.datasets import make_friedman1

from sksoftnewton import TwoLayerSoftmaxRegressor

X, y = make_friedman1(80, noise=0.5, random_state=0)
fits = []
for parameters in (
    {},
    {"n_hidden": 3, "alpha": 1e-2},
    {"n_hidden": 3, "alpha": 1e-2, "penalty": "logits"},
    {"n_hidden": 3, "alpha": 1e-2, "output_activation": "softplus"},
    {"n_hidden": 2, "alpha": 1e-2, "basis": "ramps", "target_transform": "log"},
):
    model = TwoLayerSoftmaxRegressor(random_state=0, **parameters).fit(X, y)
    fits.append((model, *model.predict(X, return_std=True)))
with open(sys.argv[1], "wb") as file:
    pickle.dump({"X": X, "fits": fits}, file, protocol=5)
