"""The paper's own problem: one softmax over the rows of A1 (arXiv 2311.15390)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult

from sksoftnewton._paper.hessian import HessianSketch
from sksoftnewton._paper.objective import check_problem
from sksoftnewton._paper.parameters import AUTO, REGRESSION, check_options
from sksoftnewton._paper.result import SoftmaxRegressionResult
from sksoftnewton._paper.run import Run
from sksoftnewton._paper.sparsifier import Seed


def two_layer_softmax_regression(
    A1: Any,
    A2: Any,
    b: Any,
    *,
    h: str = "identity",
    w: Any = 1.0,
    x0: Any = None,
    sketch: str = AUTO,
    epsilon: float = 0.1,
    globalize: bool = True,
    tol: float = 1e-8,
    max_iter: int = 100,
    random_state: Seed = None,
    callback: Callable[[OptimizeResult], Any] | None = None,
    certificate: bool = True,
) -> SoftmaxRegressionResult:
    """Minimise L(x) = ½ |h(A2 softmax(A1 x)) − b|² + ½ |w ∘ (A1 x)|² over x.

    By default quasi-Newton steps in the metric of a sketched Hessian, or Newton steps
    with the exact one where that costs less. With a named ``sketch`` the approximate
    Newton method of arXiv 2311.15390: full gradient, Hessian with its diagonal part
    A1ᵀ diag(·) A1 replaced by a spectral sparsifier. Damping after Levenberg and
    Marquardt, and steps along negative curvature, lead from any x0 to a second-order
    stationary point.

    Parameters
    ----------
    A1 : array or CSR array of shape (n, d)
    A2 : array or CSR array of shape (m, n), or None
        None stands for the identity, m = n.
    b : array of shape (m,)
    h : {"identity", "softplus", "exp", "tanh", "sigmoid", "relu"}
        For relu the Hessian ignores the kink, and nothing is certified where it
        is in reach.
    w : float or array of shape (n,), w ≥ 0
    x0 : array of shape (d,), zeros by default
    sketch : {"auto", "leverage", "uniform", "frozen", "none"}
        "auto": whatever is fast. An exact Hessian where it costs a few gradients or
        rows are few; elsewhere a metric from a sketch of 4 to 20 rows a column, by
        their weights and, if A1 is coherent, their leverage. Each metric serves for
        up to 40 quasi-Newton steps, which count as one iteration.

        The others are the paper's method, and say how rows are drawn for the
        Hessian of each iteration: by leverage scores; uniformly, with no guarantee;
        by leverage, but for the part that changes only, with A1ᵀ diag(w²) A1 formed
        once ("frozen"); or all of them ("none").
    epsilon : 0, or float in [1e-8, 1)
        Of the paper's method, and of the certificate: spectral error of the diagonal
        part, kept with probability 0.99 at each iteration. Where that would take half
        of the rows or more, and for 0, the Hessian is exact. Halved whenever no step
        can be accepted with it. "auto" needs no ε: the certificate speaks about
        "leverage" then.
    globalize : bool
        False: the paper's iteration as it stands, x ← x − H̃⁻¹ ∇L(x), which needs a
        Hessian: "auto" is "leverage" then.
    tol : float
        Stop at |∇L(x)| ≤ tol |∇L(x0)|, or at the rounding error of ∇L.
    max_iter : int
    random_state : int, Generator, SeedSequence or None
    callback : callable, optional
        Called after each iteration with an OptimizeResult: ``x``, ``fun``,
        ``jac``, ``nit`` and that iteration's history. A true value, or
        StopIteration, ends the run.
    certificate : bool
        False: leave out the certificate and the contraction ratios, which cost a few
        exact Hessians, often more than the solution did.

    Returns
    -------
    SoftmaxRegressionResult

    Raises
    ------
    ValueError
        For shapes that do not match, entries that are not finite or masked, too large
        or too small to be squared (1e50 and 1e-50), negative w, sparse formats other
        than CSR, and unknown or impossible options, which it names.

    Examples
    --------
    >>> import numpy as np
    >>> from sksoftnewton import two_layer_softmax_regression
    >>> rng = np.random.default_rng(0)
    >>> A1, A2 = rng.standard_normal((500, 4)), rng.standard_normal((3, 500))
    >>> x_true = rng.standard_normal(4)
    >>> f = np.exp(A1 @ x_true)
    >>> b = A2 @ (f / f.sum())
    >>> result = two_layer_softmax_regression(A1, A2, b, w=1e-3)
    >>> result.status, bool(result.certificate.certified)
    ('converged', True)
    """
    check_options("two_layer_softmax_regression", REGRESSION, locals())
    problem = check_problem(A1, A2, b, h, w)
    start = np.zeros(problem.d)
    if x0 is not None:
        start = problem.check_point(x0, "x0")
    rng = np.random.default_rng(random_state)
    literal = "leverage" if sketch == AUTO else sketch
    draw = HessianSketch(problem, literal, epsilon, rng)
    run = Run(problem, start, sketch, draw, rng, globalize, callback)
    return run.result(tol, max_iter, certificate)
