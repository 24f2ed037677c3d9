"""The certificate as a report, and its conditions as truth values."""

import numpy as np
import pytest

from tests.references_paper import certificate_of, random_problem, solved


def test_the_report_reads_like_a_report():
    rng = np.random.default_rng(22)
    dense = random_problem(rng, n=60, w=6.0)
    c = certificate_of(dense, solved(dense))
    report = str(c)
    assert report.startswith("Convergence certificate: x is near a strict local min")
    for heading in (
        "Guaranteed",
        "Measured",
        "The theory's conditions",
        "Not certified",
    ):
        assert f"\n\n{heading}" in report
    assert max(len(line) for line in report.splitlines()) <= 80
    for condition in c.conditions_hold:
        assert condition.meaning in report
        assert f"{condition.value:.3g}" in report
        assert f"{condition.limit:.3g}" in report


def test_conditions_are_named_and_have_a_truth_value():
    dense = random_problem(np.random.default_rng(23), n=60, w=8.0)
    solution = solved(dense)
    conditions = certificate_of(dense, solution).conditions_hold
    assert [c.name for c in conditions] == [
        "penalty",
        "minimiser",
        "initialisation",
        "sparsifier",
        "contraction",
    ]
    assert len(conditions) == 5
    assert conditions
    with pytest.raises(KeyError):
        conditions["another"]
    far = certificate_of(dense, solution, x0=solution + 1e9).conditions_hold
    assert not far["initialisation"]
    assert not far
