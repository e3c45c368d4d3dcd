"""Which classes are taken for which: a table of all pairs, or the worst of many."""

import numpy as np

from featx._display import display_width
from featx.metrics.classification import ClassificationReport, evaluate_predictions
from featx.metrics.confusion import confusion_table, worst_pairs


def test_the_table_of_all_pairs_has_true_classes_in_rows_and_predicted_in_columns():
    report = evaluate_predictions(list("aaabbc"), list("aabbba"))
    text = report.format_table()
    assert text.split("\n\n")[-1].splitlines() == [
        "true, predicted  a  b  c",
        "a                2  1",
        "b                   2",
        "c                1",
    ]
    assert "true, predicted" in "".join(map(str, report.sections()))


def test_without_a_mistake_or_without_counts_there_is_no_such_table():
    right = evaluate_predictions(list("aabb"), list("aabb"))
    assert "true, predicted" not in right.format_table()
    saved = evaluate_predictions(list("aabb"), list("abbb")).to_dict()
    saved.pop("confusion")
    assert "true, predicted" not in ClassificationReport.from_dict(saved).format_table()


def test_twenty_classes_are_a_table_and_more_are_the_worst_pairs():
    labels = [f"class {number:02}" for number in range(21)]
    counts = np.diag(np.full(21, 5))
    counts[3, 7], counts[7, 3], counts[0, 20] = 4, 1, 2
    assert confusion_table(labels, counts) is None
    assert worst_pairs(labels, counts).to_text().splitlines() == [
        "true      taken for  samples  of",
        "class 03   class 07        4   9",
        "class 00   class 20        2   7",
        "class 07   class 03        1   6",
    ]
    table = confusion_table(labels[:20], counts[:20, :20])
    lines = table.to_text().splitlines()
    # Too wide for names: columns have numbers, which stand before the names too.
    assert lines[0].split() == ["true,", "predicted", *map(str, range(1, 21))]
    assert lines[1].startswith(" 1 class 00")
    assert lines[20].startswith("20 class 19")
    assert max(map(len, lines)) <= 100


def test_only_the_ten_worst_pairs_are_shown():
    labels = [f"{number}" for number in range(30)]
    counts = np.arange(900).reshape(30, 30)
    rows = worst_pairs(labels, counts).rows
    assert len(rows) == 10
    assert rows[0][:3] == ("29", "28", "898")


def test_columns_stay_with_wide_letters_accents_and_emoji():
    labels = ["猫", "cafe\u0301", "👩\u200d🔬", "dog"]
    text = confusion_table(labels, np.full((4, 4), 7)).to_text()
    lines = text.splitlines()
    assert len({display_width(line) for line in lines}) == 1
    assert [display_width(label) for label in labels] == [2, 4, 2, 3]


def test_mistakes_are_listed_with_the_most_confident_first():
    shares = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    report = evaluate_predictions(
        ["b", "b", "b", "new"], ["a", "a", "b", "a"], shares, classes=["a", "b"], ids=list("wxyz")
    )
    assert [(one.id, one.true, one.predicted, one.probability) for one in report.mistakes] == [
        ("x", "b", "a", 0.9),
        ("z", "new", "a", 0.7),
        ("w", "b", "a", 0.6),
    ]
    assert "mistakes" not in report.to_dict()
    assert ClassificationReport.from_dict(report.to_dict()) == report
