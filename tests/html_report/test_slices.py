"""Slices of the answers: which columns make them, their scores, their order, and what is left out."""

from dataclasses import replace

import pytest

import featx
from featx.errors import BadOption
from featx.html_report.classes import ClassificationView
from featx.html_report.evidence import evidence_of_samples
from featx.html_report.numbers import RegressionView
from featx.html_report.slices import slice_parts, slices_of
from tests.support.pages import Parsed
from tests.support.reports import brightness, brightness_regressor, shade_classifier, shades

VIEW = ClassificationView()


def evidence_on(samples):
    return evidence_of_samples(shade_classifier(), samples)


def with_column(cells):
    samples = shades(len(cells), seed=2)
    return [replace(s, columns={"x": cell}) for s, cell in zip(samples, cells, strict=True)]


def names(slices):
    return sorted(f"{one.column}: {one.value}" for one in slices)


def text_of(parts):
    return " ".join(Parsed(part.html).text for part in parts)


def test_a_slice_has_the_score_and_the_interval_that_evaluate_gives_it():
    samples = shades(60, seed=1)
    slices = {one.value: one for one in slices_of(evidence_on(samples), VIEW, ["camera"])}
    for camera in ("c0", "c1"):
        own = [s for s in samples if s.columns["camera"] == camera]
        report = featx.evaluate(shade_classifier(), own)
        found = slices[camera].score
        assert found.value == report.accuracy
        assert (found.low, found.high) == report.intervals["accuracy"]
        assert len(slices[camera].indices) == len(own)


@pytest.mark.slow
def test_those_come_first_that_are_surely_worse():
    samples = shades(90, seed=1)
    predictor = shade_classifier()
    right = predictor.predict([s.data for s in samples]) == [s.label for s in samples]
    cells = [("good" if ok else "bad") if i < 60 else "mixed" for i, ok in enumerate(right)]
    samples = [replace(s, columns={"x": cell}) for s, cell in zip(samples, cells, strict=True)]
    found = slices_of(evidence_on(samples), VIEW, ["x"])
    assert found[-1].value == "good"
    assert [one.score.high for one in found] == sorted(one.score.high for one in found)


def test_large_errors_come_first_where_less_is_better():
    samples = brightness(60, seed=1)
    samples = [
        replace(s, label=str(float(s.label) + 100 * (i % 2)), columns={"x": "ab"[i % 2]})
        for i, s in enumerate(samples)
    ]
    evidence = evidence_of_samples(brightness_regressor(), samples)
    found = slices_of(evidence, RegressionView(), ["x"])
    assert [one.value for one in found] == ["b", "a"]


@pytest.mark.parametrize("kind", [float, str, int])
def test_a_column_of_many_numbers_is_cut_into_quarters(kind):
    cells = [kind(value) for value in range(100)]
    found = slices_of(evidence_on(with_column(cells)), VIEW, ["x"])
    assert names(found) == ["x: 0 to 24", "x: 25 to 49", "x: 50 to 74", "x: 75 to 99"]


def test_a_column_of_few_numbers_keeps_its_values():
    found = slices_of(evidence_on(with_column([str(i % 3) for i in range(60)])), VIEW, ["x"])
    assert names(found) == ["x: 0", "x: 1", "x: 2"]


def test_samples_without_a_value_are_a_slice_of_their_own():
    cells = [None if i % 2 else i for i in range(80)]
    found = slices_of(evidence_on(with_column(cells)), VIEW, ["x"])
    assert "x: (none)" in names(found)
    assert sum(len(one.indices) for one in found) == 80


def test_numbers_that_are_not_finite_are_none():
    cells = [
        float("nan") if i % 4 == 0 else float("inf") if i % 8 == 1 else float(i) for i in range(80)
    ]
    found = slices_of(evidence_on(with_column(cells)), VIEW, ["x"])
    assert sum(len(one.indices) for one in found) == 80
    assert any(one.value == "(none)" and len(one.indices) == 30 for one in found)


def test_small_slices_are_left_out_and_counted():
    cells = ["a"] * 30 + ["b"] * 9 + ["c"] * 20
    evidence = evidence_on(with_column(cells))
    assert names(slices_of(evidence, VIEW, ["x"])) == ["x: a", "x: c"]
    assert "1 slices of fewer than 10 samples are left out." in text_of(
        slice_parts(evidence, VIEW, ["x"])
    )


def test_columns_that_divide_nothing_are_named():
    samples = [
        replace(s, columns={"id": s.id, "same": "x", "camera": "ab"[i % 2]})
        for i, s in enumerate(shades(40, seed=1))
    ]
    text = text_of(slice_parts(evidence_on(samples), VIEW))
    assert "Columns without values in common, or with one alone, make no slices: id, same." in text
    assert "camera: a" in text


@pytest.mark.slow
def test_the_targets_make_no_slices_however_they_are_spelled():
    kinds = {"dark": "D", "grey": "G", "light": "L"}
    samples = [
        replace(s, columns={"label": s.label, "code": kinds[s.label]}) for s in shades(60, seed=1)
    ]
    assert slices_of(evidence_on(samples), VIEW) == []
    samples = [
        replace(s, columns={"y": s.label if i else "other"})
        for i, s in enumerate(shades(60, seed=1))
    ]
    assert slices_of(evidence_on(samples), VIEW, None, ["y"]) == []
    assert slices_of(evidence_on(samples), VIEW, ["y"], ["y"]) != []


def test_groups_file_types_and_sizes_are_slices_too(tmp_path):
    from PIL import Image

    samples = []
    for i, sample in enumerate(shades(60, seed=1)):
        path = tmp_path / f"{i}.{('png', 'bmp')[i % 2]}"
        Image.fromarray(sample.data).resize((24, 24 + 8 * (i // 2 % 2))).save(path)
        samples.append(replace(sample, data=path, columns=None, group="gh"[i // 30]))
    found = names(slices_of(evidence_on(featx.make_samples(samples)), VIEW))
    assert found == [
        *("file type: .bmp", "file type: .png", "group: g", "group: h"),
        *("pixels: 576", "pixels: 768"),
    ]


def test_a_column_that_is_not_there_is_refused():
    with pytest.raises(BadOption, match="slices = 'y': expected a column of the samples; found x"):
        slices_of(evidence_on(with_column(["a", "b"] * 10)), VIEW, ["y"])


@pytest.mark.slow
def test_many_values_and_columns_are_bounded_and_told():
    cells = [f"v{i % 32}" for i in range(320)]
    evidence = evidence_on(with_column(cells))
    assert len(slices_of(evidence, VIEW, ["x"])) == 30
    told = text_of(slice_parts(evidence, VIEW, ["x"]))
    assert "2 values beyond the 30 most frequent of a column are left out." in told
    assert "With so many slices some look bad by chance alone" in told
    samples = [
        replace(s, columns={f"c{k}": f"v{i // 10 if k % 2 else i % 30}" for k in range(4)})
        for i, s in enumerate(shades(300, seed=2))
    ]
    evidence = evidence_on(samples)
    assert len(slices_of(evidence, VIEW)) == 100
    assert "20 slices beyond the first 100 are left out." in text_of(slice_parts(evidence, VIEW))


def test_long_and_odd_values_are_one_short_text():
    cells = [("x" * 5000 if i % 2 else True) for i in range(40)]
    evidence = evidence_on(with_column(cells))
    assert len(text_of(slice_parts(evidence, VIEW, ["x"]))) < 1000
    assert {one.value[:4] for one in slices_of(evidence, VIEW, ["x"])} == {"xxxx", "True"}
