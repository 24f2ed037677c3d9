"""Two-layer softmax regression trained by an approximate Newton method."""

__version__ = "0.1.0"
