"""The README's section on several inputs: its commands run in order on the table that it draws."""

import json
import re
import shlex

import pytest

from tests.support.commands import run
from tests.support.readme import BLOCKS, README

HEADING = "## Photos, texts, numbers and categories in one predictor"


@pytest.mark.slow
@pytest.mark.filterwarnings("default::featx.errors.FeatxWarning")
def test_its_commands_do_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    section = README[README.index(HEADING) :].split("\n## ")[0]
    own = re.findall(r"^```(\w*)\n(.*?)^```", section, flags=re.M | re.S)
    first = next(code for language, code in BLOCKS if language == "python")
    draw = next(code for language, code in own if language == "python")
    world = {"__name__": "readme"}
    exec(compile(first.split("pipeline =")[0] + draw, "README.md", "exec"), world)
    [commands] = [code for language, code in own if not language]
    said = {}
    for line in commands.splitlines():
        words = shlex.split(line, comments=True)
        done = run(*words[1:])
        assert done.exit_code == 0, done.output
        said[words[1]] = done
    assert list(said) == ["fit", "predict", "evaluate", "export"]
    for name in ("photo", "caption", "price", "brand"):
        assert f"{name} brings" in said["fit"].stdout
    answers = [json.loads(line) for line in said["predict"].stdout.splitlines()]
    sold = ["yes" if label == "light" else "no" for label in world["labels"]]
    right = [one["label"] == label for one, label in zip(answers, sold, strict=True)]
    assert len(right) == 40
    assert sum(right) >= 36
    assert f"accuracy           {sum(right) / 40:.3f}" in said["evaluate"].stdout
    worst = float(re.search(r"at most (\S+) from the classifier", said["export"].stderr)[1])
    assert worst <= 1e-4
