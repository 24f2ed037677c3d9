"""Pictures of a fitted model, in the style of scikit-learn's displays.

They need matplotlib: ``pip install "sksoftnewton[plot]"``.
"""

from sksoftnewton.plotting._convergence import ConvergenceDisplay
from sksoftnewton.plotting._diagnostics import DiagnosticsDisplay
from sksoftnewton.plotting._evidence import EvidenceDisplay
from sksoftnewton.plotting._interval import PredictionIntervalDisplay
from sksoftnewton.plotting._membership import MembershipDisplay

__all__ = [
    "ConvergenceDisplay",
    "DiagnosticsDisplay",
    "EvidenceDisplay",
    "MembershipDisplay",
    "PredictionIntervalDisplay",
]
