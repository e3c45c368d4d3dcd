"""Segments of sounds as a start and a duration."""

import warnings

import pytest

import featx
from featx.errors import BadOption, FeatxNotice


def segments(tmp_path, table, **options):
    path = tmp_path / "t.csv"
    path.write_text(table)
    samples = featx.read_samples(path, modality="audio", **options)
    return [(sample.id, sample.data) for sample in samples]


@pytest.mark.parametrize(
    "names",
    [
        *("start,duration", "onset,duration", "begin_time,duration_s", "Start (s),Duration (s)"),
        *("offset,duration", "start,dur"),
    ],
)
def test_a_start_and_a_duration_are_a_segment(tmp_path, names):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        [(id, segment)] = segments(tmp_path, f"path,{names},label\na.wav,0.1,0.2,x\n")
    assert (segment.start, segment.end) == (0.1, 0.3)
    assert id == "a.wav#0.1-0.3"


def test_an_end_goes_before_a_duration_and_it_is_said(tmp_path):
    with pytest.warns(FeatxNotice, match="not used: column 'duration'"):
        [(_, segment)] = segments(tmp_path, "path,start,end,duration\na.wav,1,2,7\n")
    assert (segment.start, segment.end) == (1, 2)


def test_a_duration_alone_is_said_not_to_be_used(tmp_path):
    with pytest.warns(FeatxNotice, match="not used: column 'duration'"):
        [(id, _)] = segments(tmp_path, "path,duration\na.wav,7\n")
    assert id == "a.wav"


def test_a_duration_in_other_units_is_no_duration(tmp_path):
    with pytest.warns(FeatxNotice, match="not used: columns 'start', 'duration_ms'"):
        assert segments(tmp_path, "path,start,duration_ms\na.wav,1,7\n")[0][0] == "a.wav"


@pytest.mark.parametrize("cell", ["", "long", "nan"])
def test_a_duration_that_is_no_number_is_a_reject(tmp_path, cell):
    [(_, data)] = segments(tmp_path, f"path,start,duration\na.wav,1,{cell}\n")
    card = featx.get_card("featx-audio-mel")
    with pytest.raises(featx.BadSample, match=r"expected seconds|segment from"):
        card.input.read(card.input.load(data))


def test_a_start_that_is_named_goes_with_a_duration(tmp_path):
    table = "path,from,duration\na.wav,1,2\n"
    [(_, segment)] = segments(tmp_path, table, start_column="from")
    assert (segment.start, segment.end) == (1, 3)
    with pytest.raises(BadOption, match="name both or neither"):
        segments(tmp_path, "path,from\na.wav,1\n", start_column="from")
