"""Samples as training takes them: with groups and weights, without what is left out, and what is said of it."""

import numpy as np
import pytest

import featx
from featx.errors import BadLabels, BadOption, FeatxWarning
from featx.labelled import LabelledSamples, describe_design
from featx.tasks import get_task

CLASSIFICATION, REGRESSION = get_task("classification"), get_task("regression")


def make(labels, **more):
    return LabelledSamples.of(
        [
            featx.Sample(f"a/{i}_x{i % 3}_.png", b"", label, **{k: v[i] for k, v in more.items()})
            for i, label in enumerate(labels)
        ]
    )


def test_groups_are_names_a_pattern_or_the_folder_above():
    samples = make(["a", "b"] * 3).samples
    for groups, found in (
        (list("uvwuvw"), list("uvwuvw")),
        ([1, 2, 3, 1, 2, 3], list("123123")),
        ("_(x[0-9])_", ["x0", "x1", "x2"] * 2),
        ("parent", ["a"] * 6),
    ):
        assert [s.group for s in LabelledSamples.of(samples, groups=groups).samples] == found


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"groups": ["a"]}, "groups: expected 6 names, one a sample; found 1"),
        ({"groups": "_(y)_"}, "groups"),
        ({"sample_weight": [1.0]}, r"sample_weight: expected 6 numbers.* found shape \(1,\)"),
    ],
)
def test_what_does_not_fit_the_samples_is_refused(options, words):
    with pytest.raises(BadOption, match=words):
        LabelledSamples.of(make(["a", "b"] * 3).samples, **options)


def test_weights_are_1_on_average_and_have_the_order_of_the_ids():
    given = LabelledSamples.of(make(["a", "b"] * 2).samples, sample_weight=[0, 2, 3, 3])
    ids = [sample.id for sample in given.samples]
    np.testing.assert_allclose(given.design(ids).weights, [0, 1, 1.5, 1.5])
    np.testing.assert_allclose(given.design(ids[:0:-1]).weights, [9 / 8, 9 / 8, 6 / 8])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"group": ["p", None, "p", "q"]}, "group: 1 of 4 samples have none .*1_x1"),
        ({"group": ["p"] * 4}, "all 4 samples are of the group 'p'"),
        ({"weight": [1.0, -1.0, 1.0, 1.0]}, "numbers from 0 on"),
        ({"weight": [0.0] * 4}, "not all of them 0"),
        ({"weight": [1.0, float("nan"), 1.0, 1.0]}, "numbers from 0 on"),
        ({"weight": [1.0, None, 1.0, 1.0]}, "weight: 1 of 4 samples have none"),
        ({"time": [1.0, None, 1.0, 1.0]}, "time: 1 of 4 samples have none"),
    ],
)
def test_what_only_some_samples_say_is_refused(more, words):
    with pytest.raises(BadLabels, match=words):
        describe_design(make(["a", "b"] * 2, **more).samples)


def test_samples_that_say_nothing_have_a_plain_design():
    design = describe_design(make(["a", "b"] * 2).samples)
    assert design.is_plain
    assert design.weights is None
    parts = describe_design(make(["a", "b"] * 2, part=["train", "val"] * 2).samples)
    assert parts.validation.tolist() == [False, True] * 2


def test_samples_without_a_label_are_refused_or_skipped_and_counted():
    given = make(["a", None, "b", "a", "b", None])
    with pytest.raises(BadLabels, match="2 of 6 samples have none"):
        given.for_task(CLASSIFICATION)
    with pytest.warns(FeatxWarning, match="2 of 6 samples have no label and are left out"):
        left = given.for_task(CLASSIFICATION, unlabelled="skip")
    assert [sample.label for sample in left.samples] == ["a", "b", "a", "b"]
    assert left.notes == ("2 of 6 samples have no label and are left out",)
    with pytest.raises(BadLabels, match="found none"), pytest.warns(FeatxWarning):
        make([None, None]).for_task(CLASSIFICATION, unlabelled="skip")


def test_rare_classes_are_left_out_by_name():
    given = make([*"aaabbb", "rare", "odd"])
    with pytest.warns(FeatxWarning, match="'odd'") as told:
        left = given.for_task(CLASSIFICATION, min_samples=2)
    assert "'rare'" in str(told[0].message)
    assert {sample.label for sample in left.samples} == {"a", "b"}
    with pytest.raises(BadLabels, match="found none"), pytest.warns(FeatxWarning):
        given.for_task(CLASSIFICATION, min_samples=4)


@pytest.mark.parametrize("value", [0, -1, True])
def test_a_least_number_below_one_is_refused(value):
    with pytest.raises(BadOption, match="expected a whole number, 1 or more"):
        make(["a", "b"] * 2).for_task(CLASSIFICATION, min_samples=value)


def test_another_word_for_unlabelled_is_refused():
    with pytest.raises(BadOption, match="expected 'fail' or 'skip'"):
        make(["a", "b"] * 2).for_task(CLASSIFICATION, unlabelled="drop")


@pytest.mark.parametrize("form", ["{}", "{}.5", "-{}", "{}e3"])
def test_many_distinct_numbers_are_no_classes_unless_someone_says_so(form):
    given = make([form.format(i) for i in range(1, 31) for _ in range(2)])
    with pytest.raises(BadLabels, match="30 distinct numbers"):
        given.for_task(CLASSIFICATION, by_default=True)
    assert len(given.for_task(CLASSIFICATION).samples) == 60
    assert len(given.for_task(REGRESSION).samples) == 60


@pytest.mark.parametrize(
    "labels",
    [
        [str(i) for i in range(20) for _ in range(2)],
        [str(i) for i in range(30) for _ in range(5)],
        [f"class {i}" for i in range(30) for _ in range(2)],
        [str(i) for i in range(60) for _ in range(2 if i < 25 else 5)],
    ],
    ids=["20 numbers", "five of each", "names", "most occur five times"],
)
def test_numbers_that_may_be_classes_are_taken_for_them(labels):
    given = make(labels).for_task(CLASSIFICATION, by_default=True)
    assert [sample.label for sample in given.samples] == labels
