"""The estimator and other models, cross-validated on the same folds."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit
from sklearn.utils import _safe_indexing
from threadpoolctl import threadpool_limits

from sksoftnewton._cli.columns import ColumnWarning
from sksoftnewton._cli.models import title
from sksoftnewton._cli.reading import InputError
from sksoftnewton._cli.terminal import tracked

LARGE = 10_000  # rows from which three folds are enough
NAME_WIDTH = 31

Array = NDArray[np.float64]
Fold = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True)
class Folds:
    """Training and test rows, and which rows belong together.

    Attributes
    ----------
    splits : list of pairs of ndarrays of int
    description : str
    clusters : ndarray of shape (n,)
        Rows of one cluster are never on both sides, and are not independent.
    """

    splits: list[Fold]
    description: str
    clusters: NDArray[Any]


def make_folds(
    n: int, count: int | None, *, group: Any = None, moment: Any = None
) -> Folds:
    """Folds at random, by group, or forwards in time.

    Parameters
    ----------
    n : int
        Number of rows.
    count : int or None
        Number of folds. None: five, or three where rows are many.
    group : ndarray of shape (n,), default=None
        Rows of one group are tested together.
    moment : ndarray of shape (n,), default=None
        Each fold is trained on rows before those that it is tested on.

    Raises
    ------
    InputError
        If there are fewer rows, groups or moments than the folds need.
    """
    count = count or (3 if n >= LARGE else 5)
    labels = np.arange(n) if group is None and moment is None else group
    labels = moment if labels is None else labels
    values, clusters = np.unique(labels, return_inverse=True)
    needed = count if moment is None else count + 1
    if len(values) < needed:
        need = f"{count} folds need {needed}"
        if group is None and moment is None:
            raise InputError(f"{need} rows; there are {n}")
        option = "--time" if group is None else "--group"
        raise InputError(
            f"{option}: {need} different values of the column; there are {len(values)}"
        )
    if moment is not None:
        # Split the moments, not the rows: none is on both sides.
        parts = TimeSeriesSplit(count).split(values)
        pairs = [
            (
                np.flatnonzero(clusters <= train[-1]),
                np.flatnonzero(np.isin(clusters, test)),
            )
            for train, test in parts
        ]
        return Folds(pairs, f"{count} folds forwards in time", clusters)
    if group is not None:
        splitter = GroupKFold(count, shuffle=True, random_state=0)
        pairs = list(splitter.split(clusters, groups=clusters))
        return Folds(pairs, f"{count} folds of whole groups", clusters)
    pairs = list(KFold(count, shuffle=True, random_state=0).split(clusters))
    return Folds(pairs, f"{count} folds at random", clusters)


@dataclass(frozen=True)
class Scores:
    """Predictions of one model for all rows that were tested.

    Attributes
    ----------
    name : str
    errors : ndarray of shape (n,), y minus its prediction; NaN for rows never tested
    seconds : float, of a fit, on average
    """

    name: str
    errors: Array
    seconds: float


def compare(models: dict[str, Any], X: Any, y: Array, folds: Folds) -> None:
    """Print a line for each model as soon as it stands, then the differences.

    Parameters
    ----------
    models : dict of estimators
    X : DataFrame or ndarray of n rows
    y : ndarray of shape (n,)
    folds : Folds
    """
    print(f"  {'':{NAME_WIDTH}}{'R²':>7}{'MAE':>11}{'RMSE':>11}{'s / fit':>10}")
    tested = np.concatenate([test for _, test in folds.splits])
    variance = float(np.var(y[tested]))
    scores, notes = [], []
    for model in models.values():
        name = title(model)
        try:
            found, warned = cross_validated(name, model, X, y, folds)
        except Exception as error:  # the other models are still worth their lines
            reason = str(error).partition("\n")[0]
            print(f"  {name:{NAME_WIDTH}}failed: {type(error).__name__}: {reason}")
            continue
        print(_line(found, variance), flush=True)
        scores.append(found)
        notes += [f"  {name}: {text} ({n} times)" for text, n in warned.items()]
    for line in [*differences(scores, variance, folds.clusters), *notes]:
        print(line)
    print(flush=True)


def cross_validated(
    name: str, model: Any, X: Any, y: Array, folds: Folds
) -> tuple[Scores, Counter[str]]:
    """Fit and predict each fold; also what was warned of, and how often."""
    errors, seconds = np.full(len(y), np.nan), []
    # One thread each: comparable seconds, and threads that wait for a busy core can
    # take minutes.
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(limits=1):
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ColumnWarning)  # the table of columns says it
        for train, test in tracked(folds.splits, len(folds.splits), name):
            began = time.perf_counter()
            fit = clone(model).fit(_safe_indexing(X, train), y[train])
            seconds.append(time.perf_counter() - began)
            if any("interrupted" in str(warning.message) for warning in caught):
                raise KeyboardInterrupt  # which MLPRegressor has turned into a warning
            errors[test] = y[test] - fit.predict(_safe_indexing(X, test))
    texts = Counter(str(warning.message).partition("\n")[0] for warning in caught)
    return Scores(name, errors, float(np.mean(seconds))), texts


def _line(scores: Scores, variance: float) -> str:
    errors = scores.errors[~np.isnan(scores.errors)]
    mse = np.mean(errors**2)
    return (
        f"  {scores.name:{NAME_WIDTH}}{1 - mse / variance:7.3f}"
        f"{np.mean(np.abs(errors)):11.4g}{np.sqrt(mse):11.4g}{scores.seconds:10.3f}"
    )


def differences(
    scores: list[Scores], variance: float, clusters: NDArray[Any]
) -> Iterator[str]:
    """Differences in R² to the best model, paired row by row, in lines.

    The standard error is that of a mean over clusters of rows: it says how much the
    rows tested could have turned out otherwise, for the models as they were trained.
    """
    if len(scores) < 2:
        return
    best, *others = sorted(scores, key=lambda s: float(np.nanmean(s.errors**2)))
    yield f"  R² minus that of {best.name}, ± standard error of the difference"
    for other in others:
        loss = (best.errors**2 - other.errors**2) / variance
        mean, error = paired(loss, clusters)
        yield f"  {other.name:{NAME_WIDTH}}{mean:8.4f} ± {error:.4f}"


def paired(difference: Array, clusters: NDArray[Any]) -> tuple[float, float]:
    """Mean and standard error of numbers that depend on each other within clusters.

    Parameters
    ----------
    difference : ndarray of shape (n,), NaN where there is none
    clusters : ndarray of int of shape (n,)
    """
    known = ~np.isnan(difference)
    difference, clusters = difference[known], clusters[known]
    mean = float(difference.mean())
    sums = np.bincount(clusters, weights=difference - mean)
    count = len(np.unique(clusters))
    error = np.sqrt(np.sum(sums**2) * count / (count - 1)) / len(difference)
    return mean, float(error)


def examples() -> Iterable[tuple[str, Array, Array]]:
    """Titles and data of what is compared when no file is given."""
    from sklearn.datasets import load_diabetes, make_friedman1

    yield "Diabetes progression (real)", *load_diabetes(return_X_y=True)
    yield "Friedman 1 (synthetic)", *make_friedman1(2000, noise=1.0, random_state=0)
