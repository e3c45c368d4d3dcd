"""A comparison: the best first, beside baselines, with what is left out and why; for every task."""

from __future__ import annotations

import json
import math
from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import featx
from featx.errors import (
    BadLabels,
    BadOption,
    BadSample,
    MissingExtra,
    UnknownBackbone,
    UnknownHead,
)
from featx.reporting.comparison import Comparison
from tests.support import tiny_backbones as tiny

NAMES = ["brightness", "colors", "pixels"]


@pytest.mark.slow
def test_what_the_samples_show_decides_which_backbone_is_best(three_backbones):
    pictures, labels, _ = tiny.colored_pictures()
    found = featx.compare(pictures, labels, backbones=NAMES)
    assert found.best.name == "colors"
    assert found.best.score == 1.0
    assert [one.name for one in found.backbones][-1] == "brightness"
    # Red and green of one brightness: it knows no more than a guess.
    assert 0.2 < found.backbones[-1].score < 0.75
    assert found.backbones[-1].difference.tells
    assert found.best.difference is None
    assert found.n_measured == found.n == 60


@pytest.mark.slow
def test_the_score_is_the_one_that_fit_measures_on_the_same_folds(three_backbones):
    pictures, labels, _ = tiny.colored_pictures(n=40, noise=120, seed=3)
    found = featx.compare(pictures, labels, backbones=NAMES, random_state=5)
    for one in found.backbones:
        report = featx.fit(pictures, labels, backbone=one.name, random_state=5).report
        assert one.score == report.validation.report.accuracy
        assert one.interval == report.validation.report.intervals["accuracy"]
        raw = found.baselines[1]
        assert raw.score == report.baselines[1].scores["accuracy"]
        assert found.baselines[0].score == report.baselines[0].scores["accuracy"]
    assert found.baselines[1].name == "the same head on raw pixels"


@pytest.mark.slow
def test_the_table_says_what_each_costs(three_backbones):
    pictures, labels, _ = tiny.colored_pictures(n=24)
    found = featx.compare(pictures, labels, backbones=NAMES)
    colors = next(one for one in found.backbones if one.name == "colors")
    size = (three_backbones / "colors" / "backbone.onnx").stat().st_size
    assert (colors.bytes, colors.dim, colors.license, colors.head) == (size, 3, "MIT", "logistic")
    assert colors.milliseconds > 0
    line = next(line for line in str(found).splitlines() if line.startswith("colors "))
    assert "MIT" in line
    assert "1.000" in line


def test_without_names_all_that_are_here_are_compared_and_the_others_named(
    three_backbones, own_directory
):
    pictures, labels, _ = tiny.colored_pictures(n=24)
    tiny.add_colors(three_backbones, "away")
    (three_backbones / "away" / "backbone.onnx").unlink()
    tiny.add_nothing(three_backbones)
    found = featx.compare(pictures, labels, heads="ridge")
    assert {one.name for one in found.backbones} == {*NAMES, "featx-image-nano"}
    reasons = {one.name: one.reason for one in found.left_out}
    assert "not on this machine" in reasons["away"]
    assert "24 of 24 rows hold NaN or infinity" in reasons["nothing"]
    assert "nothing" in str(found)
    # The only one of them whose order on other sets is known.
    average = found.baselines[-1]
    assert average.name == "best on average elsewhere: featx-image-nano"
    nano = next(one for one in found.backbones if one.name == "featx-image-nano")
    assert average.score == nano.score


def test_a_named_backbone_that_cannot_be_compared_is_no_silence(three_backbones):
    pictures, labels, _ = tiny.colored_pictures(n=24)
    with pytest.raises(UnknownBackbone, match="did you mean 'colors'"):
        featx.compare(pictures, labels, heads="ridge", backbones=["color"])
    with pytest.raises(BadOption, match="featx-text-nano is a backbone for text, not for image"):
        featx.compare(pictures, labels, heads="ridge", backbones=["colors", "featx-text-nano"])
    tiny.add_colors(three_backbones, "damaged")
    (three_backbones / "damaged" / "backbone.onnx").write_bytes(b"other bytes")
    with pytest.raises(featx.FeatxError, match="damaged"):
        featx.compare(pictures, labels, heads="ridge", backbones=["damaged", "pixels"])
    with pytest.raises(BadOption, match="expected one or more to compare, found none"):
        featx.compare(pictures, labels, heads="ridge", backbones=[])


def test_a_damaged_backbone_that_nobody_named_is_left_out_with_the_reason(three_backbones):
    pictures, labels, _ = tiny.colored_pictures(n=24)
    tiny.add_colors(three_backbones, "torn")
    (three_backbones / "torn" / "backbone.onnx").write_bytes(b"other bytes")
    found = featx.compare(pictures, labels, heads="ridge")
    assert found.best.name == "colors"
    [left] = [one for one in found.left_out if one.name == "torn"]
    assert "sha256" in left.reason or "digest" in left.reason


def test_limits_leave_out_what_is_too_large_or_too_slow(three_backbones):
    pictures, labels, _ = tiny.colored_pictures(n=24)
    sizes = {name: (three_backbones / name / "backbone.onnx").stat().st_size for name in NAMES}
    assert sizes["pixels"] == max(sizes.values())
    found = featx.compare(
        pictures, labels, heads="ridge", backbones=NAMES, max_size=sizes["pixels"] - 1
    )
    assert {one.name for one in found.backbones} == {"colors", "brightness"}
    assert "above max_size" in found.left_out[0].reason
    with pytest.raises(BadOption, match=r"none is left.*above max_latency = 1e-06 ms"):
        featx.compare(pictures, labels, heads="ridge", backbones=NAMES, max_latency="0.000001ms")
    assert (
        featx.compare(pictures, labels, heads="ridge", backbones=NAMES, max_latency="1h").left_out
        == ()
    )


def test_time_that_is_over_leaves_out_what_comes_later_and_says_so(three_backbones):
    pictures, labels, _ = tiny.colored_pictures(n=24)
    found = featx.compare(pictures, labels, heads="ridge", backbones=NAMES, time_limit=1e-6)
    assert len(found.backbones) == 1
    assert found.best.score is None
    assert [one.reason for one in found.left_out] == [
        "time_limit was over before it was ranked"
    ] * 2
    assert "No time was left" in found.notes[0]
    assert Comparison.from_dict(found.to_dict()) == found


def test_taps_of_one_backbone_are_compared_under_their_names(three_backbones):
    pictures, labels, _ = tiny.colored_pictures(n=24)
    names = ["pixels", "pixels@flat", "pixels@map:mean", "pixels"]
    found = featx.compare(pictures, labels, heads="ridge", backbones=names)
    assert {(one.name, one.dim) for one in found.backbones} == {
        ("pixels", 6),
        ("pixels@flat", 192),
        ("pixels@map:mean", 3),
    }
    with pytest.raises(featx.FeatxError, match="no tensor named 'flap'; did you mean 'flat'"):
        featx.compare(pictures, labels, heads="ridge", backbones=["pixels@flap"])


def test_an_open_backbone_and_a_card_are_compared_as_they_are(three_backbones):
    pictures, labels, _ = tiny.colored_pictures(n=24)
    opened = featx.Backbone("pixels", tap="flat")
    found = featx.compare(
        pictures, labels, heads="ridge", backbones=[opened, featx.get_card("colors")]
    )
    assert {one.name for one in found.backbones} == {"pixels@flat", "colors"}


def test_heads_are_ranked_on_the_best_backbones(three_backbones):
    pictures, labels, _ = tiny.colored_pictures(noise=90)
    own = make_pipeline(StandardScaler(), RidgeClassifier())
    found = featx.compare(
        pictures, labels, backbones=["colors", "pixels"], heads=["ridge", "knn", own], n_best=2
    )
    pairs = {(one.name, one.head) for one in found.backbones}
    assert len(pairs) == len(found.backbones) == 6
    assert ("colors", "own:Pipeline") in pairs
    assert sum(one.score is not None for one in found.backbones) == 2
    assert all("head" in one.quick for one in found.backbones)
    with pytest.raises(UnknownHead, match="did you mean 'knn'"):
        featx.compare(pictures, labels, backbones=["colors"], heads=["knm"])
    with pytest.raises(BadOption, match="heads = "):
        featx.compare(pictures, labels, backbones=["colors"], heads=[])


def test_only_the_best_are_measured_and_the_others_keep_their_rank(three_backbones):
    pictures, labels, _ = tiny.colored_pictures()
    found = featx.compare(pictures, labels, heads="ridge", backbones=NAMES, n_best=1)
    scores = [one.score for one in found.backbones]
    assert scores[0] == 1.0
    assert scores[1:] == [None, None]
    ranks = [one.quick["rank"] for one in found.backbones]
    assert ranks == sorted(ranks, reverse=True)


def test_the_quick_pass_looks_at_no_more_samples_than_asked_and_at_each_rare_class(
    three_backbones,
):
    pictures, labels, _ = tiny.colored_pictures(n=200)
    labels = ["rare" if i < 6 else label for i, label in enumerate(labels)]
    found = featx.compare(
        pictures, labels, heads="ridge", backbones=["colors", "pixels"], n_quick=40
    )
    assert 40 <= found.n_quick <= 46
    assert found.n == 200
    assert "40" in str(found) or str(found.n_quick) in str(found)
    assert found.best.score > 0.9


@pytest.mark.slow
def test_numbers_and_several_labels_are_compared_by_their_own_scores(three_backbones):
    pictures, labels, redness = tiny.colored_pictures()
    numbers = featx.compare(pictures, redness, task="regression", backbones=NAMES)
    assert (numbers.score, numbers.best.name) == ("r2", "colors")
    assert numbers.best.score > 0.9
    assert numbers.baselines[0].score == 0.0
    assert "centroid" not in numbers.best.quick
    sets = [
        [label, *(["strong"] if abs(r) > 40 else [])]
        for label, r in zip(labels, redness, strict=True)
    ]
    several = featx.compare(pictures, sets, task="multilabel", backbones=NAMES)
    assert (several.score, several.best.name) == ("micro_f1", "colors")
    assert several.best.score > several.baselines[0].score


@pytest.mark.slow
def test_groups_are_on_one_side_in_the_quick_pass_and_in_measuring(three_backbones):
    # Every group has one colour of its own and labels by chance: who knows the group knows the label.
    rng = np.random.default_rng(0)
    groups = [f"g{i // 6}" for i in range(192)]
    colors = rng.integers(0, 200, (32, 3)).repeat(6, axis=0)
    pictures = [
        np.full((8, 8, 3), c, np.uint8) + rng.integers(0, 6, (8, 8, 3)).astype(np.uint8)
        for c in colors
    ]
    labels = np.array(["yes", "no"])[rng.permutation(32) % 2].repeat(6).tolist()
    asked = {"backbones": ["colors", "pixels"], "heads": "knn"}
    split = featx.compare(pictures, labels, **asked)
    whole = featx.compare(pictures, labels, groups=groups, **asked)
    assert split.best.quick["knn"] > 0.9
    assert whole.best.quick["knn"] < 0.75
    assert split.best.score > 0.8
    assert whole.best.score < 0.75
    assert any("Nothing beats" in note for note in whole.notes)


@pytest.mark.slow
def test_samples_of_no_weight_are_not_measured(three_backbones):
    pictures, labels, _ = tiny.colored_pictures()
    wrong = [{"red": "green", "green": "red"}[x] if i < 20 else x for i, x in enumerate(labels)]
    weights = [0.0] * 20 + [1.0] * 40
    found = featx.compare(pictures, wrong, backbones=NAMES, sample_weight=weights)
    assert found.best.score == 1.0


def test_where_raw_pixels_are_as_good_the_comparison_says_that_nothing_helps(three_backbones):
    pictures, labels, _ = tiny.colored_pictures()
    found = featx.compare(pictures, labels, heads="ridge", backbones=["colors"])
    assert any("Nothing beats the same head on raw pixels" in note for note in found.notes)
    worse = featx.compare(pictures, labels, heads="ridge", backbones=["brightness"])
    assert any("negative transfer" in note for note in worse.notes)


@pytest.mark.slow
def test_a_difference_is_told_only_beyond_chance(three_backbones):
    pictures, labels, _ = tiny.colored_pictures()
    apart = featx.compare(pictures, labels, heads="ridge", backbones=["colors", "brightness"])
    assert any(note.startswith("colors is better than brightness by") for note in apart.notes)
    twin = featx.compare(pictures, labels, heads="ridge", backbones=["colors", "pixels@map:mean"])
    assert any("no telling" in note for note in twin.notes)


def test_an_unreadable_sample_fails_or_is_left_out_of_all_alike(three_backbones):
    pictures, labels, _ = tiny.colored_pictures(n=40)
    given = [*pictures[:-1], b"no picture"]
    with pytest.raises(BadSample, match="39"):
        featx.compare(given, labels, heads="ridge", backbones=["colors", "pixels"])
    with pytest.warns(featx.FeatxWarning, match="1 of 40 samples could not be read"):
        found = featx.compare(
            given,
            labels,
            heads="ridge",
            backbones=["colors", "pixels"],
            engine=featx.Engine(on_error="skip"),
        )
    assert found.n_measured == 39


@pytest.mark.slow
def test_an_interrupted_comparison_goes_on_from_the_cache(three_backbones, tmp_path):
    from featx.embedding.cache import RowCache

    pictures, labels, _ = tiny.colored_pictures(n=40)
    path = tmp_path / "rows.sqlite"
    done = 0

    def interrupt(n):
        nonlocal done
        done += n
        if done > 50:
            raise KeyboardInterrupt

    stopped = featx.Engine(cache=path, progress=interrupt)
    with pytest.raises(KeyboardInterrupt):
        featx.compare(pictures, labels, heads="ridge", backbones=NAMES, engine=stopped)
    kept = RowCache(path).info().rows
    assert 40 <= kept < 120
    again = featx.compare(
        pictures, labels, heads="ridge", backbones=NAMES, engine=featx.Engine(cache=path)
    )
    afresh = featx.compare(pictures, labels, heads="ridge", backbones=NAMES)
    assert [one.score for one in again.contenders] == [one.score for one in afresh.contenders]
    # Three backbones and raw pixels, each row once.
    assert RowCache(path).info().rows == 160


def test_it_is_written_and_read_shown_and_framed(three_backbones):
    pictures, labels, _ = tiny.colored_pictures(n=30)
    found = featx.compare(pictures, labels, heads="ridge", backbones=NAMES, logme=True)
    table = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert Comparison.from_dict(table) == found
    frame = found.to_frame()
    assert frame.index.tolist() == [one.name for one in found.contenders]
    assert frame.loc["colors", "accuracy"] == found.best.score
    assert math.isfinite(frame.loc["colors", "quick_logme"])
    page = found._repr_html_()
    assert page.count("<tr>") == 1 + len(found.contenders)
    assert "colors" in page


def test_it_is_drawn_where_matplotlib_is_there():
    found = Comparison(
        "classification",
        "accuracy",
        9,
        9,
        9,
        "hold-out",
        (
            featx.Contender("a", "logistic", score=0.9, interval=(0.8, 1.0)),
            featx.Contender("raw pixels", "", True, score=0.5),
        ),
    )
    if find_spec("matplotlib") is None:
        with pytest.raises(MissingExtra, match=r"featx\[plot\]"):
            found.plot()
        return
    from matplotlib.figure import Figure

    axes = found.plot(Figure().add_subplot())
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a, logistic"]
    assert "accuracy" in axes.get_xlabel()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.pop("contenders"),
        lambda table: table["contenders"].clear(),
        lambda table: table.update(n="many"),
        lambda table: table["contenders"][0].update(score="high"),
        lambda table: table["contenders"][0].update(interval=[0.1]),
        lambda table: table["contenders"][0].update(is_baseline=1),
        lambda table: table["contenders"][0].update(bytes="1 MB"),
        lambda table: table["contenders"][1].update(difference={"value": "x", "low": 0, "high": 0}),
        lambda table: table.update(left_out=[{"name": "a"}]),
        lambda table: table.update(surprise=1),
    ],
)
def test_a_table_that_is_no_comparison_is_refused_in_words(three_backbones, spoil):
    table = Comparison(
        "classification",
        "accuracy",
        9,
        9,
        9,
        "hold-out",
        (
            featx.Contender("a", "logistic", score=0.9, interval=(0.8, 1.0)),
            featx.Contender("b", "logistic", score=0.8, difference=featx.Difference(0.1, 0.0, 0.2)),
        ),
    ).to_dict()
    spoil(table)
    with pytest.raises(BadLabels, match="not the JSON of a comparison report"):
        Comparison.from_dict(table)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "3", True, None])
def test_counts_are_whole_numbers(wrong):
    with pytest.raises(BadOption, match=r"n_best = .*: expected a whole number"):
        featx.compare([np.zeros((4, 4, 3), np.uint8)], ["a"], n_best=wrong)


@pytest.mark.parametrize(
    "wrong", [{"class_weight": "some"}, {"random_state": -1}, {"test_size": 2}]
)
def test_choices_that_fit_would_refuse_are_refused(wrong):
    [name] = wrong
    with pytest.raises(BadOption, match=f"{name} = "):
        featx.compare([np.zeros((4, 4, 3), np.uint8)] * 2, ["a", "b"], **wrong)


def test_samples_without_labels_are_refused_before_anything_is_embedded(three_backbones):
    with pytest.raises(BadLabels, match="label"):
        featx.compare(tiny.colored_pictures(n=4)[0], backbones=["colors"])
