"""Files that are written: none is lost, and a saved model is one that can be loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from sksoftnewton._cli.reading import InputError

SUFFIX = ".skops"
TRUSTED = ("sksoftnewton.", "numpy.dtype")  # besides what skops trusts by itself


def check_destination(option: str, path: str, force: bool, inputs: list[str]) -> None:
    """Refuse a file that should not be written, before any work is done.

    Parameters
    ----------
    option : str
        The option that names the file, for the message.
    path : str
    force : bool
        Whether an existing file may be replaced.
    inputs : list of str
        Files that are read, which are never replaced.

    Raises
    ------
    InputError
    """
    file = Path(path)
    if file.is_dir():
        raise InputError(f"{option} {path} is a folder")
    if not file.parent.is_dir():
        raise InputError(f"{option} {path}: there is no folder {file.parent}")
    if not os.access(file.parent, os.W_OK):
        raise InputError(
            f"{option} {path}: the folder {file.parent} is write-protected"
        )
    if not file.exists():
        return
    if any(os.path.exists(name) and file.samefile(name) for name in inputs):
        raise InputError(f"{option} {path} would replace a file that is read")
    if not force:
        raise InputError(f"{option} {path} exists; --force replaces it")


def check_model_destination(path: str, force: bool, data: str) -> None:
    """The same for a model, which also needs its suffix and skops."""
    if Path(path).suffix != SUFFIX:
        raise InputError(f"--save {path} has to end in {SUFFIX}")
    check_skops()
    check_destination("--save", path, force, [data])


def check_skops() -> None:
    """Refuse to go on without skops."""
    try:
        import skops.io  # noqa: F401
    except ImportError:
        raise InputError(
            'saved models need skops: pip install "sksoftnewton[cli]"'
        ) from None


@contextmanager
def replacing(path: str) -> Iterator[str]:
    """The name of a file to write, which gets the name ``path`` once it is complete.

    Raises
    ------
    InputError
        If nothing can be written.
    """
    file = Path(path)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        yield str(temporary)
        os.replace(temporary, file)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def save_model(pipeline: Any, path: str) -> None:
    """Save a fitted pipeline."""
    from skops.io import dump

    with replacing(path) as temporary, open(temporary, "wb") as file:
        dump(pipeline, file)


def load_model(path: str) -> Any:
    """Load a saved pipeline that holds only types of skops's list and of this package.

    Raises
    ------
    InputError
        For a file that cannot be read, is no model, or holds types of others.
    """
    check_skops()
    from skops.io import get_untrusted_types, load

    try:
        untrusted = get_untrusted_types(file=path)
        foreign = [name for name in untrusted if not name.startswith(TRUSTED)]
        if foreign:
            raise InputError(
                f"{path} holds {', '.join(foreign)}, which is not loaded from files"
            )
        return load(path, trusted=untrusted)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (BadZipFile, KeyError):
        raise InputError(f"{path} is not a model that --save has written") from None
