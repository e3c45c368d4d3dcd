"""``fit(backbone="auto")``: the best of a comparison is trained, and what was compared is in the report."""

from __future__ import annotations

import numpy as np
import pytest

import featx
from featx.errors import BadOption, BadSample
from featx.persistence.artifact import load, save
from tests.support import tiny_backbones as tiny


@pytest.mark.slow
def test_the_winner_is_trained_and_the_report_keeps_what_was_compared(three_backbones, tmp_path):
    pictures, labels, _ = tiny.colored_pictures(n=40)
    classifier = featx.fit(pictures, labels, backbone="auto")
    assert classifier.card.name == "colors"
    comparison = classifier.report.comparison
    assert comparison.best.name == "colors"
    assert comparison.best.score == classifier.report.validation.report.accuracy
    assert {"brightness", "pixels"} <= {one.name for one in comparison.backbones}
    assert classifier.config.backbone == "colors"
    assert "Compared before:" in str(classifier.report)
    save(classifier, tmp_path / "x.featx")
    again = load(tmp_path / "x.featx")
    assert again.report.comparison == comparison
    assert again.predict(pictures[:2]).tolist() == classifier.predict(pictures[:2]).tolist()
    assert "brightness" in again.report._repr_html_()


def test_a_named_backbone_compares_nothing(three_backbones):
    pictures, labels, _ = tiny.colored_pictures(n=24)
    report = featx.fit(pictures, labels, backbone="brightness").report
    assert report.comparison is None
    assert report.to_dict()["comparison"] is None
    assert "Compared" not in str(report)


@pytest.mark.slow
def test_the_winner_is_the_same_as_fitted_by_its_name(three_backbones):
    pictures, labels, _ = tiny.colored_pictures(n=40, noise=120)
    chosen = featx.fit(pictures, labels, backbone="auto", head="ridge", random_state=3)
    named = featx.fit(pictures, labels, backbone=chosen.card.name, head="ridge", random_state=3)
    np.testing.assert_array_equal(chosen.predict_proba(pictures), named.predict_proba(pictures))


@pytest.mark.slow
def test_limits_bind_what_is_chosen(three_backbones):
    pictures, labels, _ = tiny.colored_pictures(n=24)
    with pytest.raises(BadOption, match=r"none is left.*above max_latency = 1e-06 ms"):
        featx.fit(pictures, labels, backbone="auto", max_latency="0.000001ms")
    # No time for more than the first: what was ranked is trained.
    found = featx.fit(pictures, labels, backbone="auto", time_limit=1e-6)
    assert found.report.comparison.best.score is None
    assert found.report.validation.report.n == 24


@pytest.mark.parametrize(
    "limits", [{"max_latency": "5ms"}, {"time_limit": 60}, {"max_latency": "5ms", "time_limit": 1}]
)
def test_limits_without_a_choice_are_refused(three_backbones, limits):
    pictures, labels, _ = tiny.colored_pictures(n=4)
    for backbone in ("colors", None):
        with pytest.raises(BadOption, match="only backbone='auto' chooses by it"):
            featx.fit(pictures, labels, backbone=backbone, **limits)


def test_a_limit_that_is_none_is_refused_before_the_work(three_backbones):
    with pytest.raises(BadOption, match=r"time_limit = 'soon': expected a time"):
        featx.fit([b"unread"], ["a"], backbone="auto", time_limit="soon")


@pytest.mark.slow
def test_numbers_groups_and_unreadable_samples_go_through(three_backbones):
    pictures, _, redness = tiny.colored_pictures(n=48)
    groups = [f"g{i // 4}" for i in range(48)]
    given = [*pictures[:-1], b"no picture"]
    with pytest.raises(BadSample, match="47"):
        featx.fit(given, redness, task="regression", backbone="auto", groups=groups)
    with pytest.warns(featx.FeatxWarning, match="1 of 48 samples could not be read"):
        fitted = featx.fit(
            given,
            redness,
            task="regression",
            backbone="auto",
            groups=groups,
            engine=featx.Engine(on_error="skip"),
        )
    assert fitted.card.name == "colors"
    assert fitted.report.comparison.score == "r2"
    assert fitted.report.without_groups is not None
