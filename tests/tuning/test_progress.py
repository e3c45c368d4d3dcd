"""Every long part of a training tells how much of it is done, and an interrupt ends it at once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import featx
from featx.heads import HEADS
from featx.tasks.classification_problem import ClassificationProblem
from featx.tuning import HeadConfig, tune
from featx.tuning.progress import progress_bars
from featx.tuning.validation import train_and_validate, validate_baseline


def rows_of(n, n_classes, d=12):
    rng = np.random.default_rng(0)
    y = np.arange(n) % n_classes
    return (rng.normal(size=(n, d)) + y[:, None]).astype(np.float32), y.astype(str)


@pytest.mark.parametrize(
    ("n", "stages"),
    [
        (60, ["searching, knn", "training on 60 samples", "measuring"]),
        (1200, ["searching, knn", "training on 960 samples", "training on 1200 samples"]),
    ],
)
def test_each_stage_tells_what_is_done_of_it_and_never_goes_back(n, stages):
    X, y = rows_of(n, 3)
    told = []
    config = HeadConfig("knn", progress=lambda *given: told.append(given))
    train_and_validate(X, ClassificationProblem(y), config)
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == stages
    for stage in stages:
        parts = [(done, total) for name, done, total in told if name == stage]
        assert parts == sorted(parts)
        assert all(done <= total for done, total in parts)


def test_the_path_of_the_logistic_head_tells_each_penalty():
    X, y = rows_of(4500, 3)
    told = []
    config = HeadConfig(progress=lambda *given: told.append(given))
    train_and_validate(X, ClassificationProblem(y), config)
    done = [done for stage, done, _ in told if stage == "searching, logistic"]
    assert len(done) >= 4
    assert done == sorted(done)
    validate_baseline(X, ClassificationProblem(y), config)
    assert told[-1] == ("measuring the baseline", 0, 1)


def test_the_splits_that_are_solved_for_the_choice_alone_are_the_second_half_of_the_search():
    X, y = rows_of(4500, 50, d=240)
    told = []
    config = HeadConfig(progress=lambda *given: told.append(given))
    tune([HEADS["logistic"]], X, ClassificationProblem(y), config=config)
    shares = [done / total for _, done, total in told]
    assert shares == sorted(shares)
    assert min(shares) < 0.1
    assert sum(share > 0.5 for share in shares) >= 2
    assert shares[-1] == 1


def test_bars_show_the_stages_one_after_the_other(capsys):
    with progress_bars(after=0) as show:
        for stage, done, total in [("searching", 1, 4), ("searching", 3, 4), ("measuring", 1, 2)]:
            show(stage, done, total)
            # A bar is drawn ten times a second at most.
            time.sleep(0.2)
        show("measuring", 2, 2)
    told = capsys.readouterr().err
    assert "searching:  75%" in told
    assert "measuring: 100%" in told
    assert told.index("searching") < told.index("measuring")


def test_fit_is_silent_unless_it_is_asked_to_be_verbose(capsys):
    images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    featx.fit(images, ["dark"] * 3 + ["light"] * 3)
    assert capsys.readouterr().err == ""
    verbose = featx.fit(images, ["dark"] * 3 + ["light"] * 3, verbose=True)
    assert verbose.predict([images[0]]).tolist() == ["dark"]


def test_a_fit_without_baseline_measures_the_head_alone():
    images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    classifier = featx.fit(images, ["dark"] * 3 + ["light"] * 3, baseline=False)
    assert len(classifier.report.baselines) == 1
    assert classifier.config.baseline is False
    assert set(classifier.report.timings) == {"backbone", "head", "baselines"}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of a terminal")
@pytest.mark.slow
def test_an_interrupt_ends_a_command_within_a_second_inside_a_library_s_loop(tmp_path):
    rng = np.random.default_rng(0)
    words = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnrst"]
    texts = [" ".join(rng.choice(words, 12)) for _ in range(16_000)]
    table = tmp_path / "noise.csv"
    lines = [f"{text},{k % 2}" for k, text in enumerate(texts)]
    table.write_text("text,label\n" + "\n".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "featx", "fit", str(table), "--head", "rbf-svm"]
    command += ["--no-baseline", "--output", str(tmp_path / "x.featx")]
    around = {**os.environ, "PYTHONPATH": str(Path(featx.__file__).parents[1])}
    # A shell that starts a process in the background has it ignore SIGINT.
    child = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env=around,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    # On noise no margin is wide: support vectors take minutes.
    time.sleep(15)
    assert child.poll() is None
    start = time.monotonic()
    os.kill(child.pid, signal.SIGINT)
    _, told = child.communicate(timeout=60)
    assert time.monotonic() - start < 2
    assert child.returncode == 130
    assert told.rstrip().endswith("Interrupted.")
    assert not (tmp_path / "x.featx").exists()
