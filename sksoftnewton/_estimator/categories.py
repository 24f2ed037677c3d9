"""Levels of a category: which there are, and what stands for them.

A few levels have a code each, and a column each in the model, whose prior shrinks what
a few rows say. A level that was seen once says nothing that its row does not: such
levels have a code together, which is also that of levels that were never seen, as Good
and Turing take unseen species for those seen once. Where they are few, the mean over
their rows says less than the average of all levels, which then stands for them.
Many levels are put in order by a number: the mean of the target over their rows, less
what is linear in the other columns, shrunk towards that of all rows as far as the
variance between levels and that within say (the best linear prediction in a mixed
model, its variances by the method of moments). A row that the model is fitted to must
not see its own target: it gets means over the other four fifths of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sksoftnewton._rows.standardisation import Standardisation

Array = NDArray[np.float64]
Index = NDArray[np.integer]

# The largest weight of a level that is merged with others, and of all of these together
# that is too little: their mean has half the standard deviation of one of them.
RARE, FEW = 1.0, 4.0
# Most levels, after merging, that have a column each.
MOST_LEVELS = 60
N_FOLDS = 5
RIDGE = 1e-6  # of standardised columns


@dataclass(frozen=True)
class Category:
    """A column of categories, as it was when the model was fitted.

    Attributes
    ----------
    kind : str, what the values are
    values : tuple, None for missing ones
    numbers : ndarray of shape (len(values),)
        The code of each value, NaN for the average of all levels; with many levels
        its mean of the target.
    labels : tuple of str or None
        Labels of the codes, for `Levels`; None with many levels.
    unknown : float, stands for values that are not among these; NaN: their average
    """

    kind: str
    values: tuple[Any, ...]
    numbers: Array
    labels: tuple[str, ...] | None
    unknown: float

    def codes(self, values: Sequence[Any]) -> Array:
        """What stands for values, (n,)."""
        number_of = dict(zip(self.values, self.numbers.tolist(), strict=True))
        return np.array([number_of.get(value, self.unknown) for value in values])


def category(
    values: Sequence[Any],
    kind: str,
    Y: Array,
    weight: Array,
    random_state: Any,
    others: Array | None = None,
) -> tuple[Category, Array]:
    """The levels of a column, and what stands for them in the rows of the fit.

    Parameters
    ----------
    values : sequence of n values, None for missing ones
    kind : str
    Y : ndarray of shape (n, n_outputs)
    weight : ndarray of shape (n,)
    random_state : int, RandomState instance or None
        Makes the folds where levels are many.
    others : ndarray of shape (n, n_others), default=None
        Other columns, which have their share in the target where levels are many.
    """
    known, level, totals = _levels(values, Y[:, 0], weight)
    common = int(np.sum(totals > RARE))  # the others are rare
    merged = common == 0 or totals[common:].sum() > FEW
    if common + merged > MOST_LEVELS:
        fold = check_random_state(random_state).permutation(len(level)) % N_FOLDS
        y = _one_target(Y, weight)
        if others is not None:
            y = without_others(y, weight, level, others)
        return _of_many_levels(known, kind, level, (y, weight), fold)
    labels = [_label(value) for value in known[:common]]
    if merged:
        labels.append(" is another")
    unknown = float(common) if merged else np.nan
    numbers = np.arange(len(known), dtype=np.float64)
    numbers[common:] = unknown
    found = Category(kind, tuple(known), numbers, tuple(labels), unknown)
    return found, found.codes(values)


def _levels(
    values: Sequence[Any], y: Array, weight: Array
) -> tuple[NDArray[np.object_], Index, Array]:
    """Levels of positive weight, the largest first, those of rows, and their weights.

    Neither names nor codes of levels decide on their order: only what rows say. Rows of
    other levels have −1.
    """
    place: dict[Any, int] = {}
    which = np.array([place.setdefault(value, len(place)) for value in values])
    totals = np.bincount(which, weight).astype(np.float64)
    sums = np.bincount(which, weight * y)
    with np.errstate(divide="ignore", invalid="ignore"):
        order = np.lexsort((sums / totals, -totals))
    order = order[totals[order] > 0]
    rank = np.full(len(place), -1)
    rank[order] = np.arange(len(order))
    known: NDArray[np.object_] = np.array(list(place), dtype=object)[order]
    return known, rank[which], totals[order]


def _label(value: Any) -> str:
    if value is None:
        return " is missing"
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return f" = {value}"


def _of_many_levels(
    known: NDArray[np.object_],
    kind: str,
    level: Index,
    of_rows: tuple[Array, Array],
    fold: Index,
) -> tuple[Category, Array]:
    """Means of the target for levels, and for rows those over other rows."""
    (y, weight), n_levels = of_rows, len(known)
    means, unknown = shrunken_means(y, weight, level, n_levels)
    found = Category(kind, tuple(known), means, None, unknown)
    rows = np.empty(len(level))
    for k in range(N_FOLDS):
        here = fold == k
        others = np.where(here, 0.0, weight)
        rows[here] = shrunken_means(y, others, level, n_levels)[0][level[here]]
    return found, rows


def _one_target(Y: Array, weight: Array) -> Array:
    """The target, or the direction in which several standardised ones vary most."""
    if Y.shape[1] == 1:
        return Y[:, 0]
    centred = Y - weight @ Y / weight.sum()
    deviation = np.sqrt(weight @ centred**2 / weight.sum())
    standardised = centred / np.where(deviation > 0, deviation, 1.0)
    moments = (standardised.T * weight) @ standardised
    direction = np.linalg.eigh(moments)[1][:, -1]
    target: Array = standardised @ (direction * np.sign(direction.sum() or 1.0))
    return target


def without_others(y: Array, weight: Array, level: Index, others: Array) -> Array:
    """The target less what is linear in other columns, at their means, (n,).

    Their coefficients are those within levels, by least squares with a tiny ridge.

    Parameters
    ----------
    y, weight : ndarray of shape (n,)
    level : ndarray of int of shape (n,); −1 only where there is no weight
    others : ndarray of shape (n, n_others)
    """
    counted = np.flatnonzero(weight > 0)
    w, X = weight[counted], others[counted].astype(np.float64)
    moments = Standardisation.of(X, w)
    mean, scale = moments.mean, moments.scale
    columns = np.column_stack([(X - mean) / scale, y[counted]])
    sums = sp.csr_array((w, (level[counted], np.arange(len(w))))) @ columns
    of_level = np.bincount(level[counted], w)
    columns -= (sums / np.where(of_level > 0, of_level, 1.0)[:, None])[level[counted]]
    products = (columns.T * w) @ columns / w.sum()
    products[np.diag_indices(len(mean))] += RIDGE
    coef = np.linalg.solve(products[:-1, :-1], products[:-1, -1]) / scale
    rest: Array = y - (others - mean) @ coef
    return rest


def shrunken_means(
    y: Array, weight: Array, level: Index, n_levels: int
) -> tuple[Array, float]:
    """Means of y over levels, shrunk towards that of all rows, and this one.

    With the weight n of a level, the variances σ² within levels and τ² between them,
    a mean keeps the part n / (n + σ²/τ²) of its distance.

    Parameters
    ----------
    y, weight : ndarray of shape (n,)
    level : ndarray of int of shape (n,); −1 only where there is no weight
    n_levels : int
    """
    counted = weight > 0
    y, weight, level = y[counted], weight[counted], level[counted]
    total = weight.sum()
    mean = float(weight @ y / total)
    of_level = np.bincount(level, weight, n_levels)
    some = of_level > 0
    excess = np.bincount(level, weight * (y - mean), n_levels)
    excess[some] = excess[some] / of_level[some]
    n_seen = int(some.sum())
    within = weight @ (y - mean - excess[level]) ** 2 / max(total - n_seen, 1.0)
    between = of_level @ excess**2 - (n_seen - 1) * within
    between /= max(total - of_level @ of_level / total, np.finfo(np.float64).tiny)
    if between <= 0:
        return np.full(n_levels, mean), mean
    return mean + excess * of_level / (of_level + within / between), mean
