"""Commands that are given texts."""

import json

import pytest
from click.testing import CliRunner

import featx
from featx.cli import main
from tests.support.texts import write_table


@pytest.fixture
def intents(tmp_path):
    """Two intents in a folder of manifests, told apart by their words."""
    folder = tmp_path / "my intents"
    folder.mkdir()
    card = [
        "my card was stolen",
        "block my credit card",
        "the card is lost",
        "where is my new card",
    ]
    rate = [
        "what is the exchange rate",
        "how much is a dollar",
        "euro to pound rate",
        "rates today",
    ]
    table = [(text, "card") for text in card] + [(text, "rate") for text in rate]
    write_table(folder / "train.csv", ["text", "label"], table)
    unseen = [("I lost my card", "card"), ("exchange rate please", "rate")]
    write_table(folder / "test.csv", ["text", "label"], unseen)
    return folder


def run(*words, **options):
    return CliRunner().invoke(main, [str(word) for word in words], **options)


@pytest.mark.slow
def test_from_a_folder_of_manifests_to_a_classifier_of_lines(shared_models, intents, tmp_path):
    out = tmp_path / "intents.featx"
    fitted = run("fit", intents, "--backbone", "all-minilm-l6-v2", "-o", out, "--head", "centroid")
    assert fitted.exit_code == 0, fitted.output
    measured = run("evaluate", out, intents, "--format", "json")
    assert json.loads(measured.stdout)["accuracy"] == 1
    said = run("predict", out, "-", input="somebody stole my card\nhow much is a euro\n")
    labels = [json.loads(line)["label"] for line in said.stdout.splitlines()]
    assert labels == ["card", "rate"]
    note = tmp_path / "note.txt"
    note.write_text("my card does not work")
    assert json.loads(run("predict", out, note).stdout)["label"] == "card"


def test_extract_fit_and_predict_take_the_same_columns(shared_models, tmp_path):
    rows = [("good film", "up"), ("fine film", "up"), ("bad film", "down"), ("poor film", "down")]
    path = write_table(tmp_path / "d.csv", ["said", "mood"], rows)
    columns = ["--text-column", "said", "--label-column", "mood"]
    backbone = ["--backbone", "all-minilm-l6-v2"]
    out = tmp_path / "rows.npz"
    assert run("extract", path, *columns, *backbone, "-o", out).exit_code == 0
    table = featx.read_rows(out)
    assert table.ids == ("row 1", "row 2", "row 3", "row 4")
    assert table.labels == ("up", "up", "down", "down")
    made = run("fit", path, *columns, *backbone, "-o", tmp_path / "m.featx")
    assert made.exit_code == 0, made.output
    said = run("predict", tmp_path / "m.featx", path, "--text-column", "said")
    assert len(said.stdout.splitlines()) == 4


def test_a_modality_that_does_not_fit_the_backbone_is_refused(intents, tmp_path):
    out = tmp_path / "x.featx"
    said = run("fit", intents, "--backbone", "featx-image-nano", "--modality", "text", "-o", out)
    assert said.exit_code == 1
    assert "featx-image-nano is a backbone for image" in said.stderr
    said = run("fit", intents, "--modality", "video", "-o", out)
    assert "--modality video: expected one of image, text" in said.stderr
