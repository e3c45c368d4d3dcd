"""What may be wrong with records: copies, leaks, wrong labels, outliers and poor contents of each input."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

import featx
from featx.audit.auditing import audit_samples
from featx.audit.findings import AuditReport
from featx.audit.fixing import Manifest
from featx.cli import main
from featx.errors import BadOption
from featx.inputs.showing import SampleView
from featx.inputs.spec import make_specs
from tests.support.goods import draw_goods, write_goods

pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")
INPUTS = {"photo": "image", "caption": "text", "price": "number", "brand": "category"}


@pytest.fixture(scope="module")
def goods():
    """Sixty rows, and behind them one of each fault, by the id that it has."""
    rows = draw_goods(60)
    faults = {
        "60": {**rows[1]},
        "61": {**rows[2], "price": rows[2]["price"] + 1e-3},
        "62": {**rows[3], "sold": "no"},
        "63": {**rows[4], "price": 99_999.0},
        "64": {**rows[5], "photo": b"no photo"},
        "65": {**rows[6], "caption": ""},
        "66": {**rows[7], "photo": np.full((40, 40, 3), 7, np.uint8)},
        "67": {**rows[8], "caption": "word " * 900},
        "68": {**rows[9], "photo": [rows[9]["photo"], np.zeros((4, 4, 3), np.uint8)]},
    }
    return [*rows, *faults.values()]


@pytest.fixture(scope="module")
def report(goods):
    return audit_samples(goods, target="sold", inputs=INPUTS)


@pytest.mark.slow
def test_copies_are_equal_in_all_inputs_and_near_duplicates_nearly(report):
    copies = {(one.id, one.related) for one in report.of("FX001")}
    assert copies == {("60", ("1",)), ("62", ("3",))}
    assert [(one.id, one.related) for one in report.of("FX003")] == [("62", ("3",))]
    assert ("61", ("2",)) in {(one.id, one.related) for one in report.of("FX011")}


def test_wrong_labels_and_outliers_are_found_whatever_the_scale_of_an_input(report):
    assert "62" in {one.id for one in report.of("FX021")}
    assert report.of("FX031")[0].id == "63"


def test_poor_contents_are_told_by_input_and_photo(report):
    said = {(one.code, one.id): one.message for one in report.findings}
    assert said["FX051", "64"].startswith("64: photo: not an image")
    assert said["FX061", "65"] == "65: caption: is missing"
    assert said["FX053", "66"].startswith("66: photo: one grey level, 7 of 255")
    assert said["FX062", "67"].startswith("67: caption: 900 words, of which the backbone reads")
    assert "68: photo 2: 4 × 4 pixels" in {one.message for one in report.of("FX052")}


def test_shortcuts_name_the_input(report):
    assert ("photo: brightness",) in {one.related for one in report.of("FX081")}


def test_a_backbone_beside_inputs_is_refused(goods):
    with pytest.raises(BadOption, match="each input has its own; name it there"):
        audit_samples(goods, target="sold", inputs=INPUTS, backbone="featx-image-nano")


def test_rows_of_numbers_and_categories_alone_are_no_copies(goods):
    inputs = {"brand": "category", "price": "number"}
    found = audit_samples([*goods[:40], goods[0]], target="sold", inputs=inputs)
    assert not [one for one in found.findings if one.code < "FX02"]
    assert any(text.startswith("copies, for rows of numbers") for text in found.skipped)


def test_several_texts_are_one_cell_of_a_table_which_is_told(tmp_path):
    texts = [featx.Sample("a", {"caption": ("red", "apple")}), featx.Sample("b", {"caption": "x"})]
    view = SampleView.of_specs(make_specs({"caption": "text"}))
    report = AuditReport("classification", 2, "", ())
    with pytest.warns(
        featx.FeatxWarning, match=r"caption: samples of several texts .1. have them joined"
    ):
        table = Manifest.of(texts, report, view, tmp_path)
    assert [one["caption"] for one in table.records] == ["red apple", "x"]


def read(path):
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def run(*args):
    main(list(map(str, args)), standalone_mode=False)


@pytest.mark.slow
def test_the_command_writes_a_table_without_leaks_that_fit_reads(tmp_path, capsys):
    table, fixed = write_goods(tmp_path, 40), tmp_path / "fixed" / "goods.csv"
    fixed.parent.mkdir()
    rows = read(table)
    for number, row in enumerate(rows):
        row["split"] = "test" if number % 4 == 0 else "train"
    rows += [
        {**rows[1], "id": "leak", "split": "test"},
        {**rows[2], "id": "none", "photo": "no.png"},
    ]
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    inputs = ["--input", "photo:image", "--input", "caption:text", "--input", "price:number"]
    page = tmp_path / "audit.html"
    asked = ["--label-column", "sold", *inputs]
    run("audit", table, *asked, "--html", page, "--fix", fixed, "--format", "json")
    found = json.loads(capsys.readouterr().out)["findings"]
    assert {"FX002", "FX051"} <= {one["code"] for one in found}
    assert "<img " in page.read_text("utf-8")
    left = read(fixed)
    assert {row["id"] for row in rows} - {row["id"] for row in left} == {"g1", "none"}
    assert left[0]["photo"] == "../photos/0.png"
    assert list(left[0]) == [*rows[0]]
    run("fit", fixed, "-o", tmp_path / "m.featx", "--head", "ridge", *asked)
    assert featx.load(tmp_path / "m.featx").report.data.n == 30 - 1
