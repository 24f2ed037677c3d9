import subprocess
import sys

import pytest

import sksoftnewton


def test_every_public_name_is_there_and_listed():
    for name in sksoftnewton.__all__:
        assert getattr(sksoftnewton, name) is not None
        assert name in dir(sksoftnewton)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'certifi'"):
        sksoftnewton.certifi  # noqa: B018 - the access is what is tested


def test_import_loads_neither_the_papers_column_nor_optional_packages():
    code = (
        "import sys; sys.modules['pandas'] = None; sys.modules['rich'] = None; "
        "from sksoftnewton import TwoLayerSoftmaxRegressor; print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    absent = ("sksoftnewton._paper", "sksoftnewton._cli", "matplotlib", "dask", "skops")
    assert not set(absent) & set(loaded)
    assert "sksoftnewton._estimator.regressor" in loaded


def test_the_package_alone_is_loaded_at_once():
    code = "import sys; import sksoftnewton; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"numpy", "sklearn"} & set(loaded)
