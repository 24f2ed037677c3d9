"""What the solver of the paper's problem returns."""

from __future__ import annotations

from scipy.optimize import OptimizeResult

from sksoftnewton._solver.newton import CONVERGED, MAX_ITER, NO_PROGRESS, STOPPED

MESSAGES = {
    CONVERGED: "The gradient is small enough, or as small as rounding lets it be.",
    MAX_ITER: "max_iter iterations were made before the gradient was small enough.",
    NO_PROGRESS: "No step lowers the loss, but the gradient is not small.",
    STOPPED: "The callback asked to stop.",
}


class SoftmaxRegressionResult(OptimizeResult):  # type: ignore[misc]
    """What `two_layer_softmax_regression` found.

    A `scipy.optimize.OptimizeResult`: its attributes are also the items of a dict.

    Attributes
    ----------
    x : ndarray of shape (d,)
        The point that was reached.
    fun : float
        L(x).
    jac : ndarray of shape (d,)
        ∇L(x).
    nit, nfev : int
        Outer iterations, and evaluations of L with its gradient.
    success : bool
        Whether the status is "converged".
    status : {"converged", "max_iter", "no_progress", "stopped_by_callback"}
        Why the run ended.
    message : str
        The same in a sentence.
    history : dict of arrays of shape (nit,)
        One entry an iteration, after its step: ``loss``, ``gradient_norm``,
        ``damping`` λ, ``decrement`` (of the first model tried), ``indefinite``
        (that model had a negative eigenvalue), ``n_rows`` n, ``rows_kept`` in the
        Hessian, ``sketch_size`` (the same, 0 where the Hessian was exact),
        ``n_cg`` (quasi-Newton steps, 0 for a Newton step), ``passes`` (work so far in
        gradient evaluations), ``time`` (s) and ``contraction``:
        |x⁺ − x*|_H / |x − x*|_H in the norm of the Hessian at the solution, nan where
        rounding hides it and without a certificate.
    certificate : ConvergenceCertificate or None
        What is guaranteed about x; None if it was not asked for.
    time : dict
        Seconds in the ``loop`` and for the ``certificate``.

    See Also
    --------
    two_layer_softmax_regression : Returns it.

    Examples
    --------
    >>> import numpy as np
    >>> from sksoftnewton import two_layer_softmax_regression
    >>> result = two_layer_softmax_regression(np.eye(3), None, [0.5, 0.3, 0.2])
    >>> result.status, result["status"]
    ('converged', 'converged')
    """
