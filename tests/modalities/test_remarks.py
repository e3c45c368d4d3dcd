"""Remarks of readers: gathered and said once, or at once where nobody gathers."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from featx import FeatxWarning
from featx.modalities.remarks import Remark, collected, remark, warn_each, warn_of


def dark(weight=0.0):
    return Remark("have little light", f"{weight:g} of 255", weight)


def test_a_remark_that_nobody_gathers_is_a_warning():
    with pytest.warns(FeatxWarning, match="^a sample has little light: 3 of 255$"):
        remark(dark(3))


def test_remarks_are_gathered_in_their_own_thread():
    def gather(weight):
        with collected() as found:
            remark(dark(weight))
        return found

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(gather, range(40))) == [[dark(weight)] for weight in range(40)]


def test_the_samples_of_a_kind_are_counted_and_the_weightiest_is_shown():
    remarks = [("a", dark(1)), ("b", dark(7)), ("b", dark(2)), ("c", Remark("are cut", "half"))]
    with pytest.warns(FeatxWarning) as told:
        warn_of(remarks, 9)
    assert [str(one.message) for one in told] == [
        "2 of 9 samples have little light, such as b: 7 of 255",
        "1 of 9 samples are cut, such as c: half",
    ]
    with pytest.warns(FeatxWarning, match="^1 of 1 sample is cut, such as c: half$"):
        warn_of(remarks[3:], 1)


def test_a_server_says_each_kind_in_words_that_stay_the_same():
    with pytest.warns(FeatxWarning) as told:
        warn_each([dark(1), dark(2)])
    assert [str(one.message) for one in told] == ["a sample has little light"]
