"""The models that are compared, and what stands in front of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from sksoftnewton import TwoLayerSoftmaxRegressor
from sksoftnewton._cli.columns import typed

OURS = "softmax"
SMALLEST_CATEGORY = 5  # rows; smaller ones are one category
MOST_CATEGORIES = 50  # of a column


def models() -> dict[str, Any]:
    """The models by their short names, those of which a fit is short first."""
    return {
        "ridge": make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 13))),
        OURS: TwoLayerSoftmaxRegressor(random_state=0),
        "boosting": HistGradientBoostingRegressor(random_state=0),
        "perceptron": perceptron(),
    }


def perceptron(**parameters: Any) -> TransformedTargetRegressor:
    """An MLPRegressor as one would use it without a search.

    Features and targets are standardised, and there are iterations until the score on
    a part of the training rows has not risen for thirty of them.
    """
    usual = {"early_stopping": True, "n_iter_no_change": 30, "max_iter": 2000}
    network = MLPRegressor(**{**usual, "random_state": 0, **parameters})
    return TransformedTargetRegressor(
        make_pipeline(StandardScaler(), network), transformer=StandardScaler()
    )


def title(model: Any) -> str:
    """The class of the regressor in a pipeline."""
    while isinstance(model, Pipeline | TransformedTargetRegressor):
        model = model[-1] if isinstance(model, Pipeline) else model.regressor
    return type(model).__name__


def for_frames(model: Any, typing: dict[str, Any], by_chunks: bool = False) -> Pipeline:
    """A model that takes the frame that pandas reads from the file.

    Ours takes missing values and categories as they are, unless it is fitted to chunks
    of Dask; others need numbers.
    """
    columns = FunctionTransformer(typed, kw_args=typing)
    if isinstance(model, TwoLayerSoftmaxRegressor) and not by_chunks:
        return make_pipeline(columns, model)
    return make_pipeline(columns, encoding(typing["kinds"]), model)


def encoding(kinds: dict[str, str]) -> Any:
    """Medians and a column of flags for missing values, categories one-hot."""

    def named(wanted: Iterable[str]) -> list[str]:
        return [name for name, kind in kinds.items() if kind in wanted]

    return make_column_transformer(
        (
            SimpleImputer(
                strategy="median", add_indicator=True, keep_empty_features=True
            ),
            named(("number", "date")),
        ),
        (
            OneHotEncoder(
                min_frequency=SMALLEST_CATEGORY,
                max_categories=MOST_CATEGORIES,
                handle_unknown="infrequent_if_exist",
                sparse_output=False,
            ),
            named(("category",)),
        ),
    )
