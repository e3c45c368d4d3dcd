"""Fit looks at its arguments before it waits for libraries, and says what to type next."""

import json
import shlex
import shutil
import subprocess
import sys

import pytest

from featx.heads import HEADS
from featx.heads.names import HEAD_NAMES
from tests.support.commands import ROOT, run
from tests.support.texts import write_table

_RUN = """
import json, sys
from click.testing import CliRunner
from featx.cli import main
result = CliRunner().invoke(main, json.loads(sys.argv[1]))
heavy = [name for name in ("sklearn", "scipy", "onnx", "pandas") if name in sys.modules]
print(json.dumps([result.exit_code, result.stderr, heavy]))
"""


def test_the_names_of_heads_are_those_that_there_are():
    assert (*HEADS, "auto") == HEAD_NAMES


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["{photos}", "--head", "logistik"], "did you mean 'logistic'"),
        (["{photos}", "--backbone", "mobilenet"], "no backbone named 'mobilenet'"),
        (["{photos}", "--set", "resise=3"], "unknown key 'resise'"),
        (["{photos}", "--set", "resize"], "expected KEY=VALUE"),
        (["{photos}", "--jobs", "0"], "--jobs 0: expected a number"),
        (["{photos}", "--provider", "gpu"], "--provider gpu: expected one of cpu"),
        (["{photos}", "--modality", "smell"], "--modality smell: expected one of image"),
        (["{photos}/dark"], "expected one folder a class"),
        (["{one}"], "expected at least 2"),
        (["{photos}", "--output", "{photos}"], "is not a featx classifier"),
        (["{photos}", "--output", "absent/x.featx"], "does not exist; create it first"),
        (["{photos}", "--output", "/proc/x.featx"], "no file can be made in /proc"),
    ],
)
def test_a_wrong_argument_is_told_before_a_heavy_import(photos, tmp_path, words, said):
    one = tmp_path / "one"
    shutil.copytree(photos / "dark", one / "dark")
    words = [word.format(photos=photos, one=one) for word in words]
    if "--output" not in words:
        words += ["--output", str(tmp_path / "x.featx")]
    answer = subprocess.run(
        [sys.executable, "-c", _RUN, json.dumps(["fit", *words])],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    status, stderr, heavy = json.loads(answer.stdout)
    assert status == 1
    assert said in stderr
    assert stderr.count("\n") == 1
    assert heavy == []


@pytest.mark.filterwarnings("ignore:.*1 other file left out")
def test_the_next_command_can_be_pasted_into_a_shell(photos, tmp_path):
    """Names with spaces, quotes and dollars, and options that are needed again."""
    table = photos / "it's $HOME.csv"
    paths = [path.relative_to(photos) for path in sorted(photos.rglob("*.png"))]
    rows = [(path, path.parts[0], "test" if path.stem == "2" else "train") for path in paths]
    write_table(table, ["path", "kind of thing", "split"], rows)
    output = tmp_path / 'my "best" one.featx'
    result = run(
        "fit", table, "--label-column", "kind of thing", "--head", "centroid", "-o", output
    )
    assert result.exit_code == 0, result.output
    command = result.stderr.strip().splitlines()[-1].partition("measure on them: ")[2]
    words = shlex.split(command)
    assert words == [
        *("featx", "evaluate", str(output), str(table), "--target-column", "kind of thing")
    ]  # fmt: skip
    assert run(*words[1:]).exit_code == 0
    again = run("fit", photos, "--head", "centroid", "-o", output, "--overwrite")
    assert again.exit_code == 0, again.output
    line = again.stderr.strip().splitlines()[-1]
    assert shlex.split(line.partition("Next: ")[2]) == ["featx", "predict", str(output), "FILES…"]
