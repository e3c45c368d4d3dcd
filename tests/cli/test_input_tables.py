"""Tables of several inputs on the command line: on standard input, with segments, and what is typed next."""

from __future__ import annotations

import csv
import json
import shlex
import wave

import numpy as np
import pytest

import featx
from tests.support.commands import refusal, run
from tests.support.goods import write_goods

pytestmark = pytest.mark.filterwarnings("default::featx.errors.FeatxWarning")
QUICK = ("--head", "ridge", "--no-baseline")
COLUMNS = ("--label-column", "sold", "--input", "price:number", "--input", "brand:category")
RATE = 16_000


def lines_of(done):
    """Return the answers that were printed."""
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def goods(tmp_path_factory):
    """Return a table, and a predictor of two of its columns with what was said of its training."""
    folder = tmp_path_factory.mktemp("goods")
    table = write_goods(folder, 24)
    done = run("fit", table, *COLUMNS, *QUICK, "-o", folder / "g.featx")
    assert done.exit_code == 0, done.output
    return table, folder / "g.featx", done


def test_the_command_that_is_typed_next_reads_the_table(goods):
    table, saved, done = goods
    [line] = [line for line in done.stderr.splitlines() if "Next: " in line]
    words = shlex.split(line.partition("Next: ")[2])
    assert words[:2] == ["featx", "predict"]
    again = run(*words[1:])
    assert again.exit_code == 0, again.output
    assert len(lines_of(again)) == 24
    assert lines_of(again) == lines_of(run("predict", saved, table))


def test_a_table_on_standard_input_is_answered_as_its_file(goods):
    table, saved, _ = goods
    of_file = lines_of(run("predict", saved, table))
    of_input = lines_of(run("predict", saved, "-", input=table.read_text()))
    assert of_input == of_file
    measured = run("evaluate", saved, "-", "--format", "json", input=table.read_text())
    assert json.loads(measured.stdout)["n"] == 24


def test_a_table_of_other_columns_on_standard_input_is_refused_once(goods):
    _, saved, _ = goods
    done = run("predict", saved, "-", input="price,shop\n1,a\n2,b\n3,c\n")
    assert refusal(done) == (
        "standard input: expected a column 'brand'; found columns 'price', 'shop'"
    )


def write_sounds(folder):
    """Write recordings of four seconds, high and low in turn, and a row for each second."""
    rng, seconds = np.random.default_rng(0), np.arange(RATE) / RATE
    with (folder / "sounds.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["rec", "from_s", "to_s", "price", "kind"])
        for number in range(4):
            parts = []
            for second in range(4):
                pitch = (3000, 300)[second % 2]
                parts.append(np.sin(2 * np.pi * pitch * seconds) * 8000 + rng.normal(0, 99, RATE))
                cells = (second, second + 1, rng.normal(), ("high", "low")[second % 2])
                writer.writerow([f"{number}.wav", *cells])
            with wave.open(str(folder / f"{number}.wav"), "wb") as sound:
                sound.setparams((1, 2, RATE, 0, "NONE", ""))
                sound.writeframes(np.concatenate(parts).astype("<i2").tobytes())
    return folder / "sounds.csv"


SOUNDS = ("--label-column", "kind", "--input", "rec:audio", "--input", "price:number")
SEGMENTS = ("--start-column", "from_s", "--end-column", "to_s")


def test_a_row_may_be_a_segment_of_a_sound_in_training_and_in_prediction(tmp_path):
    table = write_sounds(tmp_path)
    saved = tmp_path / "s.featx"
    done = run("fit", table, *SOUNDS, *SEGMENTS, *QUICK, "-o", saved)
    assert done.exit_code == 0, done.output
    assert featx.load(saved).report.validation.report.accuracy == 1
    # The columns of training are looked for by themselves.
    found = lines_of(run("predict", saved, table))
    assert [one["label"] for one in found] == ["high", "low"] * 8
    odd = tmp_path / "odd.csv"
    odd.write_text(
        "rec,price,from_s,to_s\n0.wav,1,,\n0.wav,1,3,9\n0.wav,1,x,2\n0.wav;1.wav,1,0,1\n"
    )
    done = run("predict", saved, odd)
    assert [one["id"] for one in lines_of(done)] == ["row 1"]
    for said in (
        "row 2: rec: segment from 3 to 9 s: the recording has 4.000 s",
        "row 3: rec: start and end: expected seconds, found 'x' and '2'",
        "row 4: rec: one segment of 2 sounds; expected one sound",
    ):
        assert said in done.stderr
    record = {"rec": str(tmp_path / "0.wav"), "price": 1}
    lines = [json.dumps(record), json.dumps({**record, "from_s": 1, "to_s": 2})]
    done = run("predict", saved, "-", input="\n".join(lines))
    assert [(one["id"], one["label"]) for one in lines_of(done)] == [("line 2", "low")]
    assert "line 1: lacks 'from_s', 'to_s'; has 'rec', 'price'" in done.stderr
    whole = tmp_path / "whole.csv"
    whole.write_text("rec,price\n0.wav,1\n")
    assert "expected a column 'from_s'" in refusal(run("predict", saved, whole))
    fixed = tmp_path / "fixed.csv"
    assert run("audit", table, *SOUNDS, *SEGMENTS, "--fix", fixed).exit_code == 0
    with fixed.open(newline="") as file:
        first = next(csv.DictReader(file))
    assert (first["rec"], first["from_s"], first["to_s"]) == ("0.wav", "0", "1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--input", "price:number"),
            "expected one input of sounds, whose segments they are; found none",
        ),
        (
            ("--input", "rec:audio", "--input", "other:audio"),
            "expected one input of sounds, whose segments they are; found 'rec', 'other'",
        ),
    ],
)
def test_segments_of_no_sound_or_of_two_are_refused(tmp_path, words, said):
    table = tmp_path / "t.csv"
    table.write_text("rec,other,from_s,to_s,price,kind\na.wav,b.wav,0,1,2,x\n")
    done = run(
        "fit", table, "--label-column", "kind", *words, *SEGMENTS, "-o", tmp_path / "x.featx"
    )
    assert said in refusal(done)
