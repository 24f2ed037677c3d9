"""What the scripts for docs/theory.md share: problems, figures, sections.

Each of them prints Markdown tables and writes docs/figures/theory_*.png:

    pip install . matplotlib
    OPENBLAS_NUM_THREADS=1 python docs/benchmarks/NAME.py [section ...]
"""

import sys
import time

import matplotlib
import numpy as np
from common import FIGURES, header

from sksoftnewton._paper.curvature import Curvature

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# Okabe and Ito's colours, told apart by every kind of colour vision.
BLUE, ORANGE, GREEN, RED, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9"
SMOOTH = ("identity", "softplus", "exp", "tanh", "sigmoid")


def run(*sections):
    """Run the sections named on the command line, or all."""
    by_name = {section.__name__: section for section in sections}
    header()
    for name in sys.argv[1:] or by_name:
        print(f"\n## {name}: {by_name[name].__doc__}")
        t = time.perf_counter()
        by_name[name]()
        print(f"({time.perf_counter() - t:.0f} s)", flush=True)


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def dense_problem(rng, n, d, m=3, noise=0.5):
    """iid normal A1 and A2, and outputs of a known x with noise."""
    A1, A2 = rng.standard_normal((n, d)), rng.standard_normal((m, n))
    b = A2 @ softmax(A1 @ rng.standard_normal(d)) + noise * rng.standard_normal(m)
    return A1, A2, b


def dense_hessian(problem, x):
    return Curvature(problem, x).hessian()


def unit_vectors(rng, n, d):
    directions = rng.standard_normal((n, d))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def panels(n, width, height):
    """A figure and a row of n axes that share their y."""
    return plt.subplots(1, n, figsize=(width, height), sharey=True)


def save(figure, name):
    FIGURES.mkdir(exist_ok=True)
    figure.savefig(
        FIGURES / f"theory_{name}.png",
        dpi=110,
        bbox_inches="tight",
        pil_kwargs={"optimize": True},
    )
    plt.close(figure)
