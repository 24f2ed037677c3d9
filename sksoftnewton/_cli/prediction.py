"""Predictions of a saved model for the rows of a file."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from typing import Any

from sksoftnewton._cli.columns import ColumnWarning
from sksoftnewton._cli.large import is_collection, read_collection
from sksoftnewton._cli.reading import Format, InputError, read_frame
from sksoftnewton._cli.saving import check_destination, load_model, replacing


def predict_file(
    model: str,
    file: str,
    form: Format,
    *,
    level: float | None,
    out: str | None,
    force: bool,
) -> None:
    """Write a line for each row: the prediction, and the ends of an interval.

    Parameters
    ----------
    model, file : str, where they are
    form : Format
    level : float or None
        Part of the new observations that the intervals are to contain.
    out : str or None
        The file to write. None: the standard output.
    force : bool
        Whether an existing file may be replaced.

    Raises
    ------
    InputError
        If the model or the file cannot be used, or the predictions not written.
    """
    if out:
        check_destination("--out", out, force, [model, file])
    pipeline = load_model(model)
    parts = [
        predicted(pipeline, table, level) for table in _tables(file, form) if len(table)
    ]
    if not parts:
        raise InputError(f"{file} has no rows")
    import pandas as pd  # which is there, now that a file has been read

    predictions = pd.concat(parts, ignore_index=True)
    if out is None:
        predictions.to_csv(sys.stdout, index=False, lineterminator="\n")
        return
    with replacing(out) as temporary:
        predictions.to_csv(temporary, index=False)
    print(f"Wrote {len(predictions):,} predictions to {out}")


def _tables(file: str, form: Format) -> Iterator[Any]:
    """The rows of a file, or of each part of a collection, in their order."""
    if is_collection(file):
        for part in read_collection(file, form).partitions:
            yield part.compute()
    else:
        yield read_frame(file, form)


def predicted(pipeline: Any, frame: Any, level: float | None) -> Any:
    """A frame with the columns ``prediction``, and ``lower`` and ``upper``."""
    import pandas as pd

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ColumnWarning)
        try:
            features, model = pipeline[:-1].transform(frame), pipeline[-1]
            table = pd.DataFrame({"prediction": model.predict(features)})
            if level is not None:
                table[["lower", "upper"]] = model.predict_interval(features, level)
        except (TypeError, ValueError) as error:
            raise InputError(str(error)) from None
        finally:
            for warning in caught:
                print(f"warning: {warning.message}", file=sys.stderr)
    return table
