"""Two-layer softmax regression trained by an approximate Newton method."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

# Each column is loaded when it is first asked for: who wants the estimator does not
# wait for the paper's, and the command line can be interrupted before it has either.
_MODULES = {
    "ConvergenceCertificate": "_paper.certificate",
    "SoftmaxRegressionResult": "_paper.result",
    "TwoLayerSoftmaxRegressor": "_estimator.regressor",
    "certify": "_paper.certification",
    "leverage_scores": "_paper.sparsifier",
    "spectral_sparsifier": "_paper.sparsifier",
    "two_layer_softmax_regression": "_paper.regression",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"sksoftnewton.{_MODULES[name]}")
    globals()[name] = value = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
