"""Columns of the source go along into every output, and a prediction has a column a class."""

import csv
import json
import shutil

import pytest

from featx.tables import read_rows
from tests.support.commands import refusal, run
from tests.support.texts import write_table


def captions():
    return [
        f'a "{label}" one, 日本 {number}'
        for number, label in enumerate(["dark"] * 3 + ["light"] * 3)
    ]


def records(path):
    """Read back a file of predictions as a list of dicts of text, number or None."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    parquet = pytest.importorskip("pyarrow.parquet")
    return parquet.read_table(path).to_pylist()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_predictions_are_written_by_the_suffix_with_the_columns_that_are_kept(
    shades, tmp_path, suffix
):
    output = tmp_path / f"predictions{suffix}"
    result = run(
        "predict", shades / "shade.featx", shades / "shades.csv", "--keep", "caption,label", "-o", output
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert "the column 'label' of the source is written as 'source_label'" in result.stderr
    rows = records(output)
    assert [row["id"] for row in rows][:2] == ["my photos/dark/0.png", "my photos/dark/1.png"]
    assert [row["caption"] for row in rows] == captions()
    assert [row["source_label"] for row in rows] == ["dark"] * 3 + ["light"] * 3
    assert [row["label"] for row in rows] == ["dark"] * 3 + ["light"] * 3
    assert all(0.5 < float(row["probability"]) <= 1 for row in rows)


def test_csv_has_a_column_a_class_and_no_json(shades, tmp_path):
    output = tmp_path / "predictions.csv"
    run("predict", shades / "shade.featx", shades / "my photos", "-o", output)
    text = output.read_text(encoding="utf-8")
    assert text.splitlines()[0] == "id,label,probability,probability_dark,probability_light"
    assert not set(text) & set("[]{}")
    for row in records(output):
        shares = {name: float(row[f"probability_{name}"]) for name in ("dark", "light")}
        assert sum(shares.values()) == pytest.approx(1, abs=2e-6)
        assert max(shares, key=shares.get) == row["label"]
        assert max(shares.values()) == float(row["probability"])


def test_every_column_can_be_kept_and_none_takes_the_place_of_ours(shades):
    result = run("predict", shades / "shade.featx", shades / "shades.csv", "--keep", "all")
    first = json.loads(result.stdout.splitlines()[0])
    assert list(first) == [
        *("id", "label", "probability", "top"),
        *("path", "source_label", "caption", "price", "source_probability"),
    ]
    assert first["source_probability"] == "high"
    assert first["probability"] != "high"
    assert result.stderr.count("is written as") == 2


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "npz", "parquet"])
def test_rows_carry_the_columns_in_every_format(shades, tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    output = tmp_path / f"rows.{suffix}"
    result = run("extract", shades / "shades.csv", "--keep", "all", "-o", output)
    assert result.exit_code == 0, result.output
    rows = read_rows(output)
    # The label is there already; the word for word same column is not written a second time.
    assert list(rows.columns) == ["path", "caption", "price", "probability"]
    assert list(rows.columns["caption"]) == captions()
    assert [float(cell) for cell in rows.columns["price"]] == [0, 0.25, 0.5, 0.75, 1, 1.25]
    plain = tmp_path / f"plain.{suffix}"
    run("extract", shades / "shades.csv", "-o", plain)
    again = read_rows(plain)
    assert again.columns == {}
    assert (again.ids, again.labels) == (rows.ids, rows.labels)
    assert again.embeddings.tolist() == rows.embeddings.tolist()


def test_types_of_json_and_parquet_stay_as_they_are(shades, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    photos = sorted((shades / "my photos").rglob("*.png"))
    source = tmp_path / "source.jsonl"
    cells = [
        {"path": str(photo), "count": k, "share": k / 2 if k else 0, "good": k > 1, "late": None}
        for k, photo in enumerate(photos)
    ]
    cells[3]["late"] = 2**70
    cells[4]["late"] = "x"
    source.write_text("".join(json.dumps(one) + "\n" for one in cells), encoding="utf-8")
    output = tmp_path / "out.parquet"
    wanted = "count,share,good,late"
    result = run("predict", shades / "shade.featx", source, "--keep", wanted, "-o", output)
    assert result.exit_code == 0, result.output
    table = parquet.read_table(output)
    types = {name: str(table.schema.field(name).type) for name in wanted.split(",")}
    assert types == {"count": "int64", "share": "double", "good": "bool", "late": "string"}
    rows = table.to_pylist()
    assert [row["share"] for row in rows] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    assert [row["late"] for row in rows] == [None, None, None, str(2**70), "x", None]
    again = run("predict", shades / "shade.featx", output, "--path-column", "id", "--keep", "good")
    lines = [json.loads(line) for line in again.stdout.splitlines()]
    assert [line["good"] for line in lines] == [False, False, True, True, True, True]


def test_what_has_no_columns_has_text_and_label(shades, tmp_path):
    folder = run("predict", shades / "shade.featx", shades / "my photos", "--keep", "all")
    assert [json.loads(line)["source_label"] for line in folder.stdout.splitlines()] == (
        ["dark"] * 3 + ["light"] * 3
    )
    texts = run("extract", "-", "-o", "-", "--modality", "text", "--keep", "text", input="a\nb c\n")
    assert [json.loads(line)["text"] for line in texts.stdout.splitlines()] == ["a", "b c"]


def test_a_column_that_is_not_there_is_refused_by_name(shades):
    words = refusal(
        run("predict", shades / "shade.featx", shades / "shades.csv", "--keep", "caption,colour")
    )
    assert words.endswith(
        "expected a column 'colour' to keep; found columns 'path', 'label', 'caption', 'price', "
        "'probability'"
    )
    words = refusal(run("predict", shades / "shade.featx", shades / "my photos", "--keep", "text"))
    assert words.endswith("expected a column 'text' to keep; found columns 'label'")
    words = refusal(run("predict", shades / "shade.featx", "-", "--keep", "text", input="x.png\n"))
    assert words == "standard input: expected a column 'text' to keep; found columns none"


@pytest.mark.filterwarnings("default::featx.errors.FeatxWarning")
def test_lists_and_objects_are_left_out_by_name_or_refused(shades, tmp_path):
    photo = shades / "my photos" / "dark" / "0.png"
    source = tmp_path / "nested.jsonl"
    source.write_text(json.dumps({"path": str(photo), "tags": ["a"], "note": "n"}) + "\n")
    result = run("predict", shades / "shade.featx", source, "--keep", "all")
    assert "the column 'tags' holds values of type list and is not kept" in result.stderr
    assert json.loads(result.stdout)["note"] == "n"
    assert "tags" not in json.loads(result.stdout)
    words = refusal(run("predict", shades / "shade.featx", source, "--keep", "tags"))
    assert words.endswith("holds values of type list; expected texts or numbers to keep")


def test_several_sources_have_their_columns_together(shades, tmp_path):
    shutil.copytree(shades / "my photos", tmp_path / "my photos")
    write_table(tmp_path / "b.csv", ["path", "note"], [("my photos/light/0.png", "5")])
    output = tmp_path / "both.csv"
    result = run(
        "predict", shades / "shade.featx", shades / "shades.csv", tmp_path / "b.csv",
        "--keep", "all", "-o", output,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    last = records(output)[-1]
    assert (last["note"], last["caption"]) == ("5", "")
    assert records(output)[0]["note"] == ""


def test_the_name_of_a_file_says_its_format(shades, tmp_path):
    common = ["predict", shades / "shade.featx", shades / "my photos"]
    assert "expected a name ending in .csv, .jsonl, .parquet" in refusal(
        run(*common, "-o", tmp_path / "x.xlsx")
    )
    assert run(*common, "-o", tmp_path / "x.jsonl", "--format", "csv").exit_code == 2
    noted = run(*common, "-o", tmp_path / "x.csv", "--top-k", "1")
    assert "--top-k is for JSON lines" in noted.stderr
    assert "x.xlsx" not in [path.name for path in tmp_path.iterdir()]
