"""The arguments of the command line, checked."""

from __future__ import annotations

import argparse
import codecs
from typing import NoReturn

import numpy as np

from sksoftnewton import __version__
from sksoftnewton._cli.models import models
from sksoftnewton._cli.reading import Format

TRAINING = {
    *("target", "numeric", "categorical", "drop", "keep_na"),
    *("models", "folds", "rows", "time", "group", "save"),
}
PREDICTING = {"out", "interval"}
READING = {"sep", "decimal", "encoding", "force"}
WITHOUT_A_FILE = {"models", "folds"}


class Parser(argparse.ArgumentParser):
    """Errors take one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")


def make_parser() -> Parser:
    """The options, in groups."""
    parser = Parser(
        prog="python -m sksoftnewton",
        usage="%(prog)s [FILE --target COLUMN [--save MODEL.skops]] [options]\n"
        "       %(prog)s --predict MODEL.skops FILE [--out FILE] [--interval LEVEL]",
        description="Cross-validate the two-layer softmax regressor against ridge "
        "regression, gradient boosting and a multilayer perceptron, and save it; or "
        "predict with a saved model. Without a file: compare on scikit-learn's "
        "diabetes data and a Friedman problem.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "file", nargs="?", metavar="FILE", help="a table with a header; -: from stdin"
    )
    parser.add_argument("--version", action="version", version=__version__)

    group = parser.add_argument_group("the file")
    add = group.add_argument
    add(
        "--sep", type=_one_sign, help="between fields (default: , ; tab or |, as found)"
    )
    add("--decimal", choices=[".", ","], default=".", help="the decimal point")
    add(
        "--encoding",
        type=_encoding,
        default=Format.encoding,
        help="such as cp1252 (default: utf-8)",
    )

    group = parser.add_argument_group("columns (each option once for each column)")
    add = group.add_argument
    add("--target", metavar="COLUMN", help="the column to predict")
    for name, text in (
        ("numeric", "take it as numbers"),
        ("categorical", "take its values as categories"),
        ("drop", "leave it out"),
    ):
        add(f"--{name}", action="append", default=[], metavar="COLUMN", help=text)
    add("--keep-na", action="store_true", help="NA and None are categories in text")

    group = parser.add_argument_group("the comparison")
    add = group.add_argument
    add("--models", type=_models, help=f"among {','.join(models())} (default: all)")
    add("--folds", type=_count, metavar="N", help="default: 5; 3 from 10,000 rows on")
    add("--rows", type=_count, metavar="N", help="compare on a random sample")
    add("--time", metavar="COLUMN", help="test on rows later than those trained on")
    add("--group", metavar="COLUMN", help="keep rows of one value in one fold")

    group = parser.add_argument_group("models and predictions")
    add = group.add_argument
    add("--save", metavar="MODEL.skops", help="fit on all rows and save the pipeline")
    add("--predict", metavar="MODEL.skops", help="predict the rows of FILE with it")
    add("--out", metavar="FILE", help="write predictions there instead of to stdout")
    add("--interval", type=_level, metavar="LEVEL", help="with intervals, such as 0.9")
    add("--force", action="store_true", help="replace existing files")
    return parser


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The options, or an exit with one line about what is wrong with them."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    given = {
        name
        for name, value in vars(options).items()
        if value != parser.get_default(name)
    }
    if options.predict:
        if given & TRAINING:
            parser.error(f"--predict does not go with {_names(given & TRAINING)}")
        if not options.file:
            parser.error("--predict needs a FILE with the rows to predict")
    elif given & PREDICTING:
        parser.error(f"{_names(given & PREDICTING)} needs --predict MODEL.skops")
    elif options.file and not options.target:
        parser.error("a file needs --target COLUMN")
    elif not options.file and given & (TRAINING | READING) - WITHOUT_A_FILE:
        parser.error(f"{_names(given - WITHOUT_A_FILE)} needs a FILE")
    if options.time and options.group:
        parser.error("--time does not go with --group")
    return options


def _names(options: set[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in sorted(options))


def _one_sign(text: str) -> str:
    sign = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(sign) != 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not one character, or tab")
    return sign


def _encoding(text: str) -> str:
    try:
        return codecs.lookup(text).name
    except LookupError:
        raise argparse.ArgumentTypeError(f"no encoding {text!r} is known") from None


def _models(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in models():
            raise argparse.ArgumentTypeError(
                f"no model {name!r}; there are {', '.join(models())}"
            )
    return names


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer above 1")
    return int(text)


def _level(text: str) -> float:
    try:
        level = float(text)
    except ValueError:
        level = np.nan
    if not 0 < level < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not between 0 and 1, such as 0.9"
        )
    return level
