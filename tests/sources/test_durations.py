"""Segments of sounds as a start and a duration."""

import warnings

import pytest

import featx
from featx.errors import BadOption, BadSource, FeatxNotice


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


@pytest.mark.parametrize(
    ("names", "options"),
    [
        ("start,lasts", {}),
        ("offset,lasts", {}),
        ("from,lasts", {"start_column": "from"}),
        # what is named goes before an end, and before a duration of a usual name
        ("start,lasts,end", {}),
        ("start,lasts,duration", {}),
    ],
)
def test_a_duration_that_is_named_ends_the_segment(tmp_path, names, options):
    table = (
        f"path,{names}\na.wav,1,0.5,9\n" if names.count(",") > 1 else f"path,{names}\na.wav,1,0.5\n"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FeatxNotice)
        [(id, segment)] = segments(tmp_path, table, duration_column="lasts", **options)
    assert (segment.start, segment.end, id) == (1, 1.5, "a.wav#1.0-1.5")


def test_what_cannot_go_with_a_duration_is_refused(tmp_path):
    table = "path,start,lasts,end\na.wav,1,2,3\n"
    with pytest.raises(BadOption, match="end_column, duration_column: name one of the two"):
        segments(tmp_path, table, start_column="start", end_column="end", duration_column="lasts")
    with pytest.raises(BadSource, match="expected a column 'long'"):
        segments(tmp_path, table, duration_column="long")
    with pytest.raises(BadSource, match="expected a column named start or"):
        segments(tmp_path, "path,lasts\na.wav,2\n", duration_column="lasts")
    with pytest.raises(BadOption, match="duration_column: only sounds have segments"):
        featx.read_samples(tmp_path / "t.csv", modality="image", duration_column="lasts")
    with pytest.raises(BadOption, match=r"duration_column: .* is a folder and has no columns"):
        featx.read_samples(tmp_path, modality="audio", duration_column="lasts")
    with pytest.raises(BadOption, match="duration_column = 3: expected a text"):
        featx.read_samples(tmp_path / "t.csv", modality="audio", duration_column=3)
