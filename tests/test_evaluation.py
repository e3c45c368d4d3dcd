"""A predictor measured on samples whose labels it knows, knows in part, or does not know."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

import featx
from featx.errors import BadLabels, FeatxWarning

DARK = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40)]
LIGHT = [np.full((9, 9, 3), value, np.uint8) for value in (200, 220, 240)]
UNSEEN = [np.full((9, 9, 3), value, np.uint8) for value in (10, 230)]
COMPOSED, DECOMPOSED = "Caf\u00e9", "Cafe\u0301"


def trained(dark, light):
    return featx.fit(DARK + LIGHT, [dark] * 3 + [light] * 3)


@pytest.mark.parametrize(
    ("at_training", "at_measuring"),
    [
        ((COMPOSED, "Th\u00e9"), (DECOMPOSED, "The\u0301")),
        ((1, 2), ("1.0", "2.0")),
        (("1.0", "2.0"), (np.int64(1), 2)),
        ((True, False), ("TRUE", "false")),
        (("night ", " day"), ("night", "day\u00a0")),
    ],
)
def test_labels_of_other_programs_and_systems_are_the_classes(at_training, at_measuring):
    report = featx.evaluate(trained(*at_training), UNSEEN, list(at_measuring))
    assert (report.accuracy, report.unseen_labels) == (1.0, ())


def test_a_classifier_with_other_spellings_of_its_classes_is_measured_rightly():
    # an earlier version kept what the files said
    classifier = trained("a", "b")
    old = replace(classifier, head=replace(classifier.head, classes=(DECOMPOSED, "1.0")))
    report = featx.evaluate(old, UNSEEN, [COMPOSED, 1])
    assert (report.accuracy, report.unseen_labels) == (1.0, ())
    assert [score.label for score in report.classes] == ["1.0", DECOMPOSED]


def test_labels_that_the_predictor_knows_none_of_are_refused_before_anything_is_read():
    with pytest.raises(
        BadLabels, match="knows none of them: found 'owl'; it knows 'dark', 'light'"
    ):
        featx.evaluate(trained("dark", "light"), [b"no picture"], ["owl"])


def test_some_unknown_labels_are_told_first_and_count_as_errors():
    classifier = trained("dark", "light")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # what is told comes before the picture that cannot be read
        with pytest.raises(FeatxWarning, match=r"1 of 2 samples .* never shown \('owl'\)"):
            featx.evaluate(classifier, [UNSEEN[0], b"no picture"], ["dark", "owl"])
    with pytest.warns(FeatxWarning, match="1 of 2 samples"):
        report = featx.evaluate(classifier, UNSEEN, ["dark", "owl"])
    assert (report.accuracy, report.unseen_labels) == (0.5, ("owl",))


def test_letter_case_is_ignored_where_asked():
    classifier = trained("dark", "light")
    with pytest.raises(BadLabels, match="differ in upper and lower case"):
        featx.evaluate(classifier, UNSEEN, ["Dark", "LIGHT"])
    report = featx.evaluate(classifier, UNSEEN, ["Dark", "LIGHT"], ignore_label_case=True)
    assert report.accuracy == 1.0
