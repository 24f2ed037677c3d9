"""What is guaranteed about a point of the paper's problem, and what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Condition:
    """One inequality of the theory with its two numbers.

    Attributes
    ----------
    name : str
    meaning : str
    value : float
    relation : {"<=", ">"}
    limit : float
    """

    name: str
    meaning: str
    value: float
    relation: str
    limit: float

    def __bool__(self) -> bool:
        if self.relation == ">":
            return bool(self.value > self.limit)
        return bool(self.value <= self.limit)

    def __str__(self) -> str:
        verdict = "holds" if self else "does not hold"
        numbers = f"{self.value:.3g} {self.relation} {self.limit:.3g}"
        return f"{self.name}: {self.meaning} {numbers} {verdict}"


@dataclass(frozen=True)
class Conditions:
    """The conditions of the theory, by name; true where all hold."""

    items: tuple[Condition, ...]

    def __bool__(self) -> bool:
        return all(bool(item) for item in self.items)

    def __iter__(self) -> Iterator[Condition]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, name: str) -> Condition:
        for item in self.items:
            if item.name == name:
                return item
        raise KeyError(name)


@dataclass(frozen=True)
class ConvergenceCertificate:
    """Guarantees and measurements at a point x̂ near a minimiser x* of L.

    L has the units of b², x its own; the norm |·|_H is that of H = ∇²L(x̂) and
    has the units of b. Infinity or nan stands for "no bound". Bounds include rounding
    errors; ``observed_contraction``, ``lambda_min`` and ``condition_number`` are
    measurements.

    Attributes
    ----------
    beta : float
        D²Φ ⪰ −beta I in the logits, for every x.
    w2_required_eig, w2_required_diameter : float
        min w² above which L is strongly convex everywhere: beta, and
        K_β D² / σ_min(A1)² with D the largest distance between rows of A1.
    conditions_hold : Conditions
        The theory's conditions with their numbers, "penalty", "minimiser",
        "initialisation", "sparsifier" and "contraction"; true if all hold.
    global_strong_convexity : float
        Lower bound of λ_min(∇²L) for every x, units L/x²; nan if not positive.
    lipschitz_euclidean : float
        Of ∇²L for every x, units L/x³.
    lipschitz_local : float
        Of ∇²L in the norm |·|_H, over the ball in which x* is looked for.
    newton_decrement : float
        Bound of |∇L|_{H^-1} at x̂; nan where H is not proven positive definite.
    kantorovich : float
        lipschitz_local · newton_decrement; at most ½ proves that x* exists.
    certified : bool
        That proof succeeded: x* is a strict local minimiser near x̂.
    distance_H, distance : float
        Bounds of |x̂ − x*|_H and of |x̂ − x*|.
    strong_convexity : float
        Lower bound of λ_min(∇²L(x*)), units L/x².
    radius_H, radius_euclidean : float
        Within this distance of x*, in the norms |·|_{H(x*)} and |·|, δ ≤ 0.1, and
        every step with a sparsified Hessian within 1 ± ε contracts by θ(ε, 0.1).
    theory_rate : float
        θ(ε, 0.1) for the ε that is promised for the whole Hessian, epsilon · gamma
        (0 where no row is left out); infinite from ε = 1 on, and for uniform sampling.
    sample_size_theory : float
        Rows at which the sparsifier's band is proven (infinite for epsilon = 0).
    sketch_eps : float
        Bound of the spectral error of one sparsified Hessian drawn at x̂, against the
        exact one; 0 where no row is left out.
    gamma : float
        Bound of λ_max(H⁻¹ A1ᵀ|D|A1), by which the diagonal part's error is magnified.
    rows_used : int
        Rows kept in that draw.
    observed_contraction : float
        Largest contraction ratio in the norm |·|_H over the iterations that began
        within the guaranteed radius; nan if none could be measured.
    lambda_min, condition_number : float
        Of H, units L/x², and without unit; the latter is infinite where H is not
        proven positive definite.
    not_certified : tuple of str
        What the numbers above say nothing about.
    """

    beta: float
    w2_required_eig: float
    w2_required_diameter: float
    conditions_hold: Conditions
    global_strong_convexity: float
    lipschitz_euclidean: float
    lipschitz_local: float
    newton_decrement: float
    kantorovich: float
    certified: bool
    distance_H: float  # noqa: N815 (the norm's name)
    distance: float
    strong_convexity: float
    radius_H: float  # noqa: N815
    radius_euclidean: float
    theory_rate: float
    sample_size_theory: float
    sketch_eps: float
    gamma: float
    rows_used: int
    observed_contraction: float
    lambda_min: float
    condition_number: float
    not_certified: tuple[str, ...]

    def __str__(self) -> str:
        return _report(self)


def _report(c: ConvergenceCertificate) -> str:
    """The certificate as a page of text."""
    verdict = (
        "x is near a strict local minimiser x* (proven)"
        if c.certified
        else "no minimiser near x could be proven"
    )
    lines = [
        f"Convergence certificate: {verdict}",
        "",
        "Guaranteed, rounding included",
        f"  Newton decrement |gradient|_H^-1       {c.newton_decrement:.3g}",
        f"  Kantorovich M η (proof needs <= 0.5)   {c.kantorovich:.3g}",
        f"  |x − x*| <=                            {c.distance:.3g}",
        f"  |x − x*|_H <=                          {c.distance_H:.3g}",
        f"  smallest eigenvalue at x* >=           {c.strong_convexity:.3g}",
        f"  smallest eigenvalue at any x >=        {c.global_strong_convexity:.3g}",
        f"  Lipschitz constant of the Hessian      {c.lipschitz_euclidean:.3g}",
        f"  the same near x, in the norm of H      {c.lipschitz_local:.3g}",
        f"  radius of contraction, norm of H       {c.radius_H:.3g}",
        f"  radius of contraction, Euclidean       {c.radius_euclidean:.3g}",
        f"  contraction per step within it <=      {c.theory_rate:.3g}",
        f"  w² that makes L convex: eigenvalues    {c.w2_required_eig:.3g}",
        f"  w² that makes L convex: diameter       {c.w2_required_diameter:.3g}",
        "",
        "Measured",
        f"  smallest eigenvalue at x               {c.lambda_min:.3g}",
        f"  condition number                       {c.condition_number:.3g}",
        f"  rows kept by the sketch                {c.rows_used}"
        f" (proven size {c.sample_size_theory:.3g})",
        f"  ε of the sketched Hessian              {c.sketch_eps:.3g}",
        f"  γ, magnifying the sketch's ε           {c.gamma:.3g}",
        f"  largest contraction within the radius  {c.observed_contraction:.3g}",
        "",
        "The theory's conditions" + ("" if c.conditions_hold else " (not all hold)"),
        *(f"  {condition}" for condition in c.conditions_hold),
        "",
        "Not certified",
        *(f"  {gap}" for gap in c.not_certified),
    ]
    return "\n".join(lines)
