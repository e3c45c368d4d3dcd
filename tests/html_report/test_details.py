"""What a page adds to single samples and to scores: explanations, neighbours, sets, a learning curve."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import featx
from featx.embedding.neighbors import nearest_rows
from featx.errors import BadOption
from featx.html_report.curve import curve_section
from featx.selection.curve_report import CurvePoint, LearningCurve, ScoreCurve, ScoreForecast
from tests.support.pages import HOSTILE, Parsed, assert_page
from tests.support.reports import (
    note_classifier,
    notes,
    shade_classifier,
    shade_classifier_without_rows,
    shades,
)


@pytest.fixture(scope="module")
def pooled():
    """A predictor whose scores are exact sums over the places of a picture."""
    backbone = featx.get_card("featx-image-nano").variant(tap="last-map", pooling="mean")
    return featx.fit(shades(60), backbone=backbone, baseline=False)


def page(predictor, samples=None, **options):
    return assert_page(
        featx.report(predictor, samples, options=featx.ReportOptions(**options)).html
    )


@pytest.mark.slow
def test_samples_are_explained_where_scores_are_exact_sums(pooled):
    parsed = page(pooled, shades(30, seed=1), examples=9)
    assert parsed.text.count("What speaks for") == 9
    assert parsed.text.count("without the sample +") == 9
    # a thumbnail and a heat map each
    assert len(parsed.all_of("img")) == 18


@pytest.mark.slow
def test_a_wrong_answer_is_explained_against_the_label_of_the_sample():
    rng = np.random.default_rng(0)
    names, levels = ["dark", "grey", "light"], np.repeat([40, 120, 210], 8)
    images = [rng.normal(level, 9, (32, 32, 3)).clip(0, 255).astype(np.uint8) for level in levels]
    labels = [names[code] for code in np.repeat([0, 1, 2], 8)]
    backbone = featx.get_card("featx-image-nano").variant(tap="last-map", pooling="mean")
    predictor = featx.fit(images, labels, backbone=backbone, baseline=False)
    new = [rng.normal(level, 9, (32, 32, 3)).clip(0, 255).astype(np.uint8) for level in (40, 210)]
    text = page(predictor, featx.make_samples(new, ["light", "light"]), examples=2).text
    assert text.count("What speaks for dark, not light") == 1
    assert text.count("What speaks for light") == 1


def test_samples_are_not_explained_where_that_is_not_wanted(pooled):
    assert "What speaks for" not in page(pooled, shades(30, seed=1), explain="none").text


def test_where_there_is_no_exact_sum_the_page_says_so_and_how_it_could_be():
    parsed = page(shade_classifier(), shades(30, seed=1), examples=9)
    assert "What speaks for" not in parsed.text
    assert "Samples are not explained: " in parsed.text
    assert "explain='occlusion' hides their parts" in parsed.text


@pytest.mark.slow
def test_parts_are_hidden_where_that_is_asked_for():
    parsed = page(note_classifier(), notes(30, seed=1), examples=3, explain="occlusion")
    assert parsed.text.count("where it is hidden") == 3


def test_a_way_to_explain_that_there_is_not_is_refused():
    with pytest.raises(BadOption, match="explain = 'lime': expected one of auto, occlusion, none"):
        page(shade_classifier(), shades(9, seed=1), explain="lime")


@pytest.mark.slow
def test_heat_maps_are_left_out_where_the_page_would_be_too_large(pooled):
    rng = np.random.default_rng(0)
    samples = [
        replace(s, data=rng.integers(0, 256, (200, 200, 3), np.uint8)) for s in shades(210, seed=1)
    ]
    html = featx.report(
        pooled, samples, options=featx.ReportOptions(examples=200, audit=False)
    ).html
    assert len(html.encode()) < 2_000_000
    text = assert_page(html).text
    assert "Some explanations are left out, so that the page stays below 2 MB." in text


def test_the_nearest_training_samples_are_named_with_their_labels():
    predictor, samples = shade_classifier(), shades(30, seed=1)
    rows = predictor.embed([s.data for s in samples]).embeddings
    kept = predictor.samples
    found = nearest_rows(rows, np.asarray(kept.rows, np.float32), 3)
    parsed = page(predictor, samples, examples=30)
    for near, distances in zip(found.indices, found.distances, strict=True):
        said = "".join(
            f"{kept.ids[i]}: {kept.targets[i]} ({d:.3f})"
            for i, d in zip(near, distances, strict=True)
        )
        assert said in parsed.text


def test_near_training_samples_are_shown_where_they_are_at_hand():
    options = featx.ReportOptions(examples=4, audit=False, explain="none")
    html = featx.report(
        shade_classifier(), shades(30, seed=1), training=shades(60), options=options
    ).html
    parsed = assert_page(html)
    names = [a["alt"] for a in parsed.all_of("img")]
    assert len(names) == 4 + 3 * 4
    assert sum(name.startswith("photo 0-") for name in names) == 12


def test_a_training_sample_is_not_its_own_neighbour():
    predictor = shade_classifier()
    html = featx.report(predictor, options=featx.ReportOptions(examples=60, audit=False)).html
    assert "Nearest training samples" in html
    cards = html.split('<li><p class="soft">')[1:]
    for card in cards:
        own = card.partition("<bdi>")[2].partition("</bdi>")[0]
        assert card.partition("</details>")[0].count(f"<bdi>{own}</bdi>") == 1


def test_without_rows_no_neighbours_are_named():
    predictor = shade_classifier_without_rows()
    assert "Nearest training samples" not in page(predictor, shades(20, seed=1)).text


@pytest.mark.slow
def test_sets_of_labels_are_measured_on_data():
    samples = shades(60, seed=1)
    predictor = shade_classifier()
    report = featx.evaluate(predictor.with_abstention(0.9), samples)
    low, high = report.answers.intervals["covered"]
    text = page(predictor, samples).text
    assert (
        f"in sets of 0.9 {report.answers.covered:.3f} 95 % interval {low:.3f} to {high:.3f}" in text
    )
    assert "labels in a set" in text


@pytest.mark.slow
def test_what_was_asked_for_is_what_is_measured():
    samples = shades(60, seed=1)
    careful = shade_classifier().with_abstention(0.6, abstain=True)
    text = page(careful, samples).text
    assert "in sets of 0.6" in text
    assert "answered" in text


def curve_of(name="nano", notes=()):
    points = tuple(CurvePoint(n, (1 - n**-0.5, 1 - n**-0.4)) for n in (16, 32, 64))
    fitted = tuple((n, ScoreForecast(0.9, 0.85, 0.95)) for n in (16, 64, 100, 160))
    curves = (ScoreCurve(name, points, fitted),)
    gain = ScoreForecast(0.02, 0.01, 0.03)
    return LearningCurve(
        *("classification", "accuracy", "logistic", 80, 2, curves),
        now=ScoreForecast(0.9, 0.88, 0.92),
        gain=gain,
        notes=notes,
    )


@pytest.mark.slow
def test_a_learning_curve_is_drawn_with_its_forecast():
    curve = curve_of()
    parsed = page(shade_classifier(), shades(20, seed=1), curve=curve)
    assert "Learning curve" in parsed.text
    assert curve.forecast in parsed.text
    assert "nano, forecast" in parsed.text
    assert "Learning curve" not in page(shade_classifier(), shades(20, seed=1)).text


def test_a_curve_goes_through_the_means_of_its_points():
    section = curve_section(curve_of())
    html = "".join(part.html for part in section.parts if not isinstance(part, str))
    for mean, n in zip(curve_of().curves[0].means, (16, 32, 64), strict=True):
        assert f"nano: {n}, {mean:.3f}" in html
    assert Parsed(html).all_of("polyline")


@pytest.mark.parametrize("text", HOSTILE[:4])
def test_hostile_names_of_a_curve_stay_texts(text):
    assert_page(
        featx.report(
            shade_classifier(),
            options=featx.ReportOptions(curve=curve_of(text, (text,)), audit=False),
        ).html
    )


def test_the_command_reads_a_curve_and_refuses_what_is_none(shades_folder, tmp_path):
    from tests.support.commands import refusal, run

    path, output = tmp_path / "curve.json", tmp_path / "p.html"
    path.write_text(json.dumps(curve_of().to_dict()))
    result = run("report", shades_folder, "-o", output, "--curve", path)
    assert result.exit_code == 0, result.output
    assert "nano, forecast" in output.read_text()
    for text in (
        "",
        "[]",
        '{"task": 1}',
        "[" * 5000,
        json.dumps({**curve_of().to_dict(), "curves": [{}]}),
    ):
        path.write_text(text)
        said = refusal(run("report", shades_folder, "-o", tmp_path / "no.html", "--curve", path))
        assert re.match(
            f"{re.escape(str(path))}: (not JSON|not the JSON of a learning curve|is nested)", said
        ), said
    assert not (tmp_path / "no.html").exists()


@pytest.fixture
def shades_folder(tmp_path):
    return featx.save(shade_classifier(), tmp_path / "shade.featx")
