"""What columns of a table may be, guessed from their first cells."""

from datetime import date

import numpy as np
import pytest

from featx.inputs.proposing import guess_kind, propose_inputs
from featx.storage.blob import Blob

SENTENCES = [f"a bag with {number} handles and a zip" for number in range(10)]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["a.jpg", "b/c.PNG", None], "image"),
        (["a.jpg;b.jpg", "c.jpg"], "image"),
        ([["a.jpg", "b.jpg"], ["c.jpg"]], "image"),
        ([Blob.of_bytes(b"GIF89a" + bytes(20), "x")], "image"),
        (["a.wav", "b.flac"], "audio"),
        (SENTENCES, "text"),
        (["1.5", "2", "", "n/a"], "number"),
        (["€ 12", "13 €"], "number"),
        ([1.5, 2, None], "number"),
        (["red", "blue", "red", "blue"], "category"),
        ([True, False, True], "category"),
        (["2024-05-31", "2023-01-01"], "date"),
        ([date(2024, 5, 31), date(2023, 1, 1)], "date"),
        (["[1, 2]", "[3, 4]"], "vector"),
        ([[1.0, 2.0], np.ones(2)], "vector"),
        # Nothing, names, constants, numbers of rows, and what is several things.
        ([], None),
        ([None, " "], None),
        (["x1", "x2", "x3"], None),
        (["same"] * 5, None),
        (["1", "2", "3", "4"], None),
        ([["a"], ["b", 1]], None),
        ([{}, {}], None),
        (["red", 1, None, "x9"], None),
    ],
)
def test_a_column_is_what_nearly_all_of_its_cells_are(cells, kind):
    assert guess_kind(cells) == kind


def test_the_number_of_a_thing_is_no_input():
    cells = {"house_id": ["7", "9", "7"], "rooms": ["7", "9", "7"], "": ["7", "9", "7"]}
    assert [spec.to_text() for spec in propose_inputs(cells)] == ["rooms:number"]
