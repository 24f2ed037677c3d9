"""Two-layer softmax regression trained by an approximate Newton method."""

from sksoftnewton._regressor import TwoLayerSoftmaxRegressor

__version__ = "0.1.0"

__all__ = ["TwoLayerSoftmaxRegressor", "__version__"]
