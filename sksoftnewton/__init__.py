"""Two-layer softmax regression trained by an approximate Newton method."""

from sksoftnewton._certificate import ConvergenceCertificate
from sksoftnewton._functional import (
    SoftmaxRegressionResult,
    two_layer_softmax_regression,
)
from sksoftnewton._regressor import TwoLayerSoftmaxRegressor
from sksoftnewton._sketch import leverage_scores, spectral_sparsifier
from sksoftnewton._theory import certify

__version__ = "0.1.0"

__all__ = [
    "ConvergenceCertificate",
    "SoftmaxRegressionResult",
    "TwoLayerSoftmaxRegressor",
    "__version__",
    "certify",
    "leverage_scores",
    "spectral_sparsifier",
    "two_layer_softmax_regression",
]
