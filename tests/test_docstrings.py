"""Every public docstring is what numpydoc asks for, by scikit-learn's own rules."""

import inspect

import pytest
from numpydoc.validate import validate

import sksoftnewton
import sksoftnewton.onnx
import sksoftnewton.plotting

# As in sklearn/tests/test_docstrings.py.
NEVER = {"RT02", "GL01", "GL02"}
FOR_WHOLE_OBJECTS = {"EX01", "SA01", "ES01"}
# Made by a function only: what its constructor takes is listed under Attributes.
RESULTS = {"ConvergenceCertificate": {"PR01"}}


def public():
    """The path of each public object, and whether it is a method."""
    for module in (sksoftnewton, sksoftnewton.onnx, sksoftnewton.plotting):
        for name in module.__all__:
            value = getattr(module, name)
            if not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            path = f"{value.__module__}.{name}"
            yield path, False
            if inspect.isclass(value):
                for method in dir(value):
                    if not method.startswith("_") and is_ours(value, method):
                        yield f"{path}.{method}", True


def is_ours(cls, name):
    """Not inherited from another library, or made by it, and no data."""
    found = inspect.getattr_static(cls, name)
    found = getattr(found, "__func__", getattr(found, "fget", found))
    module = getattr(inspect.unwrap(found), "__module__", "")
    return callable(found) and module.startswith("sksoftnewton")


PUBLIC = dict(public())


@pytest.mark.parametrize("path", PUBLIC)
def test_docstring(path):
    ignored = NEVER | RESULTS.get(path.rsplit(".", maxsplit=1)[-1], set())
    if PUBLIC[path]:
        ignored |= FOR_WHOLE_OBJECTS
    errors = [error for error in validate(path)["errors"] if error[0] not in ignored]
    assert not errors


def test_all_of_them_are_looked_at():
    found = {path.rsplit(".", maxsplit=1)[-1] for path in PUBLIC}
    assert {"fit", "predict", "certify", "from_estimator", "plot"} <= found
    methods = {"explain", "is_outside", "predict_interval", "sample_y", "summary"}
    assert methods <= found
    assert len(PUBLIC) >= 30
