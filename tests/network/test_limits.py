import numpy as np
import pytest

from sksoftnewton._network.limits import check_magnitudes


@pytest.mark.parametrize(("name", "largest"), [("X", 1e299), ("y", 1e149)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_squares_of_targets_have_to_be_numbers_and_features_themselves(
    name, largest, sign
):
    def check(size):
        ends = np.sort([[0.0], [sign * size]], axis=0)
        check_magnitudes(name, tuple(ends), np.array([size]), np.float64)

    check(largest)
    with pytest.raises(ValueError, match=rf"{name}\[:, 0\] has the value"):
        check(1e2 * largest)
    check(1 / largest)
    with pytest.raises(ValueError, match=rf"{name}\[:, 0\] has the standard"):
        check(1e-2 / largest)
