r"""
The paper's problem, with its guarantee
=======================================

:func:`~sksoftnewton.two_layer_softmax_regression` minimises

.. math::
    L(x) = {} & \tfrac12 \| A_2 \operatorname{softmax}(A_1 x) - b \|^2 \\
              & + \tfrac12 \| w A_1 x \|^2,

one softmax over all rows of A1, by the approximate Newton method of `arXiv 2311.15390
<https://arxiv.org/abs/2311.15390>`_. Its certificate says what is proven at the
solution, with a radius within which every iteration has to contract the error.
"""

import matplotlib.pyplot as plt
import numpy as np

from sksoftnewton import two_layer_softmax_regression

rng = np.random.default_rng(0)
A1, A2 = rng.standard_normal((100_000, 5)), rng.standard_normal((3, 100_000))
f = np.exp(A1 @ rng.standard_normal(5))
problem = {"A1": A1, "A2": A2, "b": A2 @ (f / f.sum()), "w": 0.6}

solution = two_layer_softmax_regression(
    **problem, sketch="leverage", tol=1e-12, random_state=0
)
print(solution.certificate)

# %%
# The theory is one of a good start and plain steps: ``globalize=False`` takes away the
# damping that otherwise leads to a minimum from anywhere. Ten runs start at 0.9 of the
# radius, with Hessians that keep more rows of A1 or fewer.

radius = solution.certificate.radius_euclidean
epsilons = (0.05, 0.1, 0.2)
ratios, guaranteed, kept = {}, {}, {}
for epsilon in epsilons:
    ratios[epsilon] = np.full((10, 12), np.nan)
    for seed in range(10):
        direction = rng.standard_normal(5)
        run = two_layer_softmax_regression(
            **problem,
            x0=solution.x + 0.9 * radius * direction / np.linalg.norm(direction),
            epsilon=epsilon,
            globalize=False,
            tol=1e-12,
            max_iter=12,
            random_state=seed,
        )
        ratios[epsilon][seed, : run.nit] = run.history["contraction"]
    guaranteed[epsilon] = run.certificate.theory_rate
    kept[epsilon] = np.mean(run.history["rows_kept"])
    print(
        f"ε = {epsilon}: {kept[epsilon]:,.0f} of {len(A1):,} rows, error times "
        f"{np.nanmedian(ratios[epsilon]):.3f} (median), "
        f"{np.nanmax(ratios[epsilon]):.3f} (worst), "
        f"{guaranteed[epsilon]:.3f} guaranteed"
    )

# %%
# Each point is one iteration of one run: by how much it shortened the error, in the
# norm of the Hessian at the solution. All lie below the line that the theory
# guarantees for their ε, and by a good margin; the more rows are kept, the lower.

figure, ax = plt.subplots(layout="constrained")
looks = (("#0072B2", "o", "-"), ("#009E73", "s", "--"), ("#D55E00", "^", "-."))
for shift, (epsilon, (color, marker, style)) in enumerate(
    zip(epsilons, looks, strict=True)
):
    places = np.tile(np.arange(1, 13), (10, 1)) + 0.2 * (shift - 1)
    label = f"ε = {epsilon}, {kept[epsilon]:,.0f} rows"
    ax.plot(
        places.ravel(), ratios[epsilon].ravel(), marker, color=color, alpha=0.6,
        mew=0, label=label,
    )  # fmt: skip
    label = f"guaranteed for ε = {epsilon}"
    ax.axhline(guaranteed[epsilon], color=color, linestyle=style, label=label)
ax.set(yscale="log", xlabel="iteration", ylabel="error after / error before")
ax.set_title("Contraction of every iteration, and its guarantee")
ax.set_ylim(top=3)
ax.legend(ncols=2, fontsize="small")
plt.show()
