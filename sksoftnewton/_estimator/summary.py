"""A short table of what a fit has found."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksoftnewton._estimator.array_api import to_numpy
from sksoftnewton._estimator.effects import Columns
from sksoftnewton._estimator.explanation import feature_names, unit_values
from sksoftnewton._estimator.seen import Seen
from sksoftnewton._inference.candidates import DECISIVE

Array = NDArray[np.float64]

MOST_UNITS, MOST_NAMES = 16, 10  # that are listed
MOST_DASHES = 88


class Summary:
    """A table that prints as text, such as `str` and the console show it.

    Parameters
    ----------
    text : str
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def summary(model: Any, seen: Seen) -> Summary:
    """The summary of a fitted model.

    Parameters
    ----------
    model : TwoLayerSoftmaxRegressor, fitted
    seen : Seen
    """
    names = feature_names(model)
    n_used, n_outputs = len(seen.columns.used), model.output_coef_.shape[0]
    title = (
        f"{type(model).__name__}: {_count(model.n_hidden_, 'unit')}, "
        f"{n_used} of {_count(model.n_features_in_, 'feature')}, "
        f"{_count(n_outputs, 'output')}, {_rows(seen.total_weight)}"
    )
    facts = {
        "features": _features(model, seen, names),
        "basis": _basis(seen),
        "target": _target(model),
        "noise": _noise(model),
        "evidence": _evidence(model, seen.columns),
        "status": f"{model.status_} after {_count(model.n_iter_, 'iteration')}",
        "warnings": "; ".join(seen.messages) or "none",
    }
    lines = [f"{name:<9} {fact}" for name, fact in facts.items()]
    units = _units(model, seen, names)
    rule = "-" * min(MOST_DASHES, max(map(len, (title, *units, *lines))))
    return Summary("\n".join([title, rule, *units, rule, *lines]))


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _rows(total_weight: float) -> str:
    """Weights count as repetitions, as far as they are whole numbers together."""
    if total_weight == round(total_weight):
        return _count(round(total_weight), "row")
    return f"rows of total weight {total_weight:.6g}"


def _numbers(values: Array) -> str:
    return ", ".join(f"{value:.4g}" for value in np.ravel(values))


def _units(model: Any, seen: Seen, names: NDArray[np.object_]) -> list[str]:
    """One line a unit, those of most rows first."""
    values, units = unit_values(model), seen.units
    columns = model.basis_.without_ramps()
    described = columns.get_feature_names_out(names)
    rows = [("unit", "share", "value", "leading features (mean in the unit)")]
    order = np.argsort(-units.share, kind="stable")
    for j in order[:MOST_UNITS]:
        told = columns.starts[units.leading[j]] + units.level[j]
        leading = zip(described[told], units.sign[j], units.mean[j], strict=True)
        text = ", ".join(
            f"{'+' if sign > 0 else '-'}{name} ({mean:.4g})"
            for name, sign, mean in leading
            if sign
        )
        rows.append((str(j), f"{units.share[j]:.1%}", _numbers(values[:, j]), text))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join(
            [*(cell.rjust(w) for cell, w in zip(row, widths, strict=False)), row[3]]
        ).rstrip()
        for row in rows
    ]
    n_more = len(order) - MOST_UNITS
    return lines if n_more <= 0 else [*lines, f"… and {_count(n_more, 'more unit')}"]


def _features(model: Any, seen: Seen, names: NDArray[np.object_]) -> str:
    """The features in use, the most important first."""
    importances = np.asarray(to_numpy(model.feature_importances_))
    used = seen.columns.used
    order = used[np.argsort(-importances[used], kind="stable")]
    listed = [f"{names[j]} {importances[j]:.0%}" for j in order[:MOST_NAMES]]
    if len(order) > MOST_NAMES:
        listed.append(f"{len(order) - MOST_NAMES:,} more")
    left_out = len(importances) - len(used)
    return ", ".join(listed) + (f"; {left_out:,} left out" if left_out else "")


def _basis(seen: Seen) -> str:
    basis = seen.columns.basis
    if basis.is_linear:
        return "linear"
    kind = "ramps" if basis.has_ramps else "linear"
    return f"{kind}, {_count(basis.n_columns, 'column')}"


def _target(model: Any) -> str:
    activation = model.output_activation
    if activation != "identity":
        return f"{activation} of the output"
    return "logarithm" if model.target_transform_ == "log" else "as it is"


def _noise(model: Any) -> str:
    """Standard deviations of every output, and those of the units where they differ."""
    deviations = np.sqrt(np.asarray(to_numpy(model.noise_variance_)))
    of_units = np.sqrt(np.asarray(to_numpy(model.unit_noise_variance_)))
    texts = []
    for deviation, of_unit in zip(deviations, of_units, strict=True):
        text = f"{deviation:.4g}"
        if np.ptp(of_unit) > 0:
            text += f" (by unit {of_unit.min():.4g} to {of_unit.max():.4g})"
        texts.append(text)
    scale = " of the logarithm" if model.target_transform_ == "log" else ""
    return f"standard deviation{scale} {', '.join(texts)}"


def _evidence(model: Any, columns: Columns) -> str:
    """The log evidence, and what speaks for the width against the next one."""
    if not np.isfinite(model.log_evidence_):
        return "none"
    text = f"log evidence {model.log_evidence_:.1f}, "
    text += f"{model.effective_dof_:.1f} effective parameters; "
    found = against_next_width(
        model.width_path_,
        n_hidden=model.n_hidden_,
        n_features=len(columns.used),
        n_columns=columns.basis.n_columns,
        target_transform=model.target_transform_,
    )
    if found is None:
        return text + "no wider network was compared"
    wider, difference = found
    if difference >= 0:
        return text + f"{difference:.1f} above {wider} units"
    why = "whose errors on rows left out are not lower"
    if -difference <= DECISIVE:
        why = "too little to prefer them"
    return text + f"{-difference:.1f} below {wider} units, {why}"


def against_next_width(
    path: dict[str, Any],
    *,
    n_hidden: int,
    n_features: int,
    n_columns: int,
    target_transform: str,
) -> tuple[int, float] | None:
    """The next width, and the log odds (evidence and prior) of the chosen one against.

    Both with the features and the scale of the choice, on the same rows, and on its
    columns, or on fewer where several widths were only tried on these; None where that
    never was.
    """
    score = path["log_evidence"] + path["log_prior"]
    usable = path["kept"] & np.isfinite(score) & (path["n_features"] == n_features)
    usable &= path["target_transform"] == target_transform
    usable &= path["n_columns"] <= n_columns
    chosen_width = np.flatnonzero(usable & (path["n_hidden"] == n_hidden))
    for i in sorted(chosen_width, key=lambda i: (path["n_columns"][i], i))[::-1]:
        same = usable & (path["n_columns"] == path["n_columns"][i])
        same &= path["n_rows"] == path["n_rows"][i]
        wider = same & (path["n_hidden"] > n_hidden)
        if wider.any():
            k = int(path["n_hidden"][wider].min())
            chosen, next_one = (
                float(score[same & (path["n_hidden"] == width)].max())
                for width in (n_hidden, k)
            )
            return k, chosen - next_one
    return None
