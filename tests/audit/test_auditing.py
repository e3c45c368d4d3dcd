"""Planted faults are found under their codes, and clean data gives nothing."""

import json

import numpy as np
import pytest

import featx
from featx import AuditReport, Rows, Sample, audit_rows, audit_samples
from featx.errors import BadLabels
from tests.support.commands import run

LEAKS = ("FX002", "FX012")


def cloud(n=300, dim=48, n_classes=3, seed=0):
    """Return rows of some classes that lie well apart, their labels and ids."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % n_classes
    table = 12 * np.eye(n_classes, dim)[codes] + rng.standard_normal((n, dim))
    return table.astype(np.float32), [f"c{code}" for code in codes]


def rows_of(table, labels, digests=()):
    return Rows(
        tuple(f"s{i}" for i in range(len(table))),
        tuple(labels),
        np.asarray(table, np.float32),
        "",
        digests=tuple(digests),
    )


def found_of(report, *codes):
    return [(found.code, found.id, found.related) for found in report.of(*codes)]


def test_clean_rows_give_nothing():
    report = audit_rows(rows_of(*cloud()))
    assert report.findings == ()
    assert report.summary == "300 samples: nothing found."


def test_equal_bytes_are_copies_leaks_and_conflicts():
    table, labels = cloud(60)
    digests = [f"d{i}" for i in range(60)]
    for copy, original in ((33, 3), (36, 6), (39, 9), (40, 10)):
        table[copy], digests[copy] = table[original], digests[original]
    labels[39] = "c1" if labels[9] != "c1" else "c2"
    parts, groups = ["train"] * 60, ["g"] * 60
    parts[6] = parts[0] = "test"
    groups[10] = "h"
    report = audit_rows(rows_of(table, labels, digests), parts=parts, groups=groups)
    assert found_of(report, "FX001", "FX002", "FX003", "FX004") == [
        ("FX001", "s33", ("s3",)),
        ("FX001", "s39", ("s9",)),
        ("FX002", "s36", ("s6",)),
        ("FX003", "s39", ("s9",)),
        ("FX004", "s40", ("s10",)),
    ]
    leak = report.of("FX002")[0]
    assert leak.suggested == "remove"
    assert leak.message == "s36 of train is the same as s6, which is in test"
    # Copies are no near-duplicates as well.
    assert not report.of("FX011", "FX012", "FX013", "FX014")


def test_the_copy_that_is_measured_on_is_kept_wherever_it_stands():
    table, labels = cloud(30)
    table[20] = table[2]
    digests = [f"d{i if i != 20 else 2}" for i in range(30)]
    for measured, trained in ((2, 20), (20, 2)):
        parts = ["train"] * 30
        parts[measured] = "test"
        [leak] = audit_rows(rows_of(table, labels, digests), parts=parts).of("FX002")
        assert (leak.id, leak.related) == (f"s{trained}", (f"s{measured}",))


def test_near_duplicates_are_found_relative_to_the_usual_distance():
    table, labels = cloud(300)
    rng = np.random.default_rng(1)
    planted = list(range(0, 30, 3))
    near = table[planted] + 0.05 * rng.standard_normal((10, 48)).astype(np.float32)
    report = audit_rows(
        rows_of(np.vstack([table, near]), labels + [labels[i] for i in planted]),
        parts=["train"] * 300 + ["test"] * 10,
    )
    expected = {(f"s{i}", f"s{300 + place}") for place, i in enumerate(planted)}
    assert {(found.id, found.related[0]) for found in report.of("FX012")} == expected
    assert all(found.score > 0.8 for found in report.of("FX012"))


def test_many_copies_of_one_thing_are_found_too():
    table, labels = cloud(400)
    rng = np.random.default_rng(2)
    many = table[0] + 0.02 * rng.standard_normal((40, 48)).astype(np.float32)
    report = audit_rows(rows_of(np.vstack([table, many]), labels + [labels[0]] * 40))
    assert {found.id for found in report.of("FX011")} >= {f"s{i}" for i in range(400, 440)}


def test_planted_wrong_labels_come_first_with_the_right_one():
    table, labels = cloud(300)
    wrong = {7: "c2", 50: "c0", 120: "c1"}
    true = {i: labels[i] for i in wrong}
    for i, label in wrong.items():
        labels[i] = label
    report = audit_rows(rows_of(table, labels))
    found = {one.id: one.suggested for one in report.of("FX021")}
    assert {f"s{i}": label for i, label in true.items()}.items() <= found.items()
    assert len(found) <= 6


def test_an_outlier_is_found_and_classes_that_blend():
    table, labels = cloud(300)
    table[5] = 40
    labels = [label if label != "c2" else ("c2", "d2")[i % 2] for i, label in enumerate(labels)]
    report = audit_rows(rows_of(table, labels), task="classification")
    assert [found.id for found in report.of("FX031")] == ["s5"]
    assert found_of(report, "FX041") == [("FX041", "", ("c2", "d2"))]


def test_rare_classes_and_those_of_one_part_are_named():
    table, labels = cloud(120)
    labels[0], labels[1] = "odd", "new"
    parts = ["test" if i % 4 == 1 else "train" for i in range(120)]
    report = audit_rows(rows_of(table, labels), parts=parts)
    assert {found.related for found in report.of("FX042")} == {("odd",), ("new",)}
    # They do not keep the others from being looked at.
    assert any("targets of some samples" in text for text in report.skipped)
    assert {(f.related, f.score) for f in report.of("FX043")} == {(("new",), 1.0), (("odd",), 0.5)}


def test_labels_of_several_that_are_missing_or_too_many_are_found():
    rng = np.random.default_rng(3)
    given = rng.random((400, 3)) < 0.4
    table = 5 * given @ np.eye(3, 10) + rng.standard_normal((400, 10))
    shown = given.copy()
    shown[4, 0], shown[9, 2] = ~given[4, 0], ~given[9, 2]
    names = np.asarray(["red", "big", "old"])
    labels = [json.dumps(names[row].tolist()) for row in shown]
    report = audit_rows(rows_of(table, labels), task="multilabel")
    found = {(one.id, one.suggested) for one in report.of("FX022", "FX023")}
    signs = {True: "+", False: "-"}
    expected = {("s4", f"{signs[bool(given[4, 0])]}red"), ("s9", f"{signs[bool(given[9, 2])]}old")}
    assert expected <= found
    assert len(found) <= 8
    assert any("classes that blend" in text for text in report.skipped)


def test_a_number_far_from_what_is_predicted_is_found():
    table, _ = cloud(300)
    rng = np.random.default_rng(4)
    numbers = table[:, 0] * 3 + rng.normal(0, 0.3, 300)
    numbers[17] += 40
    report = audit_rows(rows_of(table, [f"{x:.3f}" for x in numbers]), task="regression")
    assert [found.id for found in report.of("FX024")] == ["s17"]
    assert abs(float(report.of("FX024")[0].suggested) - (numbers[17] - 40)) < 2


def test_numbers_are_not_taken_for_classes_unasked():
    table, _ = cloud(60)
    with pytest.raises(BadLabels, match="task='regression'"):
        audit_rows(rows_of(table, [f"{i / 7:.4f}" for i in range(60)]))


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_few_samples_are_audited_as_far_as_they_go(n):
    table, labels = cloud(60)
    report = audit_rows(rows_of(table[:n], labels[:n]))
    assert report.n == n
    assert any("neighbours" in text for text in report.skipped)


def test_no_samples_at_all_are_no_findings():
    assert audit_samples([]).summary == "0 samples (featx-image-nano): nothing found."


def test_rows_without_labels_of_one_class_or_all_alike_are_borne():
    table, labels = cloud(60)
    report = audit_rows(rows_of(table, [None] * 60))
    assert "targets, classes and shortcuts, for no sample has a label" in report.skipped
    assert audit_rows(rows_of(table, ["one"] * 60)).of("FX021") == []
    alike = audit_rows(rows_of(np.ones((60, 4)), labels))
    assert alike.n == 60
    assert all(0 <= found.score <= 1 for found in alike.findings)
    some = [label if i % 2 else None for i, label in enumerate(labels)]
    assert audit_rows(rows_of(table, some)).of("FX021") == []


def test_a_report_is_the_same_from_json_and_as_a_table():
    table, labels = cloud(60)
    table[1], labels[1] = table[0], "c9"
    report = audit_rows(rows_of(table, labels))
    assert AuditReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report
    frame = report.to_frame()
    assert frame.columns.tolist() == ["id", "code", "score", "related", "suggested", "message"]
    assert len(frame) == len(report.findings) > 0
    assert "FX011" in report.format_table()
    assert "<table>" in report._repr_html_()
    for broken in ({}, {"n": 1}, report.to_dict() | {"findings": [{"code": "FX999"}]}, []):
        with pytest.raises(BadLabels, match="not the JSON"):
            AuditReport.from_dict(broken)


def test_texts_that_differ_in_case_and_signs_only_are_near_duplicates():
    rng = np.random.default_rng(5)
    words = "sun moon tree river cloud stone bird grass wind rain snow fire".split()
    texts = [" ".join(rng.choice(words, 6)) + f" {i}" for i in range(40)]
    texts[30] = texts[2].upper() + "!"
    texts[31] = " … "
    samples = [Sample(f"t{i}", text, "ab"[i % 2]) for i, text in enumerate(texts)]
    report = audit_samples(samples)
    assert ("t30", 1.0) in {(one.id, one.score) for one in report.of("FX011")}
    assert [one.id for one in report.of("FX061")] == ["t31"]


def test_what_featx_gives_at_the_top_is_the_audit():
    assert featx.audit_samples is audit_samples
    assert featx.AuditFinding.__module__ == "featx.audit.findings"


def test_a_label_that_the_head_cannot_tell_is_named_and_not_doubted():
    rng = np.random.default_rng(6)
    table = rng.standard_normal((300, 16))
    seen, unseen = table[:, 0] > 0, rng.random(300) < 0.1
    labels = [
        json.dumps(["a"] * int(x) + ["b"] * int(y)) for x, y in zip(seen, unseen, strict=True)
    ]
    report = audit_rows(rows_of(table, labels), task="multilabel")
    assert not {one.related for one in report.of("FX022", "FX023")} & {("b",)}
    assert "labels that the head tells too badly (1): b" in report.skipped


def unlike(values, index, others):
    own = values[index]
    return [i for i in others if own is not None and values[i] is not None and values[i] != own]


def test_each_copy_is_compared_with_all_before_it_however_many_they_are(rng):
    n = 400
    parts = rng.choice(["train", "test", None], n, p=[0.9, 0.05, 0.05]).tolist()
    groups = [f"g{k}" for k in rng.choice(40, n, p=[0.61, *([0.01] * 39)])]
    labels = rng.choice(["a", "b"], n, p=[0.98, 0.02]).tolist()
    table = rows_of(np.tile(cloud(1)[0], (n, 1)), labels, ["d", "e"] * (n // 2))
    report = audit_rows(table, parts=parts, groups=groups)
    found = {one.id: one for one in report.of("FX001", "FX002", "FX004")}
    conflicts = {one.id: one for one in report.of("FX003")}
    rank = {"test": 0, "train": 2, None: 3}
    for content in "de":
        copies = [i for i in range(n) if table.digests[i] == content]
        copies.sort(key=lambda i: (rank[parts[i]], i))
        for place, index in enumerate(copies):
            earlier, name = copies[:place], f"s{index}"
            leaks, apart, other = (unlike(v, index, earlier) for v in (parts, groups, labels))
            code = "FX002" if leaks else "FX004" if apart else "FX001"
            expected = tuple(f"s{i}" for i in (leaks or apart or earlier)[:20])
            assert (name in found) == bool(place)
            assert not place or (found[name].code, found[name].related) == (code, expected)
            assert (name in conflicts) == bool(other)
            assert not other or conflicts[name].related == tuple(f"s{i}" for i in other[:20])


def test_rare_labels_are_counted_however_their_columns_say_yes_and_no():
    table, _ = cloud(12)
    for yes, no in (("1", "0"), ("yes", "no")):
        targets = [json.dumps({"red": yes, "blue": no})] * 10
        targets += [json.dumps({"red": no, "blue": yes})] * 2
        report = audit_rows(rows_of(table, targets), task="multilabel")
        assert [one.message for one in report.of("FX042")] == [
            "the label 'blue' has 2 of 12 samples"
        ]
    report = audit_rows(rows_of(table, ["red;blue"] * 10 + ["blue"] * 2), task="multilabel")
    assert not report.of("FX042")
    report = audit_rows(rows_of(table, [json.dumps({"red": "maybe"})] * 12), task="multilabel")
    assert any("rare labels:" in text and "'maybe'" in text for text in report.skipped)


@pytest.mark.filterwarnings("default::featx.errors.FeatxWarning")
def test_a_damaged_table_beside_files_is_told_and_the_folder_audited(tmp_path):
    from PIL import Image

    for number in range(4):
        path = tmp_path / ("dark", "light")[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (40, 40), (number * 60, 0, 0)).save(path)
    (tmp_path / "metadata.csv").write_text('file_name,label\n"dark/0.png,x\n')
    result = run("audit", tmp_path, "--format", "json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["n"] == 4
    assert "it is not used for labels" in result.stderr


@pytest.mark.slow
def test_labels_and_ids_of_a_megabyte_are_cut_where_a_report_is_printed():
    table, labels = cloud(60)
    table[33], long = table[3], "z" * 1_000_000
    rows = Rows(
        (long, *map(str, range(1, 60))), tuple(long if x == "c0" else x for x in labels), table, ""
    )
    report = audit_rows(rows)
    assert report.of("FX011")
    assert len(report.format_table()) < 20_000
