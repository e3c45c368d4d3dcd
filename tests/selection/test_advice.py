"""The sentences that follow from a comparison, for what was measured."""

from __future__ import annotations

from featx.metrics.paired import Difference
from featx.reporting.comparison import Contender
from featx.selection.advice import advise
from featx.selection.average_order import mean_rank
from featx.selection.candidates import BackboneCandidate

BEST = Contender("large", "logistic", score=0.9, milliseconds=30.0)


def _standing(name, score, difference, milliseconds=None, baseline=False):
    return Contender(
        name,
        "logistic",
        baseline,
        score=score,
        milliseconds=milliseconds,
        difference=difference,
    )


RAW = _standing("raw pixels", 0.82, Difference(0.08, 0.04, 0.12), baseline=True)


def test_beyond_chance_the_best_is_better_by_so_many_points():
    second = _standing("small", 0.888, Difference(0.012, 0.003, 0.021), 2.0)
    notes = advise(BEST, [second], [RAW], n=100, gain=None)
    assert notes == ["large is better than small by 1.2 points, 95 % 0.3 to 2.1."]


def test_within_chance_there_is_no_telling_and_the_faster_is_named():
    second = _standing("small", 0.895, Difference(0.005, -0.004, 0.014), 2.0)
    notes = advise(BEST, [second], [RAW], n=100, gain=None)
    assert notes == [
        "large or small: no telling (0.5 points, 95 % -0.4 to 1.4).",
        "Of those that are as good as can be told, small is 15.0 times as fast.",
    ]


def test_a_baseline_that_is_better_is_negative_transfer():
    raw = _standing("raw pixels", 0.95, Difference(-0.05, -0.08, -0.02), baseline=True)
    [note] = advise(BEST, [], [raw], n=100, gain=None)
    assert note.startswith("Nothing beats raw pixels: it is better than large by 5.0 points")
    assert "negative transfer" in note


def test_a_baseline_that_is_as_good_is_not_beaten():
    raw = _standing("raw pixels", 0.89, Difference(0.01, -0.02, 0.04), baseline=True)
    [note] = advise(BEST, [], [raw], n=100, gain=None)
    assert note.startswith("Nothing beats raw pixels beyond chance")


def test_fine_tuning_is_worth_a_thought_where_all_three_signs_are_there():
    def hints(n=2000, gain=0.02, score=0.82):
        raw = _standing("raw pixels", score, Difference(0.9 - score, 0.01, 0.2), baseline=True)
        return [x for x in advise(BEST, [], [raw], n=n, gain=gain) if "Fine-tuning" in x]

    [hint] = hints()
    assert "twice the samples brought 2.0 points" in hint
    assert "only 8.0 points above a baseline" in hint
    assert "2000 samples" in hint
    assert not hints(n=100)
    assert not hints(gain=0.001)
    assert not hints(gain=None)
    assert not hints(score=0.5)


def test_the_order_elsewhere_is_of_cards_as_they_are():
    shipped = BackboneCandidate.of("featx-image-nano")
    assert shipped.mean_rank == mean_rank(shipped.card)
    assert shipped.mean_rank > 1
    # Another layer is another backbone, which was not measured there.
    assert BackboneCandidate.of("featx-image-nano@last-map:mean").mean_rank is None
    texts = [
        mean_rank(BackboneCandidate.of(name).card)
        for name in ("featx-text-nano", "all-minilm-l6-v2")
    ]
    assert texts[1] < texts[0]
    sounds = [
        mean_rank(BackboneCandidate.of(name).card)
        for name in ("featx-audio-mel", "featx-audio-nano")
    ]
    assert sounds[1] < sounds[0]
