"""Samples that are worth looking at: which they are, in which order, and within which size."""

import json

import numpy as np
import pytest

import featx
from featx.html_report.classes import ClassificationView
from featx.html_report.details import SampleDetails
from featx.html_report.evidence import evidence_of_samples, evidence_of_training
from featx.html_report.examples import example_parts
from featx.html_report.label_sets import MultilabelView
from featx.html_report.numbers import RegressionView
from featx.modalities.showing import Budget
from featx.sources import Sample
from tests.support.pages import assert_page
from tests.support.reports import (
    brightness,
    brightness_regressor,
    note_classifier,
    notes,
    shade_classifier,
    shades,
)


def parts_of(evidence, most, budget):
    details = SampleDetails(evidence, "none", budget, most)
    return example_parts(evidence, ClassificationView(), most, budget, details)


def groups_of(view, evidence):
    return {group.title: group.indices for group in view.examples(evidence)}


def test_errors_of_a_classification_come_by_their_confidence():
    evidence = evidence_of_samples(shade_classifier(), shades(60, seed=1))
    groups = groups_of(ClassificationView(), evidence)
    expected = [one.id for one in evidence.report.mistakes]
    assert [evidence.ids[i] for i in groups["Most confident errors"]] == expected
    own = [evidence.outputs[i, evidence.classes.index(t)] for i, t in enumerate(evidence.targets)]
    assert [own[i] for i in groups["Hardest samples"]] == sorted(own)
    top = np.sort(evidence.outputs, axis=1)
    margins = top[:, -1] - top[:, -2]
    assert [margins[i] for i in groups["Closest calls"]] == sorted(margins)


def test_an_unknown_label_is_the_hardest():
    samples = [*shades(20, seed=1), Sample("odd", np.zeros((9, 9, 3), np.uint8), "green")]
    with pytest.warns(featx.FeatxWarning, match="green"):
        evidence = evidence_of_samples(shade_classifier(), samples)
    assert evidence.ids[groups_of(ClassificationView(), evidence)["Hardest samples"][0]] == "odd"


@pytest.mark.slow
def test_errors_of_numbers_come_by_their_size():
    evidence = evidence_of_samples(brightness_regressor(), brightness(60, seed=1))
    groups = groups_of(RegressionView(), evidence)
    assert [evidence.ids[i] for i in groups["Largest errors"]] == [
        one.id for one in evidence.report.largest
    ]
    truth = np.array([float(t) for t in evidence.targets])
    _, low, high = evidence.outputs.T
    for i in groups.get("Farthest outside their intervals", []):
        assert not low[i] <= truth[i] <= high[i]


def test_errors_of_label_sets_are_those_given_in_vain_and_those_missed():
    evidence = evidence_of_samples(note_classifier(), notes(60, seed=1))
    groups = groups_of(MultilabelView(), evidence)
    given = note_classifier().predict_labels([sample.data for sample in notes(60, seed=1)])
    truth = [set(json.loads(target)) for target in evidence.targets]
    vain = [i for i, (own, said) in enumerate(zip(truth, given, strict=True)) if set(said) - own]
    missed = [i for i, (own, said) in enumerate(zip(truth, given, strict=True)) if own - set(said)]
    assert sorted(groups.get("Labels given most confidently, and wrongly", [])) == vain
    assert sorted(groups.get("Labels missed most surely", [])) == missed


def test_each_sample_is_shown_once_and_no_more_than_were_asked_for():
    evidence = evidence_of_samples(shade_classifier(), shades(60, seed=1))
    parts = parts_of(evidence, 30, Budget())
    shown = [name for part in parts for name in evidence.ids if f"<bdi>{name}</bdi>" in part.html]
    assert len(shown) == len(set(shown)) == 30


@pytest.mark.slow
def test_two_hundred_thumbnails_of_noise_and_long_names_stay_below_two_megabytes():
    rng = np.random.default_rng(0)
    samples = [
        Sample(
            f"{'folder/' * 20}{i}.jpg",
            rng.integers(0, 256, (120, 120, 3), np.uint8),
            ("dark", "grey", "light")[i % 3],
            {f"column {k}": f"value {(i * k) % 7}" for k in range(12)},
        )
        for i in range(260)
    ]
    options = featx.ReportOptions(examples=200, audit=False)
    html = featx.report(shade_classifier(), samples, options=options).html
    parsed = assert_page(html)
    assert len(parsed.all_of("img")) == 200
    assert len(html.encode()) < 2_000_000


def test_what_has_no_place_is_left_out_and_counted():
    evidence = evidence_of_samples(shade_classifier(), shades(60, seed=1))
    budget = Budget(left=5000)
    parts = parts_of(evidence, 30, budget)
    html = "".join(part.html for part in parts)
    shown = html.count("<img")
    assert 1 < shown < 30
    assert (
        f"{30 - shown} pictures or sounds are left out, so that the page stays below 2 MB." in html
    )


def test_a_sample_that_is_gone_is_told(tmp_path):
    from PIL import Image

    samples = []
    for sample in shades(30, seed=1):
        path = tmp_path / f"{sample.id}.png"
        Image.fromarray(sample.data).save(path)
        samples.append(Sample(sample.id, path, sample.label))
    evidence = evidence_of_samples(shade_classifier(), featx.make_samples(samples))
    for path in tmp_path.iterdir():
        path.unlink()
    html = "".join(p.html for p in parts_of(evidence, 30, Budget()))
    assert "30 samples could not be read again and are not shown." in html


def test_a_long_text_is_shown_as_it_begins():
    samples = [Sample(str(i), f"the red apple {i} " + "word " * 2000, '["red"]') for i in range(12)]
    html = featx.report(
        note_classifier(), samples, options=featx.ReportOptions(audit=False, explain="none")
    ).html
    assert "more characters)" in assert_page(html).text
    assert len(html) < 400_000


def test_without_the_samples_ids_alone_are_shown():
    evidence = evidence_of_training(shade_classifier())
    html = "".join(p.html for p in parts_of(evidence, 9, Budget()))
    assert "<img" not in html
    assert html.count('<p class="soft"><bdi>') == 9
