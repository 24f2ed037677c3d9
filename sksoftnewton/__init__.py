"""Two-layer softmax regression trained by an approximate Newton method."""

from sksoftnewton._estimator.regressor import TwoLayerSoftmaxRegressor
from sksoftnewton._paper.certificate import ConvergenceCertificate
from sksoftnewton._paper.certification import certify
from sksoftnewton._paper.regression import two_layer_softmax_regression
from sksoftnewton._paper.result import SoftmaxRegressionResult
from sksoftnewton._paper.sparsifier import leverage_scores, spectral_sparsifier

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
