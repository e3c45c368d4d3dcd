"""The manifest of an audit holds no exact leak, keeps copies in one group, and is read as any other table."""

import csv
import json

import pytest

import featx
from featx import Sample, Segment, audit_samples, read_samples
from featx.audit.findings import AuditFinding, AuditReport
from featx.audit.fixing import Manifest, copy_groups
from featx.catalog import get_card
from featx.errors import BadSource, FeatxNotice
from tests.support.commands import refusal, run
from tests.support.pictures import encode, photo

pytestmark = pytest.mark.filterwarnings("default::featx.errors.FeatxWarning")

IMAGES = get_card("featx-image-nano").input


@pytest.fixture(scope="module")
def leaky(tmp_path_factory):
    """A folder of photos: two of its training part are in its test part, one has another label there."""
    root = tmp_path_factory.mktemp("leaky photos")
    for part, seeds in (("train", range(12)), ("test", (*range(20, 24), 0, 3))):
        for seed in seeds:
            label = "warm" if seed % 2 == 0 or (part == "test" and seed == 3) else "cold"
            path = root / part / label / f"{seed}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(photo(48, 48, seed), "PNG"))
    (root / "train" / "warm" / "broken.png").write_bytes(b"no picture")
    return root


def test_the_command_lists_findings_and_writes_a_manifest_without_leaks(leaky, tmp_path):
    listed, fixed, page = (tmp_path / name for name in ("found.csv", "fixed.csv", "page.html"))
    result = run("audit", leaky, "-o", listed, "--fix", fixed, "--html", page)
    assert result.exit_code == 0, result.output
    with listed.open(newline="", encoding="utf-8") as file:
        found = [
            (row["code"], row["id"], json.loads(row["related"])) for row in csv.DictReader(file)
        ]
    leaks = [
        ("FX002", f"train/{name}.png", [f"test/warm/{name[5:]}.png"])
        for name in ("warm/0", "cold/3")
    ]
    assert sorted(one for one in found if one[0] == "FX002") == sorted(leaks)
    assert ("FX003", "train/cold/3.png", ["test/warm/3.png"]) in found
    assert ("FX051", "train/warm/broken.png", []) in found
    samples = read_samples(fixed, modality="image", split_column="split")
    assert len(samples) == 16
    assert {"train/warm/0.png", "train/cold/3.png", "train/warm/broken.png"}.isdisjoint(
        sample.id for sample in samples
    )
    again = audit_samples(samples)
    assert not again.of("FX002", "FX003", "FX004", "FX051")
    assert {sample.part for sample in samples} == {"train", "test"}
    assert "16 of 19 samples, listed in" in result.stderr
    assert page.read_text(encoding="utf-8").count("data:image/jpeg") >= 4


def test_findings_as_json_lines_and_parquet_say_the_same(leaky, tmp_path):
    pytest.importorskip("pyarrow.parquet")
    import pandas

    for name in ("found.jsonl", "found.parquet"):
        assert run("audit", leaky, "-o", tmp_path / name).exit_code == 0
    lines = (tmp_path / "found.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    assert list(records[0]) == ["id", "code", "score", "related", "suggested", "message"]
    frame = pandas.read_parquet(tmp_path / "found.parquet")
    assert frame["id"].tolist() == [record["id"] for record in records]
    assert [json.loads(text) for text in frame["related"]] == [r["related"] for r in records]


def test_printed_json_is_the_report(leaky):
    result = run("audit", leaky, "--format", "json")
    report = AuditReport.from_dict(json.loads(result.stdout))
    assert report.n == 19
    assert len(report.of("FX002")) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--group-copies",), "--group-copies: expected --fix FILE"),
        (("-o", "x.txt"), "expected a name ending in"),
        (("--fix", "x.html"), "expected a name ending in"),
        (("-o", "x.csv", "--fix", "x.csv"), "different names"),
        (("--html", "no/such/folder/x.html"), "no/such/folder"),
    ],
)
def test_what_could_not_be_written_is_refused_before_the_work(
    leaky, words, said, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert said in refusal(run("audit", leaky, *words))
    assert list(tmp_path.iterdir()) == []


def test_copies_and_near_duplicates_and_given_groups_are_joined():
    samples = [
        Sample(name, b"", group=group) for name, group in zip("abcdef", "uvvwxx", strict=True)
    ]
    findings = (
        AuditFinding("FX011", "b", 0.9, "", ("a",)),
        AuditFinding("FX004", "d", 1.0, "", ("c",)),
        AuditFinding("FX021", "e", 1.0, "", ("a",)),
    )
    groups = copy_groups(AuditReport("classification", 6, "", findings), samples)
    assert groups == {"a": "a", "b": "a", "c": "a", "d": "a", "e": "e", "f": "e"}


def test_segments_texts_and_several_targets_keep_their_columns(tmp_path):
    empty = AuditReport("classification", 2, "", ())
    samples = [Sample("x", Segment(tmp_path / "r.wav", 0.5, 2), '{"price": "3.5", "sold": "True"}')]
    sound = Manifest.of(samples, empty, get_card("featx-audio-mel").input, tmp_path)
    assert sound.records == (
        {"id": "x", "path": "r.wav", "start": 0.5, "end": 2.0, "price": "3.5", "sold": "True"},
    )
    texts = [Sample("row 1", "a, b\nc", '["p", "q"]'), Sample("row 2", "d", None, weight=2.0)]
    table = Manifest.of(texts, empty, get_card("featx-text-nano").input, tmp_path)
    table.save(tmp_path / "texts.csv")
    assert table.records[0]["label"] == '["p", "q"]'
    with pytest.warns(FeatxNotice, match="not used: column 'weight'"):
        back = read_samples(tmp_path / "texts.csv", modality="text")
    assert [(one.id, one.data) for one in back] == [("row 1", "a, b\nc"), ("row 2", "d")]


def test_samples_without_a_file_of_their_own_are_refused(tmp_path):
    empty = AuditReport("classification", 1, "", ())
    with pytest.raises(BadSource, match="no file of its own"):
        Manifest.of([Sample("x", b"bytes")], empty, IMAGES, tmp_path)


@pytest.mark.parametrize("words", [("missing folder",), ("-o", "x.csv", "nothing here")])
def test_data_that_is_not_there_is_refused_in_one_line(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "no such file or folder" in refusal(run("audit", *words))
    assert list(tmp_path.iterdir()) == []


def test_parts_of_a_table_are_seen_by_the_usual_column(leaky, tmp_path):
    table = tmp_path / "photos.csv"
    rows = [("path", "label", "split")]
    for path in sorted(leaky.rglob("*.png")):
        rows.append((str(path), path.parent.name, path.parent.parent.name))
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    report = AuditReport.from_dict(json.loads(run("audit", table, "--format", "json").stdout))
    assert len(report.of("FX002")) == 2


def test_texts_that_cannot_be_read_are_left_out_and_short_ones_stay(tmp_path):
    texts = [f"word {i} and more" for i in range(13)] + ["  ", ""]
    samples = featx.make_samples(texts, ["a", "b"] * 7 + ["a"])
    report = featx.audit_samples(samples)
    table = Manifest.of(samples, report, get_card("featx-text-nano").input, tmp_path)
    unread = {found.id for found in report.of("FX061") if found.suggested == "remove"}
    assert set(table.left_out) == unread == {samples[13].id, samples[14].id}
    assert len(table.records) == 13


def test_photos_in_parquet_that_no_table_could_name_are_told_before_the_work(tmp_path):
    pa, pq = map(pytest.importorskip, ("pyarrow", "pyarrow.parquet"))
    image = {"bytes": encode(photo(), "png"), "path": "a.png"}
    cells = {"image": [image] * 12, "label": ["a", "b"] * 6}
    pq.write_table(pa.table(cells), tmp_path / "photos.parquet")
    # Nothing is printed: not a sample was embedded.
    words = refusal(run("audit", tmp_path / "photos.parquet", "--fix", tmp_path / "x.csv"))
    assert "has no file of its own, which a manifest could name" in words
    assert not (tmp_path / "x.csv").exists()
