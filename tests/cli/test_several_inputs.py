"""``featx fit --input …`` on a drawn table, and what reads the same table by the predictor's own inputs."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

import featx
from tests.support.commands import refusal, run

# What is said stands in standard error, where it is looked for.
pytestmark = pytest.mark.filterwarnings("default::featx.errors.FeatxWarning")
INPUTS = ("photo:image", "caption:text", "price:number", "brand:category")
WORDS = [word for text in INPUTS for word in ("--input", text)]
QUICK = ("--head", "ridge", "--no-baseline", "--seed", "0")
CAPTIONS = ("a red bag", "a blue bag", "old shoes", "new shoes for the summer")


def draw(folder, n=24, seed=0):
    """Draw a table of goods with photos in a folder below it; light photos are sold."""
    rng = np.random.default_rng(seed)
    (folder / "photos").mkdir(parents=True)
    rows = []
    for index in range(n):
        sold = index % 2
        pixels = rng.integers(0, 60, (16, 16, 3)) + 180 * sold
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "photos" / f"item {index}.png")
        rows.append(
            {
                "photo": f"photos/item {index}.png",
                "caption": CAPTIONS[int(rng.integers(4))],
                "price": f"{rng.uniform(1, 100):.2f}",
                "brand": ("acme", "bolt")[int(rng.integers(2))],
                "shop": f"s{index // 4}",
                "sold": ("no", "yes")[sold],
                "income": f"{10 + 5 * sold + rng.uniform():.3f}",
                "tags": "bag|new" if sold else "shoes|old",
            }
        )
    return write(folder, rows)


def write(folder, rows, name="goods.csv"):
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder / name


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def fit_words(path, *inputs):
    """Return the words that train on a table of goods by some of its columns."""
    named = [word for text in inputs for word in ("--input", text)]
    return ("fit", path, "--label-column", "sold", *named)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("shop") / "my goods")


@pytest.fixture(scope="module")
def saved(table):
    path = table.parent / "goods.featx"
    done = run(
        "fit", table, "--label-column", "sold", *WORDS, *QUICK, "--missing", "zero", "-o", path
    )
    assert done.exit_code == 0, done.output
    return path


def answers(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_fit_names_the_inputs_and_predict_reads_the_same_table(saved, table):
    shown = run("inspect", saved).output
    assert "on photo: featx-image-nano + caption: featx-text-nano + price: number" in shown
    done = run("predict", saved, table)
    assert done.exit_code == 0, done.output
    truth = [row["sold"] for row in rows_of(table)]
    found = answers(done)
    assert [one["id"] for one in found] == [f"row {n}" for n in range(1, 25)]
    assert np.mean([one["label"] == label for one, label in zip(found, truth, strict=True)]) > 0.9


def test_the_command_line_answers_as_python_does(saved, table):
    loaded = featx.load(saved)
    rows = [{**row, "photo": str(table.parent / row["photo"])} for row in rows_of(table)]
    expected = loaded.predict_proba(rows)
    found = answers(run("predict", saved, table))
    given = [{top["label"]: top["probability"] for top in one["top"]} for one in found]
    assert [one["yes"] for one in given] == pytest.approx(expected[:, 1].tolist(), abs=1e-5)


def test_evaluate_finds_the_target_by_itself(saved, table):
    done = run("evaluate", saved, table, "--format", "json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["n"] == 24
    assert "24 of 24 samples are among those" in done.stderr


def test_a_record_is_a_json_file_or_a_line_of_standard_input(saved, table, monkeypatch):
    monkeypatch.chdir(table.parent)
    row = {name: rows_of(table)[1][name] for name in ("photo", "caption", "price", "brand")}
    (table.parent / "row.json").write_text(json.dumps(row))
    [expected] = [one for one in answers(run("predict", saved, table)) if one["id"] == "row 2"]
    [of_file] = answers(run("predict", saved, "row.json"))
    [of_line] = answers(run("predict", saved, "-", input=json.dumps(row)))
    assert of_file["top"] == of_line["top"] == expected["top"]
    several = {**row, "photo": ["photos/item 1.png", "photos/item 3.png"]}
    assert answers(run("predict", saved, "-", input=json.dumps(several)))[0]["label"] == "yes"


def test_rows_that_cannot_be_read_are_told_and_the_others_answered(saved, table):
    rows = rows_of(table)[:6]
    (table.parent / "photos" / "broken.png").write_bytes(b"no picture")
    rows[0]["photo"] = "photos/broken.png"
    rows[1]["photo"] = "photos/gone.png"
    rows[2]["price"] = "cheap"
    rows[3].update(photo="", caption="", price="", brand="")
    rows[4]["photo"] = ""
    path = write(table.parent, rows, "odd.csv")
    done = run("predict", saved, path, "--rejects", table.parent / "rejects.csv")
    assert done.exit_code == 1
    assert [one["id"] for one in answers(done)] == ["row 5", "row 6"]
    said = {row["id"]: row["reason"] for row in rows_of(table.parent / "rejects.csv")}
    assert said["row 1"].startswith("photo: not an image")
    assert said["row 2"].endswith("file not found")
    assert said["row 3"] == "price: expected a number, found 'cheap'"
    assert "nothing stands in its inputs" in said["row 4"]
    assert "4 of 6 could not be read" in done.stderr
    assert refusal(run("predict", saved, path, "--on-error", "fail")).startswith(
        f"{path}: line 5: "
    )


def test_a_category_that_training_never_had_is_told_once(saved, table):
    rows = [{**row, "brand": "zeta"} for row in rows_of(table)]
    done = run("predict", saved, write(table.parent, rows, "new.csv"))
    assert done.exit_code == 0
    assert len(answers(done)) == 24
    assert done.stderr.count("zeta") == 1
    assert "brand: 24 of 24 values are unlike all of training ('zeta')" in done.stderr


def test_other_columns_at_prediction_are_named(saved, table):
    rows = [{("cost" if k == "price" else k): v for k, v in row.items()} for row in rows_of(table)]
    said = refusal(run("predict", saved, write(table.parent, rows, "other.csv")))
    assert "expected a column 'price'; found columns 'photo', 'caption', 'cost', 'brand'" in said
    photo = table.parent / "photos" / "item 1.png"
    assert "has no columns; expected a table" in refusal(run("predict", saved, photo))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--input", "Price:number"], "expected a column 'Price'; found columns"),
        (["--input", "photo:number"], "photo: 24 of 24 cells are no numbers"),
        (["--input", "photo:number"], "files are photo:image"),
        (["--input", "caption:number"], "sentences caption:text"),
        (["--input", "price:image"], "no files; say 'price:number'"),
        (["--input", "price:date"], "price: 24 of 24 cells are no dates"),
        (["--input", "brand:vector"], "brand: 24 of 24 cells are no vectors"),
        (["--input", "photo:picture"], "'picture' is no kind"),
        (["--input", "sold:category"], "is an input, too"),
        (["--input", "photo:image:mobilenetv9"], "no backbone named 'mobilenetv9'"),
        (["--input", "photo:image:featx-text-nano"], "featx-text-nano reads texts"),
        (["--pair", "caption,price"], "nothing tells whether 'price' holds texts"),
        (["--pair", "caption,nope"], "there is no column 'nope'"),
        (["--pair", "caption"], "expected two columns, such as a,b"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(table, tmp_path, words, said):
    done = run("fit", table, "--label-column", "sold", *words, *QUICK, "-o", tmp_path / "x.featx")
    assert said in refusal(done)


@pytest.mark.parametrize(
    "words",
    [
        ["--input", "photo:image", "--backbone", "featx-image-nano"],
        ["--input", "photo:image", "--modality", "image"],
        ["--input", "photo:image", "--provider", "openvino"],
        ["--missing", "zero"],
        ["--pool-by", "shop"],
    ],
)
def test_options_that_do_not_go_together_are_wrong_use(table, tmp_path, words):
    done = run("fit", table, "--label-column", "sold", *words, *QUICK, "-o", tmp_path / "x.featx")
    assert done.exit_code == 2
    assert "--input" in done.stderr


def test_a_broken_photo_is_skipped_in_training_and_listed(table, tmp_path):
    rows = rows_of(table)
    rows[0]["photo"] = "photos/none.png"
    rows[3].update(photo="", caption="", price="", brand="")
    path = write(table.parent, rows, "broken.csv")
    words = fit_words(path, "photo:image", "price:number")
    done = run(*words, *QUICK, "-o", tmp_path / "x.featx")
    assert "nothing stands in its inputs" in refusal(done)
    done = run(*words, *QUICK, "--on-error", "skip", "-o", tmp_path / "x.featx")
    assert done.exit_code == 0, done.output
    assert {row["id"] for row in rows_of(tmp_path / "rejects.csv")} == {"row 1", "row 4"}


def test_a_row_without_its_photo_is_refused_and_two_ways_out_are_named(table, tmp_path):
    rows = rows_of(table)
    rows[2]["photo"] = " "
    path = write(table.parent, rows, "without.csv")
    words = fit_words(path, "photo:image", "price:number")
    said = refusal(run(*words, *QUICK, "-o", tmp_path / "x.featx"))
    assert said == (
        "row 3: photo: is missing; mend or remove it, or leave such samples out with --on-error skip, or take "
        "them with --missing zero"
    )


def test_a_date_that_is_none_is_told_by_its_row_and_cell(table, tmp_path):
    rows = [{**row, "when": f"2024-05-{n + 1:02d}"} for n, row in enumerate(rows_of(table))]
    rows[4]["when"] = "2024-02-30"
    path = write(table.parent, rows, "dates.csv")
    words = fit_words(path, "when:date", "price:number")
    done = run(*words, *QUICK, "-o", tmp_path / "d.featx")
    said = "row 5: when: expected a date such as 2024-05-31, found '2024-02-30'"
    assert refusal(done).startswith(said)
    done = run(*words, *QUICK, "--on-error", "skip", "-o", tmp_path / "d.featx")
    assert "trained on 23 samples" in done.stdout
    done = run("predict", tmp_path / "d.featx", path)
    assert [said] == [line for line in done.stderr.splitlines() if line.startswith("row")]
    assert len(answers(done)) == 23


def test_rows_of_one_shop_are_one_sample_in_training_and_prediction(table, tmp_path):
    rows = rows_of(table)
    for index, row in enumerate(rows):
        row["sold"] = ("no", "yes")[index // 4 % 2]
    path = write(table.parent, rows, "shops.csv")
    out = tmp_path / "shops.featx"
    words = ("--label-column", "sold", "--input", "photo:image", "--input", "caption:text")
    done = run("fit", path, *words, "--pool-by", "shop", *QUICK, "-o", out)
    assert done.exit_code == 0, done.output
    assert "trained on 6 samples" in done.stdout
    assert [one["id"] for one in answers(run("predict", out, path))] == [f"s{n}" for n in range(6)]
    said = refusal(
        run("fit", table, *words, "--pool-by", "shop", *QUICK, "-o", tmp_path / "y.featx")
    )
    assert said.startswith("shop 's0': row 1 has the target 'no' and row 2 'yes'")


@pytest.mark.slow
def test_numbers_and_several_labels_are_predicted_too(table, tmp_path):
    words = ("--input", "photo:image", "--input", "price:number", *QUICK)
    task = ("--task", "regression", "--target-column", "income", "--group-column", "shop")
    done = run("fit", table, *task, *words, "-o", tmp_path / "income.featx")
    assert done.exit_code == 0, done.output
    assert "as it would seem without groups" in done.stdout
    given = answers(run("predict", tmp_path / "income.featx", table))
    found = [one["value"] for one in given]
    truth = [float(row["income"]) for row in rows_of(table)]
    assert np.corrcoef(found, truth)[0, 1] > 0.8
    task = ("--task", "multilabel", "--target-column", "tags", "--label-separator", "|")
    words = ("--input", "photo:image", "--input", "price:number", "--no-baseline")
    done = run("fit", table, *task, *words, "-o", tmp_path / "tags.featx")
    assert done.exit_code == 0, done.output
    assert set(answers(run("predict", tmp_path / "tags.featx", table))[1]["labels"]) == {
        "bag",
        "new",
    }


def test_a_pair_of_texts_needs_no_input_beside_it(table, tmp_path):
    rows = rows_of(table)
    for index, row in enumerate(rows):
        row["other, one"] = row["caption"] if index % 2 else "a house by the sea"
    path = write(table.parent, rows, "pairs.csv")
    done = run(
        *("fit", path, "--label-column", "sold", "--pair", "caption,other, one"),
        *(*QUICK, "-o", tmp_path / "pair.featx"),
    )
    assert done.exit_code == 0, done.output
    found = answers(run("predict", tmp_path / "pair.featx", path))
    assert (
        np.mean([one["label"] == row["sold"] for one, row in zip(found, rows, strict=True)]) > 0.9
    )


def test_rows_of_vectors_elsewhere_are_named_again_for_other_tables(table, tmp_path):
    names = tuple(row["photo"] for row in rows_of(table))
    sold = np.array([[row["sold"] == "yes", 1.0] for row in rows_of(table)], np.float32)
    featx.write_rows(tmp_path / "rows.npz", featx.Rows(names, (None,) * len(names), sold, ""))
    vector, out = f"photo:vector:{tmp_path / 'rows.npz'}", tmp_path / "v.featx"
    words = ("fit", table, "--label-column", "sold", "--input", vector, "--input", "brand:category")
    done = run(*words, *QUICK, "-o", out)
    assert done.exit_code == 0, done.output
    found = answers(run("predict", out, table, "--input", vector))
    assert [one["label"] for one in found] == [row["sold"] for row in rows_of(table)]
    without = run("predict", out, table)
    assert without.exit_code == 1
    assert "photo: expected a list of numbers" in without.stderr
    assert str(tmp_path) not in (out / "manifest.json").read_text()
    assert "its vectors: 'photo'" in refusal(
        run("predict", out, table, "--input", "brand:vector:x")
    )


def test_rows_of_a_folder_of_shards_are_a_vector(table, tmp_path):
    words = ("--path-column", "photo", "--backbone", "featx-image-nano", "--shard-size", "10")
    done = run("extract", table, *words, "-o", tmp_path / "rows")
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "rows").glob("*.parquet"))) == 3
    vector, out = f"photo:vector:{tmp_path / 'rows'}", tmp_path / "v.featx"
    words = ("fit", table, "--label-column", "sold", "--input", vector, "--input", "price:number")
    done = run(*words, *QUICK, "-o", out)
    assert done.exit_code == 0, done.output
    found = [one["label"] for one in answers(run("predict", out, table, "--input", vector))]
    right = [label == row["sold"] for label, row in zip(found, rows_of(table), strict=True)]
    assert np.mean(right) > 0.9


def test_a_configuration_holds_the_inputs(saved, table, tmp_path):
    config = tmp_path / "fit.toml"
    config.write_text(run("inspect", saved, "--config").stdout)
    done = run("fit", table, "--config", config, "-o", tmp_path / "again.featx")
    assert done.exit_code == 0, done.output
    again = [one["top"] for one in answers(run("predict", tmp_path / "again.featx", table))]
    assert again == [one["top"] for one in answers(run("predict", saved, table))]


def test_without_inputs_a_table_is_told_what_it_could_have(table, tmp_path):
    """The command that is proposed runs as it is."""
    import shlex

    done = run("fit", table, "--label-column", "sold", *QUICK, "-o", tmp_path / "x.featx")
    assert done.exit_code == 1
    [note] = [line for line in done.stderr.splitlines() if line.startswith("Note: several columns")]
    words = shlex.split(note.partition("predictor: ")[2])
    typed = [words[k + 1] for k, word in enumerate(words) if word == "--input"]
    assert {"photo:image", "price:number", "brand:category", "income:number"} <= set(typed)
    assert words[:3] == ["featx", "fit", str(table)]
    done = run(*words[1:], *QUICK)
    assert done.exit_code == 0, done.output
