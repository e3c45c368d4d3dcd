"""Rows of tables that make no sense: refused, or rejects where samples that cannot be read are skipped."""

from dataclasses import replace

import pytest

import featx
from featx.errors import BadLabels, BadOption, BadSample, BadSource
from featx.labelled import LabelledSamples
from tests.support.texts import TEXT

GOOD = ["fine day", "good food", "bad night", "worse rain"]
LABELS = ["up", "up", "down", "down"]
CSV = "text,label\nfine day,up\ngood food,up\n{}\nbad night,down\nworse rain,down\n"
JSON = (
    '{{"text": "fine day", "label": "up"}}\n{{"text": "good food", "label": "up"}}\n{}\n'
    '{{"text": "bad night", "label": "down"}}\n{{"text": "worse rain", "label": "down"}}\n'
)


def written(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def reasons(samples):
    """The rejects of samples of texts, by their ids."""
    rows = featx.Engine(on_error="skip").embed(samples, featx.Backbone("featx-text-nano"))
    assert len(rows) + len(rows.rejects) == len(samples)
    return {reject.id: reject.reason for reject in rows.rejects}


@pytest.mark.parametrize(
    ("name", "table", "bad", "reason"),
    [
        (
            "t.csv",
            CSV,
            "a,b,c",
            "line 4: expected 2 cells, found 3; a cell that holds the separator",
        ),
        ("t.csv", CSV, "only", "line 4: expected 2 cells, found 1"),
        ("t.tsv", CSV.replace(",", "\t"), "a\tb\tc", "line 4: expected 2 cells, found 3"),
        ("t.csv", CSV.replace(",", ";"), "a;b;c", "line 4: expected 2 cells, found 3"),
        ("t.jsonl", JSON, "nonsense", "line 3: not JSON: Expecting value"),
        ("t.jsonl", JSON, "[1]", "line 3: expected an object"),
        (
            "t.jsonl",
            JSON,
            '{"text": "a", "text": "b"}',
            "line 3: the key 'text' is there more",
        ),
        ("t.jsonl", JSON, "[" * 5000, "line 3: not JSON"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused_or_a_reject_in_its_place(
    tmp_path, name, table, bad, reason
):
    path = written(tmp_path, name, table.format(bad))
    with pytest.raises(BadSource, match=r"t\.\w+: line \d: "):
        featx.read_samples(path, **TEXT)
    samples = featx.read_samples(path, on_error="skip", **TEXT)
    assert [sample.data for sample in samples if sample.id != "row 3"] == GOOD
    assert [sample.label for sample in samples] == ["up", "up", None, "down", "down"]
    [(id, found)] = reasons(samples).items()
    assert (id, found[: len(reason)]) == ("row 3", reason)
    with pytest.raises(BadSample, match="row 3: line"):
        featx.Engine().embed(samples, featx.Backbone("featx-text-nano"))


@pytest.mark.parametrize(
    ("table", "options", "reason"),
    [
        ("path,label\na.png,x\n,y\n", {}, "the path is empty"),
        ("path,label,w\na.png,x,1\nb.png,y,heavy\n", {"weight_column": "w"}, "heavy"),
        ("path,label,g\na.png,x,p\nb.png,y,\n", {"group_column": "g"}, "the group is empty"),
        ("path,label,t\na.png,x,3\nb.png,y,soon\n", {"time_column": "t"}, "soon"),
    ],
)
def test_a_row_whose_cells_make_no_sense_is_one_too(tmp_path, table, options, reason):
    path = written(tmp_path, "t.csv", table)
    with pytest.raises(BadSource, match=reason):
        featx.read_samples(path, modality="image", **options)
    whole, bad = featx.read_samples(path, modality="image", on_error="skip", **options)
    assert whole.label == "x"
    assert bad.label is None
    [reject] = LabelledSamples.of([whole, bad]).rejects
    assert reject.id == "row 2"
    assert reason in reject.reason


def test_a_row_of_an_unknown_part_is_a_reject_of_every_part(tmp_path):
    path = written(tmp_path, "t.csv", "text,split\na,train\nb,test\nc,test,more\nd,val\n")
    for split, ids in (("train", ["row 1", "row 3"]), ("test", ["row 2", "row 3"])):
        samples = featx.read_samples(path, split=split, on_error="skip", **TEXT)
        assert [sample.id for sample in samples] == ids


def test_ids_and_columns_that_go_along_are_those_of_the_other_rows(tmp_path):
    path = written(tmp_path, "t.csv", "id,text,n\nrow 2,a,1\nq,b\nr,c,3\n,d,4,5\n")
    samples = featx.read_samples(path, keep="all", on_error="skip", id_column="id", **TEXT)
    # the second row lacks a cell that is kept, and the last has one too many
    assert [sample.id for sample in samples] == ["row 2", "row 2#2", "r", "row 4"]
    assert [dict(sample.columns or {}).get("n") for sample in samples] == ["1", None, "3", None]


def test_training_leaves_it_out_by_name_and_measuring_too(tmp_path):
    path = written(tmp_path, "t.csv", CSV.format("a,b,c"))
    samples = featx.read_samples(path, on_error="skip", **TEXT)
    engine = featx.Engine(on_error="skip")
    with pytest.warns(featx.FeatxWarning, match="1 of 5 samples could not be read .*row 3: line 4"):
        classifier = featx.fit(samples, backbone="featx-text-nano", head="centroid", engine=engine)
    assert [reject.id for reject in classifier.report.rejects] == ["row 3"]
    again = [
        replace(sample, data=f"{sample.data} again") if sample.label else sample
        for sample in samples
    ]
    with pytest.warns(featx.FeatxWarning, match="1 of 5 samples could not be read"):
        assert featx.evaluate(classifier, again, engine=engine).n == 4
    with pytest.raises(BadSample, match="row 3"):
        featx.evaluate(classifier, again)
    with pytest.raises(BadSample, match="row 3"):
        featx.fit(samples, backbone="featx-text-nano", head="centroid")


def test_groups_and_weights_are_given_for_all_rows_and_patterns_find_those_that_make_sense(
    tmp_path,
):
    path = written(tmp_path, "t.csv", "path,label\np1_a.png,x\np2_b.png,y,z\np3_c.png,y\n")
    samples = featx.read_samples(path, modality="image", on_error="skip")
    given = LabelledSamples.of(samples, groups=r"(p\d)_")
    assert [sample.group for sample in given.samples] == ["p1", "p3"]
    given = LabelledSamples.of(samples, groups=["a", "b", "c"], sample_weight=[1, 2, 3])
    assert [(s.group, s.weight) for s in given.samples] == [("a", 1), ("c", 3)]
    assert [one.id for one in given.unread] == ["row 2"]


def test_where_no_row_makes_sense_that_is_said(tmp_path):
    path = written(tmp_path, "t.jsonl", "a\nb\n")
    with pytest.raises(BadSource, match="line 1: not JSON"):
        featx.read_samples(path, on_error="skip", **TEXT)
    path = written(tmp_path, "t.csv", "text,label\na,b,c\n")
    samples = featx.read_samples(path, on_error="skip", **TEXT)
    with pytest.raises(BadLabels):
        featx.fit(samples, backbone="featx-text-nano", engine=featx.Engine(on_error="skip"))


def test_quotes_that_do_not_end_are_refused_in_any_case(tmp_path):
    path = written(tmp_path, "t.csv", 'text,label\na,b\n"c,d\n')
    with pytest.raises(BadSource, match="a quote that begins a cell must end it"):
        featx.read_samples(path, on_error="skip", **TEXT)


def test_another_word_is_refused(tmp_path):
    with pytest.raises(BadOption, match="on_error = 'ignore': expected 'fail' or 'skip'"):
        featx.read_samples(tmp_path, on_error="ignore")


def test_the_kind_of_a_table_is_found_out_from_the_rows_that_make_sense(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"")
    path = written(tmp_path, "t.csv", "path,label\na.wav,x,y\na.png,x\nb.png,y\n")
    samples = featx.read_samples(path, on_error="skip")
    assert [sample.label for sample in samples] == [None, "x", "y"]


def test_damaged_rows_of_any_kind_lose_no_other_row(tmp_path, rng):
    """Rows are cut, doubled and mixed at random: each is read or a reject, and none is gone."""
    for _ in range(40):
        rows = [f"text {k},{'ab'[k % 2]}" for k in range(20)]
        for k in rng.choice(20, 6, replace=False).tolist():
            rows[k] = str(rng.choice(["", f"{rows[k]},{rows[k]}", rows[k][:5], ",,,,", "x,y,z,"]))
        n = sum(bool(row) for row in rows)
        path = written(tmp_path, "t.csv", "text,label\n" + "\n".join(rows) + "\n")
        samples = featx.read_samples(path, on_error="skip", **TEXT)
        assert len(samples) == n
        assert len({sample.id for sample in samples}) == n
        kept = {sample.data for sample in samples if isinstance(sample.data, str)}
        assert kept >= {row.split(",")[0] for row in rows if row.count(",") == 1}
        assert all(sample.label is None for sample in samples if not isinstance(sample.data, str))
