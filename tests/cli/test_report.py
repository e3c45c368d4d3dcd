import csv

import pytest

from tests.support.commands import refusal, run
from tests.support.pages import assert_page


def page(path):
    return assert_page(path.read_text(encoding="utf-8"))


told = pytest.mark.filterwarnings("always::featx.errors.FeatxWarning")


@told
def test_report_writes_a_page_on_a_table_with_slices_of_its_columns(shades, tmp_path):
    output = tmp_path / "page.html"
    with (shades / "shades.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    table = shades / "many.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["path", "label", "camera", "id"])
        writer.writeheader()
        for number in range(60):
            row = rows[number % 6]
            writer.writerow(
                {"path": row["path"], "label": row["label"], "camera": number % 2, "id": number}
            )
    result = run(
        *("report", shades / "shade.featx", table, "--output", output),
        *("--id-column", "id", "--slice", "camera", "--examples", 6),
    )
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{output}\n"
    assert "Warning: 60 of 60 samples are among those" in result.stderr
    parsed = page(output)
    assert "Report on shade.featx" in parsed.text
    assert "camera: 0" in parsed.text
    assert "60 of 60 samples are among those" in parsed.text
    assert len(parsed.all_of("img")) == 6


def test_report_without_data_shows_what_was_kept(shades, tmp_path):
    output = tmp_path / "page.html"
    result = run("report", shades / "shade.featx", "-o", output)
    assert result.exit_code == 0, result.output
    assert "Shown are 6 training samples" in page(output).text


def test_fit_writes_the_page_with_the_predictor(shades, tmp_path):
    output, html = tmp_path / "new.featx", tmp_path / "page.html"
    result = run(
        *("fit", shades / "my photos", "--output", output, "--report", html, "--no-baseline"),
        *("--head", "centroid"),
    )
    assert result.exit_code == 0, result.output
    parsed = page(html)
    assert "Report on new.featx" in parsed.text
    # each with its three nearest training samples
    assert len(parsed.all_of("img")) == 6 * 4


@pytest.mark.parametrize("command", ["report", "fit"])
def test_a_page_that_cannot_be_written_is_refused_before_the_work(shades, tmp_path, command):
    where = tmp_path / "no folder" / "page.html"
    words = (
        ["report", shades / "shade.featx", "--output", where]
        if command == "report"
        else ["fit", shades / "my photos", "--output", tmp_path / "n.featx", "--report", where]
    )
    assert "no folder" in refusal(run(*words))
    assert not (tmp_path / "n.featx").exists()


@told
def test_a_column_that_is_not_there_is_refused_in_the_words_of_the_command(shades, tmp_path):
    words = ("--output", tmp_path / "p.html", "--slice", "colour")
    result = run("report", shades / "shade.featx", shades / "shades.csv", *words)
    said = refusal(result)
    assert said.startswith("--slice colour: expected a column of the samples; found ")
    assert not (tmp_path / "p.html").exists()
