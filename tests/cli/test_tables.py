"""Commands that are given tables as people write them."""

import json

import numpy as np
import pytest

import featx
from tests.support.commands import refusal, run
from tests.support.sounds import encode, tone

# What is said is shown by the command, and not raised.
pytestmark = pytest.mark.filterwarnings("always::featx.errors.FeatxWarning")


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def sounds(tmp_path):
    """A recording of three pitches below a folder of its own, and a table of its parts."""
    pitches = (300, 900, 2500)
    (tmp_path / "wav").mkdir()
    whole = np.concatenate([tone(1.0, hertz=hertz) for hertz in pitches])
    (tmp_path / "wav" / "a.wav").write_bytes(encode(whole))
    rows = [
        f"a;{n + k / 20:.2f};{n + k / 20 + 0.3:.2f};P{hertz};g"
        for n, hertz in enumerate(pitches)
        for k in range(10)
    ]
    path = tmp_path / "parts.csv"
    path.write_text("sep=;\n" + "\n".join(["file_name;from;to;label;group", *rows]) + "\n")
    return path


SEGMENTS = ("--start-column", "from", "--end-column", "to")


def test_each_segment_of_a_recording_has_its_answer_in_every_command(sounds, tmp_path):
    options = [*SEGMENTS, "--root", tmp_path / "wav"]
    made = run("extract", sounds, *options, "--output", "-")
    assert made.exit_code == 0, made.output
    assert [row["id"] for row in lines(made)][:2] == ["a#0.0-0.3", "a#0.05-0.35"]
    assert made.stderr.count("not used: column 'group'") == 1
    fitted = run("fit", sounds, *options, "--head", "centroid", "--output", tmp_path / "a.featx")
    assert fitted.exit_code == 0, fitted.output
    assert fitted.stderr.count("not used: column 'group'") == 1
    predicted = lines(run("predict", tmp_path / "a.featx", sounds, *options))
    assert [each["label"] for each in predicted] == ["P300"] * 10 + ["P900"] * 10 + ["P2500"] * 10
    measured = run("evaluate", tmp_path / "a.featx", sounds, *options, "--format", "json")
    assert json.loads(measured.stdout)["accuracy"] == 1


def test_a_saved_predictor_keeps_how_a_table_was_read_but_no_folder_of_this_machine(
    sounds, tmp_path
):
    options = [*SEGMENTS, "--root", tmp_path / "wav", "--encoding", "utf-8", "--head", "centroid"]
    assert run("fit", sounds, *options, "--output", tmp_path / "a.featx").exit_code == 0
    config = featx.load(tmp_path / "a.featx").config
    assert (config.start_column, config.end_column, config.encoding) == ("from", "to", "utf-8")
    assert str(tmp_path) not in run("inspect", tmp_path / "a.featx", "--config").stdout


def test_the_encoding_of_a_table_is_asked_for_and_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("text,label\ncafé,a\nthé,b\n".encode("latin-1"))
    refused = run("extract", path, "--output", "-")
    assert refused.exit_code == 1
    assert "line 2: not UTF-8" in refused.stderr
    assert "--encoding" in refused.stderr
    made = run("extract", path, "--encoding", "latin-1", "--output", "-")
    assert [row["id"] for row in lines(made)] == ["row 1", "row 2"]


def test_quotes_that_are_doubtful_are_told_once_and_no_row_is_lost(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text('text\tlabel\n"It began\tneg\nthin\tneg\na joy\tpos\nbrave"\tpos\n')
    made = run("extract", path, "--output", "-")
    assert len(lines(made)) == 4
    assert made.stderr.count("quotes may be marks or characters") == 1


def test_ids_that_repeat_are_left_alone_and_told(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,text\nP0,one\nP0,two\n")
    made = run("extract", path, "--output", "-")
    assert [row["id"] for row in lines(made)] == ["row 1", "row 2"]
    assert "--id-column" in made.stderr
    refused = run("extract", path, "--id-column", "id", "--output", "-")
    assert refused.exit_code == 1
    assert "the id 'P0' is already taken in line 2" in refused.stderr


def test_rows_that_make_no_sense_are_rejects_where_samples_are_skipped(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{word} number {k},{word}" for k in range(4) for word in ("good", "bad")]
    path.write_text("\n".join(["text,label", *rows[:3], "one,two,three", *rows[3:]]) + "\n")
    saved = tmp_path / "a.featx"
    asked = ("fit", path, "--head", "centroid", "--modality", "text", "--output", saved)
    assert "t.csv: line 5: expected 2 cells, found 3" in refusal(run(*asked))
    fitted = run(*asked, "--on-error", "skip")
    assert fitted.exit_code == 0, fitted.output
    assert 'row 4,"line 5: expected 2 cells, found 3' in (tmp_path / "rejects.csv").read_text()
    predicted = run("predict", saved, path)
    assert [row["id"] for row in lines(predicted)] == [f"row {k}" for k in (1, 2, 3, 5, 6, 7, 8, 9)]
    assert "row 4: line 5: expected 2 cells, found 3" in predicted.stderr
    assert predicted.exit_code == 1
    assert "line 5" in refusal(run("predict", saved, path, "--on-error", "fail"))
    made = run(
        "extract", path, "--modality", "text", "-o", tmp_path / "r.csv", "--on-error", "skip"
    )
    assert (made.exit_code, "1 rejected" in made.stderr) == (0, True)
    measured = run("evaluate", saved, path, "--on-error", "skip", "--format", "json")
    assert json.loads(measured.stdout)["n"] == 8
    for command in ("curve", "compare"):
        told = run(command, path, "--backbone", "featx-text-nano", "--on-error", "skip")
        assert "1 of 9 samples could not be read" in told.stderr
    audited = run("audit", path, "--backbone", "featx-text-nano", "--format", "json")
    found = {one["id"] for one in json.loads(audited.stdout)["findings"] if one["code"] == "FX051"}
    assert found == {"row 4"}


@pytest.mark.slow
def test_a_duration_is_a_column_of_every_command(sounds, tmp_path):
    text = sounds.read_text().replace("file_name;from;to", "file_name;from;lasts").splitlines()
    rows = [line.split(";") for line in text]
    for row in rows[2:]:
        row[2] = "0.3"
    sounds.write_text("\n".join(map(";".join, rows)) + "\n")
    options = ["--start-column", "from", "--duration-column", "lasts", "--root", tmp_path / "wav"]
    made = run("extract", sounds, *options, "--output", "-")
    assert [row["id"] for row in lines(made)][:2] == ["a#0.0-0.3", "a#0.05-0.35"]
    saved = tmp_path / "a.featx"
    assert run("fit", sounds, *options, "--head", "centroid", "--output", saved).exit_code == 0
    assert featx.load(saved).config.duration_column == "lasts"
    both = run("predict", saved, sounds, *options, "--end-column", "lasts")
    assert "--end-column, --duration-column: name one of the two" in refusal(both)
