"""The page on a predictor of several inputs."""

from __future__ import annotations

import pytest

import featx
from featx.cli import main
from featx.errors import BadOption
from featx.html_report.page import ReportOptions, report
from tests.support.goods import draw_goods, write_goods

pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")
INPUTS = {"photo": "image", "caption": "text", "price": "number", "brand": "category"}


@pytest.fixture(scope="module")
def predictor():
    return featx.fit(draw_goods(40), target="sold", inputs=INPUTS, head="ridge")


@pytest.fixture(scope="module")
def page(predictor):
    unseen = draw_goods(30, seed=5)
    samples = featx.make_samples(predictor.make_samples(unseen), [row["sold"] for row in unseen])
    return report(predictor, samples, options=ReportOptions(examples=8)).html


@pytest.mark.slow
def test_it_says_what_each_input_is_and_brings(page, predictor):
    assert "What each input brings" in page
    for one in predictor.report.contributions:
        assert f"{one.score_without:.3f}" in page
    assert "input brand" in page
    assert "category in the column brand: 3 categories" in page
    assert "text in the column caption: featx-text-nano" in page


def test_examples_are_photo_text_and_cells_with_what_each_input_adds(page):
    examples = page[page.index("Samples worth looking at</h2>") :]
    assert examples.count("<img ") >= 8
    assert "<blockquote" in examples
    assert "brand: " in examples
    assert "Inputs, by what each adds" in examples


def test_slices_are_those_of_categories_and_numbers(page, predictor):
    slices = page[page.index("Slices</h2>") :]
    for name in ("brand: Acme", "price: ", "caption: characters"):
        assert name in slices, name
    unseen = predictor.make_samples(draw_goods(30, seed=5))
    labelled = featx.make_samples(unseen, [row["sold"] for row in draw_goods(30, seed=5)])
    options = ReportOptions(slices=["shape"], examples=0, audit=False)
    with pytest.raises(BadOption, match=r"found brand, caption: characters, price"):
        report(predictor, labelled, options=options)


def test_without_samples_it_shows_those_of_its_training(predictor):
    html = report(predictor, options=ReportOptions(examples=4)).html
    assert "40 training samples, each answered by a head that was not trained on it" in html
    assert "Rows in two dimensions" in html


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* among those that the classifier was trained on")
def test_the_commands_write_it(tmp_path, capsys):
    table, path = write_goods(tmp_path, 30), tmp_path / "goods.featx"
    inputs = ["--input", "photo:image", "--input", "brand:category"]
    pages = [tmp_path / "fit.html", tmp_path / "report.html"]
    args = ["fit", table, "-o", path, "--label-column", "sold", "--report", pages[0], *inputs]
    main([*map(str, args), "--head", "ridge"], standalone_mode=False)
    args = ["report", path, table, "-o", pages[1], "--slice", "seller", "--slice", "brand"]
    main([*map(str, args)], standalone_mode=False)
    for page in pages:
        html = page.read_text("utf-8")
        assert "What each input brings" in html
        assert "<img " in html
        assert "brand: Acme" in html
