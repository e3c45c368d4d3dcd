"""The page of each task and modality, and what it says where little is known."""

import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

import featx
from featx.errors import BadLabels, BadOption, FeatxWarning
from featx.sources import Sample
from tests.support.pages import HOSTILE, assert_page
from tests.support.reports import (
    brightness,
    brightness_regressor,
    fit_with_rows,
    note_classifier,
    notes,
    shade_classifier,
    shades,
    tone_classifier,
    tones,
)

MADE = {
    "image": (shade_classifier, shades, 45),
    "numbers": (brightness_regressor, brightness, 45),
    "label sets": (note_classifier, notes, 45),
    "sound": (tone_classifier, tones, 20),
}


# an audit tunes a head, which takes a while
QUICK = featx.ReportOptions(audit=False, explain="none", examples=12)


def page_on(predictor, samples=None, **options):
    return assert_page(
        featx.report(predictor, samples, options=featx.ReportOptions(**options)).html
    )


def headings(parsed, html):
    return re.findall(r"<h2[^>]*>([^<]*)</h2>", html)


@pytest.mark.slow
@pytest.mark.parametrize("kind", MADE)
def test_a_page_has_what_there_is_to_say_of_a_predictor(kind):
    make, draw, n = MADE[kind]
    html = featx.report(make(), draw(n, seed=1)).html
    parsed = assert_page(html)
    found = headings(parsed, html)
    assert found[:2] == ["What it is", "Scores beside baselines"]
    assert found[-5:] == [
        "Samples worth looking at",
        "What may be wrong with the samples",
        "Projection",
        "Training",
        "Versions, and how to make it again",
    ]
    predictor = make()
    assert predictor.card.fingerprint in parsed.text
    assert "featx fit DATA" in parsed.text
    assert f"featx {featx.__version__}" in parsed.text
    assert f"Measured on {n} labelled samples, none of which it was trained on" in parsed.text
    assert "95 % interval" in parsed.text
    assert "this predictor" in parsed.text


@pytest.mark.slow
def test_a_page_of_a_classification_shows_what_evaluate_measures():
    samples = shades(45, seed=1)
    report = featx.evaluate(shade_classifier(), samples)
    parsed = page_on(shade_classifier(), samples)
    low, high = report.intervals["accuracy"]
    assert f"accuracy{report.accuracy:.3f}95 % interval {low:.3f} to {high:.3f}" in parsed.text
    cells = [a["title"] for a in parsed.all_of("td") if "taken for" in a.get("title", "")]
    names = [score.label for score in report.classes]
    expected = [
        f"{true} taken for {other}: {count} of {sum(row)}"
        for true, row in zip(names, report.confusion, strict=True)
        for other, count in zip(names, row, strict=True)
    ]
    assert cells == expected
    for title in ("Calibration", "Precision and recall", "Selective accuracy"):
        assert title in parsed.text


@pytest.mark.slow
def test_a_page_of_numbers_shows_predictions_residuals_and_errors():
    samples = brightness(45, seed=1)
    report = featx.evaluate(brightness_regressor(), samples)
    parsed = page_on(brightness_regressor(), samples)
    assert f"R²{report.r2:.3f}" in parsed.text
    for title in (
        "Predictions by targets",
        "Residuals by predictions",
        "Share of samples within an error",
    ):
        assert title in parsed.text
    assert "Residuals by tenths of the targets" in parsed.text
    assert "within their interval" in parsed.text
    assert "Largest errors" in parsed.text


def test_a_page_of_label_sets_shows_each_label_and_which_are_mixed_up():
    parsed = page_on(note_classifier(), notes(45, seed=1))
    assert "Labels, the least F1 first" in parsed.text
    assert "mean average precision" in parsed.text
    assert "Hardest samples" in parsed.text
    assert "right" in parsed.text


@pytest.mark.slow
def test_pictures_texts_and_sounds_are_shown_as_what_they_are():
    images = page_on(shade_classifier(), shades(45, seed=1), examples=12)
    assert [a["src"][:22] for a in images.all_of("img")] == ["data:image/jpeg;base64"] * 12
    texts = page_on(note_classifier(), notes(45, seed=1), examples=12)
    assert len(texts.all_of("blockquote")) == 12
    sounds = page_on(tone_classifier(), tones(20, seed=1), examples=12)
    assert len(sounds.all_of("audio")) == 12


def test_without_data_a_page_shows_what_was_kept_of_the_training():
    predictor = shade_classifier()
    parsed = page_on(predictor)
    assert (
        "Shown are 60 training samples, each answered by a head that was not trained on it"
        in parsed.text
    )
    assert "The samples are not at hand, so that their ids alone are shown." in parsed.text
    assert "photo 0-9" in parsed.text
    measured = predictor.report.validation.report
    assert f"accuracy{measured.accuracy:.3f}" in parsed.text
    assert "Rows in two dimensions" in parsed.text
    with_content = featx.report(predictor, training=shades(60), options=QUICK).html
    # each with its three nearest training samples
    assert len(assert_page(with_content).all_of("img")) == 12 * 4


@pytest.mark.parametrize("make", [brightness_regressor, note_classifier, tone_classifier])
def test_without_data_each_task_has_its_page(make):
    assert "training samples, each answered by a head" in page_on(make()).text


@pytest.mark.slow
def test_a_saved_predictor_gives_the_page_of_the_trained_one(tmp_path):
    predictor = shade_classifier()
    again = featx.load(featx.save(predictor, tmp_path / "a.featx"))
    samples = shades(45, seed=1)
    assert (
        featx.report(again, samples, options=QUICK).html
        == featx.report(predictor, samples, options=QUICK).html
    )


def test_without_any_account_a_page_says_so():
    rows = np.random.default_rng(0).random((20, 384)).astype(np.float32)
    estimator = KNeighborsClassifier().fit(rows, ["a", "b"] * 10)
    extractor = featx.FeatureExtractor("featx-image-nano")
    pipeline = make_pipeline(extractor, estimator)
    images = [sample.data for sample in shades(20)]
    pipeline.fit(images, ["a", "b"] * 10)
    predictor = featx.from_pipeline(pipeline)
    parsed = page_on(predictor)
    assert "saved without an account of its training" in parsed.text
    assert "give labelled samples to see how good it is" in parsed.text
    measured = [Sample(str(i), image, "ab"[i % 2]) for i, image in enumerate(images)]
    assert "Confusion matrix" in page_on(predictor, measured).text


def test_the_page_repeats_what_there_was_to_say_of_the_samples():
    samples = [*shades(30, seed=1), Sample("x", np.zeros((9, 9, 3), np.uint8), "green")]
    with pytest.warns(FeatxWarning, match="green"):
        html = featx.report(shade_classifier(), samples, options=QUICK).html
    text = assert_page(html).text
    assert "Counted as errors: labels that the predictor does not know: green." in text
    assert text.count("green") >= 3


def test_samples_that_it_was_trained_on_are_told():
    with pytest.warns(FeatxWarning, match="60 of 60 samples are among those"):
        html = featx.report(shade_classifier(), shades(60), options=QUICK).html
    assert "all of which are among those that it was trained on" in assert_page(html).text


def test_samples_that_cannot_be_read_are_counted():
    samples = [*shades(30, seed=1), Sample("broken.jpg", b"no picture", "dark")]
    with pytest.warns(FeatxWarning, match="broken.jpg"):
        html = featx.report(
            shade_classifier(), samples, engine=featx.Engine(on_error="skip"), options=QUICK
        ).html
    assert "1 more could not be read and are left out" in assert_page(html).text


def test_samples_of_weight_0_are_neither_measured_nor_shown():
    samples = shades(45, seed=1)
    weighted = [replace(s, weight=float(i % 3 > 0)) for i, s in enumerate(samples)]
    html = featx.report(shade_classifier(), weighted, options=QUICK).html
    parsed = assert_page(html)
    assert "15 samples of weight 0 are left out" in parsed.text
    assert "photo 1-0" not in parsed.text
    assert "groups and weights are not considered" in parsed.text


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_few_samples_have_a_page(n):
    page_on(shade_classifier(), shades(n, seed=1))
    page_on(note_classifier(), notes(n, seed=1))
    if n > 1:
        page_on(brightness_regressor(), brightness(n, seed=1))


@pytest.mark.slow
def test_samples_of_one_class_and_answers_that_are_all_right_have_a_page():
    predictor, samples = shade_classifier(), shades(60, seed=1)
    answers = predictor.predict([s.data for s in samples])
    dark = [replace(s, label="dark") for s, a in zip(samples, answers, strict=True) if a == "dark"]
    text = page_on(predictor, dark).text
    assert "No sample is taken for one of another class." in text


def test_equal_numbers_have_a_page():
    page_on(brightness_regressor(), [replace(s, label="7") for s in brightness(30, seed=1)])


@pytest.mark.slow
def test_several_numbers_have_charts_each():
    train, new = brightness(40), brightness(20, seed=1)
    both = [
        [{"bright": s.label, "dim": str(-float(s.label))} for s in part] for part in (train, new)
    ]
    predictor = featx.fit([s.data for s in train], both[0], task="regression", baseline=False)
    text = assert_page(
        featx.report(predictor, [s.data for s in new], both[1], options=QUICK).html
    ).text
    assert "Each number by itself" in text
    assert text.count("On the dashed line predictions are right.") == 2


def test_what_makes_no_sense_is_refused():
    with pytest.raises(BadOption, match="examples = -1"):
        page_on(shade_classifier(), shades(9, seed=1), examples=-1)
    with pytest.raises(
        BadOption, match="slices = 'colour': expected a column of the samples; found camera"
    ):
        page_on(shade_classifier(), shades(9, seed=1), slices=["colour"])
    with pytest.raises(BadLabels):
        featx.report(shade_classifier(), [np.zeros((9, 9, 3), np.uint8)])


def test_a_page_is_the_same_each_time_and_is_saved_as_it_is(tmp_path):
    page = featx.report(shade_classifier(), shades(30, seed=1), options=QUICK)
    assert page.html == featx.report(shade_classifier(), shades(30, seed=1), options=QUICK).html
    path = page.save(tmp_path / "page.html")
    assert path.read_bytes() == page.html.encode()
    assert re.fullmatch(r"HtmlReport\([\d,]+ bytes; save it with save\(path\)\)", repr(page))
    assert "<!doctype" not in page._repr_html_()
    assert "sandbox" in page._repr_html_()


@pytest.fixture(scope="module")
def hostile():
    """A predictor whose labels are hostile, and samples of which every text is."""
    names = HOSTILE[:3]
    train = [
        Sample(f"{HOSTILE[i % len(HOSTILE)]}{i}".replace("\ud800", ""), s.data, names[i % 3])
        for i, s in enumerate(shades(30))
    ]
    columns = [
        {text.replace("\ud800", ""): text.replace("\ud800", "") for text in HOSTILE}
        | {"y": HOSTILE[i % 2]}
        for i in range(30)
    ]
    measured = [
        Sample(f"n{s.id}", s.data, s.label, cells) for s, cells in zip(train, columns, strict=True)
    ]
    return fit_with_rows(train), measured


@pytest.mark.slow
def test_hostile_ids_labels_and_columns_stay_texts(hostile):
    predictor, samples = hostile
    with pytest.warns(FeatxWarning):
        html = featx.report(
            predictor, samples, options=featx.ReportOptions(name=HOSTILE[0], slices=["y"])
        ).html
    assert_page(html)
    assert "<script" not in html
    assert_page(featx.report(predictor, options=featx.ReportOptions(name=HOSTILE[1])).html)


@pytest.mark.slow
def test_hostile_texts_stay_texts():
    samples = [
        Sample(
            str(i),
            HOSTILE[i % len(HOSTILE)].replace("\ud800", "") + str(i),
            "[]" if i % 3 else '["red"]',
        )
        for i in range(39)
    ]
    assert "<script" not in featx.report(note_classifier(), samples, options=QUICK).html
    page_on(note_classifier(), samples)


@pytest.mark.slow
def test_long_hostile_names_stay_below_two_megabytes():
    samples = [
        replace(s, id="<&>" * 20_000 + str(i)) for i, s in enumerate(brightness(120, seed=3))
    ]
    html = featx.report(brightness_regressor(), samples, options=QUICK).html
    assert_page(html)
    assert len(html.encode()) < 600_000


@pytest.mark.slow
def test_a_page_that_is_too_large_nevertheless_is_told():
    labels = tuple(f"{kind} {'x' * 40_000}" for kind in "abc")
    predictor = featx.fit(shades(30, labels=labels), head="centroid", baseline=False)
    samples = shades(60, seed=1, labels=labels)
    with pytest.warns(FeatxWarning, match="the page has .* MB: labels or ids are long"):
        html = featx.report(predictor, samples, options=QUICK).html
    assert not assert_page(html).all_of("img")


@pytest.mark.slow
def test_many_classes_are_drawn_as_a_map_with_the_worst_pairs():
    labels = [f"class {k}" for k in range(24)]
    train = shades(72)
    train = [replace(s, label=labels[i % 24]) for i, s in enumerate(train)]
    predictor = featx.fit(train, head="centroid", baseline=False)
    samples = [replace(s, label=labels[i % 24]) for i, s in enumerate(shades(48, seed=1))]
    parsed = page_on(predictor, samples)
    assert "Most frequent confusions" in parsed.text
    cells = [a for a in parsed.all_of("rect") if a["class"].startswith("cell")]
    report = featx.evaluate(predictor, samples)
    assert len(cells) == int((np.array(report.confusion) > 0).sum())
    assert "17 with a greater one are not drawn" in parsed.text
