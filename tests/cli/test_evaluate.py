"""What was predicted wrongly is listed, and tables of commands keep their columns."""

import csv
import json

import pytest

from tests.support.commands import refusal, run
from tests.support.texts import write_table

pytestmark = pytest.mark.filterwarnings("default::featx.errors.FeatxWarning")


@pytest.fixture
def mislabelled(shades, tmp_path):
    """The photos with one label that is wrong and one that the classifier does not know."""
    table = tmp_path / "some of them.csv"
    rows = [
        (photo, label)
        for photo, label in zip(
            sorted((shades / "my photos").rglob("*.png")),
            ("light", "dark", "dark", "light", "light", "grey"),
            strict=True,
        )
    ]
    write_table(table, ["path", "label"], rows)
    return table


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_errors_are_listed_the_most_confident_first(shades, mislabelled, tmp_path, suffix):
    output = tmp_path / f"errors{suffix}"
    result = run("evaluate", shades / "shade.featx", mislabelled, "--errors", output)
    assert result.exit_code == 0, result.output
    assert f"2 of 6 were predicted wrongly, listed in {output}" in result.stderr
    if suffix == ".csv":
        with output.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    elif suffix == ".jsonl":
        rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    else:
        rows = pytest.importorskip("pyarrow.parquet").read_table(output).to_pylist()
    assert list(rows[0]) == ["id", "true", "predicted", "probability"]
    shares = [float(row["probability"]) for row in rows]
    assert shares == sorted(shares, reverse=True)
    found = {(row["id"].rpartition("/")[2], row["true"], row["predicted"]) for row in rows}
    assert found == {("0.png", "light", "dark"), ("2.png", "grey", "light")}


def test_the_table_says_which_classes_are_taken_for_which(shades, mislabelled):
    text = run("evaluate", shades / "shade.featx", mislabelled).stdout
    rows = text.split("true, predicted")[1].splitlines()
    assert rows[0].split() == ["dark", "grey", "light"]
    assert [row.split() for row in rows[1:4]] == [
        ["dark", "2"], ["grey", "1"], ["light", "1", "2"]
    ]  # fmt: skip


def test_errors_that_cannot_be_written_are_refused_before_the_work(shades, mislabelled, tmp_path):
    common = ["evaluate", shades / "shade.featx", mislabelled, "--errors"]
    assert "expected a name ending in .csv" in refusal(run(*common, tmp_path / "x.txt"))
    assert "does not exist" in refusal(run(*common, tmp_path / "absent" / "x.csv"))


def test_without_mistakes_the_list_is_its_header(shades, tmp_path):
    output = tmp_path / "errors.csv"
    run("evaluate", shades / "shade.featx", shades / "my photos", "--errors", output)
    assert output.read_text(encoding="utf-8") == "id,true,predicted,probability\n"
