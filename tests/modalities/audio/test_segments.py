"""Segments: parts of a recording that are samples by themselves."""

import numpy as np
import pytest

import featx
from featx.errors import BadSample, FeatxNotice, FeatxWarning
from tests.support.sounds import RATE, encode, read, tone

# Seconds of the parts of one recording, each of another pitch.
PARTS = [(0.0, 0.5, 300.0), (0.5, 1.25, 900.0), (1.25, 2.0, 2500.0)]
WHOLE = np.concatenate([tone(end - start, hertz=hertz) for start, end, hertz in PARTS])


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(encode(WHOLE, subtype="FLOAT"))
    return path


@pytest.fixture
def table(recording):
    path = recording.with_name("parts.csv")
    rows = [f"a.wav,{start},{end},{hertz:g}" for start, end, hertz in PARTS]
    path.write_text("\n".join(["file,start,end,label", *rows]) + "\n")
    return path


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "CAF"])
def test_a_segment_is_heard_as_the_same_part_of_the_whole(kind):
    content = encode(WHOLE, kind)
    whole = read(content)
    for start, end, _ in PARTS:
        part = read(featx.Segment(content, start, end))
        expected = whole[int(start * RATE) : int(end * RATE)]
        np.testing.assert_allclose(part, expected, atol=1e-4 if kind == "OGG" else 0)


def test_a_segment_of_an_array_is_that_part_of_it():
    part = read(featx.Segment((WHOLE, RATE), 0.5, 1.25))
    np.testing.assert_array_equal(part, WHOLE[RATE // 2 : RATE * 5 // 4])


def test_a_segment_at_another_rate_is_the_part_resampled():
    content = encode(WHOLE[:8000], rate=8000, subtype="FLOAT")
    part = read(featx.Segment(content, 0.25, 0.75))
    np.testing.assert_array_equal(part, read((WHOLE[2000:6000], 8000)))


def test_rows_of_a_table_with_a_start_and_an_end_are_segments_with_rows_of_their_own(table):
    samples = featx.read_samples(table)
    assert [sample.id for sample in samples] == [
        "a.wav#0.0-0.5",
        "a.wav#0.5-1.25",
        "a.wav#1.25-2.0",
    ]
    assert [sample.label for sample in samples] == ["300", "900", "2500"]
    rows = featx.Backbone("featx-audio-mel").embed(samples)
    cut = [WHOLE[int(start * RATE) : int(end * RATE)] for start, end, _ in PARTS]
    np.testing.assert_array_equal(rows, featx.Backbone("featx-audio-mel").embed(cut))
    assert len(np.unique(rows, axis=0)) == 3


def test_the_cache_keeps_segments_of_one_recording_apart(table, tmp_path):
    samples, backbone = featx.read_samples(table), featx.Backbone("featx-audio-mel")
    cached = featx.Engine(cache=tmp_path / "cache")
    first = cached.embed(samples, backbone, digests=True)
    again = cached.embed(samples, backbone, digests=True)
    np.testing.assert_array_equal(
        first.embeddings, featx.Engine().embed(samples, backbone).embeddings
    )
    np.testing.assert_array_equal(first.embeddings, again.embeddings)
    assert len(set(first.digests)) == 3


@pytest.mark.parametrize(
    ("names", "options"),
    [
        (("start_s", "end_s"), {}),
        (("Begin Time (s)", "End Time (s)"), {}),
        (("onset", "offset"), {}),
        (("from", "to"), {"start_column": "from", "end_column": "to"}),
    ],
)
def test_the_columns_of_seconds_have_usual_names_or_are_named(recording, names, options):
    path = recording.with_name("parts.tsv")
    path.write_text("file\t" + "\t".join(names) + "\na.wav\t0,5\t 1.25 \n")
    [sample] = featx.read_samples(path, **options)
    assert sample.id == "a.wav#0.5-1.25"
    np.testing.assert_array_equal(read(sample.data), WHOLE[RATE // 2 : RATE * 5 // 4])


def test_a_start_without_an_end_is_named_and_not_used(recording):
    path = recording.with_name("parts.csv")
    path.write_text("file,start\na.wav,0.5\n")
    with pytest.warns(
        FeatxNotice, match="not used: column 'start'; segments of sounds have a start"
    ):
        [sample] = featx.read_samples(path)
    assert len(read(sample.data)) == len(WHOLE)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("0.5", "2.5", r"segment from 0.5 to 2.5 s: the recording has 2\.000 s"),
        ("2.0", "2.005", "no sample of the recording"),
        ("3", "4", "the recording has"),
        ("-1", "1", "expected seconds from 0 on, the end after the start"),
        ("1", "1", "expected seconds from 0 on, the end after the start"),
        ("1", "0.5", "expected seconds from 0 on, the end after the start"),
        ("nan", "1", "expected seconds from 0 on"),
        ("0", "inf", "expected seconds from 0 on"),
        ("0", "1e300", "the recording has"),
        ("0", "", "start and end: expected seconds, found '0' and ''"),
        ("0:01", "0:02", "start and end: expected seconds, found '0:01' and '0:02'"),
    ],
)
def test_a_segment_that_makes_no_sense_is_a_reject(recording, start, end, words):
    path = recording.with_name("parts.csv")
    path.write_text(f"file,start,end\na.wav,0,1\na.wav,{start},{end}\na.wav,1,2\n")
    samples = featx.read_samples(path)
    rows = featx.Engine(on_error="skip").embed(samples, featx.Backbone("featx-audio-mel"))
    assert rows.ids == ("a.wav#0.0-1.0", "a.wav#1.0-2.0")
    [reject] = rows.rejects
    with pytest.raises(BadSample, match=words):
        raise BadSample(reject.reason)


def test_an_end_that_was_rounded_up_is_the_end_of_the_recording(recording):
    part = read(featx.Segment(recording, 1.25, 2.004))
    np.testing.assert_array_equal(part, WHOLE[RATE * 5 // 4 :])


def test_a_damaged_part_is_a_reject_and_others_are_not(tmp_path):
    content = bytearray(encode(np.tile(WHOLE, 4), "FLAC"))
    content[len(content) // 2 : len(content) // 2 + 200] = bytes(200)
    (tmp_path / "a.flac").write_bytes(content)
    (tmp_path / "parts.csv").write_text("file,start,end\na.flac,0,0.5\na.flac,0,7.5\n")
    engine = featx.Engine(on_error="skip", cache=tmp_path / "cache")
    samples = featx.read_samples(tmp_path / "parts.csv")
    rows = engine.embed(samples, featx.Backbone("featx-audio-mel"))
    assert rows.ids[:1] == ("a.flac#0.0-0.5",)
    assert len(rows.ids) + len(rows.rejects) == 2


@pytest.mark.parametrize("seconds", [(None, 1), ("0", "1"), (True, 2), (0, None)])
def test_a_segment_in_python_has_numbers(recording, seconds):
    with pytest.raises(BadSample, match="expected seconds from 0 on"):
        read(featx.Segment(recording, *seconds))


def test_each_segment_gets_its_own_answer_in_fit_and_predict(recording):
    path = recording.with_name("parts.csv")
    rows = [
        f"a.wav,{start + k / 40:.3f},{start + k / 40 + 0.2:.3f},{hertz:g}"
        for start, _, hertz in PARTS
        for k in range(8)
    ]
    path.write_text("\n".join(["file,start,end,label", *rows]) + "\n")
    samples = featx.read_samples(path)
    classifier = featx.fit(samples, head="centroid")
    assert list(classifier.predict(samples)) == [sample.label for sample in samples]
    with pytest.warns(FeatxWarning, match="1 of 1 samples are among those"):
        assert featx.evaluate(classifier, samples[:1]).accuracy == 1
