"""What the libraries made of odd pictures, as tools/oracles/image.py wrote it down, is what cards make."""

from pathlib import Path

import numpy as np
import pytest

from featx.modalities.image.decode import can_go_down_first
from tests.support.hub_images import CASES, odd_pictures, pinned, settings_of

PINS = Path(__file__).parents[1] / "data" / "hub_images.npz"


@pytest.fixture(scope="module")
def pins():
    with np.load(PINS) as file:
        return dict(file)


@pytest.fixture(scope="module")
def pictures():
    return odd_pictures()


def test_every_case_and_twelve_pictures_are_written_down(pins, pictures):
    assert pins["cases"].tolist() == list(CASES)
    assert pins["pictures"].tolist() == list(pictures)
    assert pins["values"].shape == (len(CASES), 12, 4)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_card_makes_what_the_library_makes(case, pins, pictures):
    settings, row = settings_of(CASES[case]), list(CASES).index(case)
    for column, (title, picture) in enumerate(pictures.items()):
        found = pinned(settings.read(picture), settings)
        assert tuple(found["shapes"]) == tuple(pins["shapes"][row, column]), title
        # an older Pillow goes across first, and rounds another pixel
        level = 1e-5 if can_go_down_first() else 0.05
        level = 1e-4 if settings.resize_float else level
        for part in ("values", "means"):
            expected = pins[part][row, column]
            np.testing.assert_allclose(found[part], expected, rtol=1e-5, atol=level, err_msg=title)
        if not settings.resize_float and can_go_down_first():
            assert found["digests"] == pins["digests"][row, column], title
