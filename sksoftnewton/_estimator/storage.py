"""The format of stored models: a version refuses what only newer ones can read."""

from __future__ import annotations

from typing import Any

State = dict[str, Any]

# Raised whenever what is stored changes so that older versions would misread it.
FORMAT = 1
_NAME = "_format"


def with_format(state: State) -> State:
    """The state of an estimator as it is stored."""
    return {**state, _NAME: FORMAT}


def without_format(stored: State) -> State:
    """The state of an estimator, as `with_format` was given it.

    Raises
    ------
    ValueError
        For a format of a newer version.
    """
    found = stored.get(_NAME, FORMAT)
    if found > FORMAT:
        raise ValueError(
            f"This model was stored in format {found} by a newer version of "
            f"sksoftnewton; the installed one reads formats up to {FORMAT}. Update "
            "sksoftnewton to load it."
        )
    return {name: value for name, value in stored.items() if name != _NAME}
