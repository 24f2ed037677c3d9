import numpy as np

from sksoftnewton._network.curvature import Curvature
from sksoftnewton._network.dual import DualGaussNewton
from tests.references import jacobian
from tests.references_network import dense_residuals, each_case, make_network


@each_case
def test_dual_rows_are_the_dense_jacobian(case):
    network, theta, *data = make_network(**case)
    curvature = Curvature(network, theta)
    dual = DualGaussNewton(curvature)
    J = jacobian(lambda t: dense_residuals(network, t, *data), theta)
    np.testing.assert_allclose(
        dual.residual, dense_residuals(network, theta, *data), atol=1e-12
    )
    rng = np.random.default_rng(0)
    v, t = rng.normal(size=len(theta)), rng.normal(size=len(J))
    np.testing.assert_allclose(dual.matvec(v), J @ v, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(dual.rmatvec(t), J.T @ t, rtol=1e-7, atol=1e-8)
    metric = dual.metric()
    np.testing.assert_allclose(metric, curvature.gram()[1], rtol=1e-9)
    np.testing.assert_allclose(
        dual.gram(metric), (J / metric) @ J.T, rtol=1e-6, atol=1e-7
    )
