"""Rows that were extracted are audited as samples are; commands that need samples say so."""

import json

import numpy as np
import pytest

import featx
from featx import Rows, audit_rows
from featx.audit.stored_rows import audit_stored_rows
from featx.embedding.neighbors import nearest_among
from featx.errors import BadLabels
from featx.many_rows.reading import RowColumns
from tests.support.commands import run
from tests.support.shards import write_shards


@pytest.fixture(scope="module")
def planted():
    """Return rows of three classes apart: one label is wrong, and one row of the test part stands in train."""
    rng = np.random.default_rng(0)
    codes = np.arange(90) % 3
    table = (12 * np.eye(3, 24)[codes] + rng.standard_normal((90, 24))).astype(np.float32)
    labels = [f"c{code}" for code in codes]
    table[70], labels[5] = table[10], "c0"
    parts = ["train" if i < 60 else "test" for i in range(90)]
    ids = tuple(f"{part}/{i}.jpg" for i, part in enumerate(parts))
    return Rows(ids, tuple(labels), table, "f" * 64)


def told(report):
    return [(one.code, one.id, one.related, one.suggested) for one in report.findings]


@pytest.mark.parametrize("name", ["rows.parquet", "rows.npz", "rows.csv", "rows.jsonl", "shards"])
def test_rows_are_audited_alike_in_every_form(planted, tmp_path, name):
    path = tmp_path / name
    write_shards(path, planted) if name == "shards" else featx.write_rows(path, planted)
    report = audit_stored_rows(path)
    assert ("FX012", "train/10.jpg", ("test/70.jpg",), "group") in told(report)
    assert ("FX021", "train/5.jpg", (), "c2") in told(report)
    parts = [name.partition("/")[0] for name in planted.ids]
    assert told(report) == told(audit_rows(planted, parts=parts))


def test_targets_of_a_table_stand_for_the_labels_of_the_rows(planted, tmp_path):
    featx.write_rows(tmp_path / "rows.npz", planted)
    right = [f"c{i % 3}" for i in range(90)]
    lines = [f"{name},{label}" for name, label in zip(planted.ids, right, strict=True)]
    (tmp_path / "labels.csv").write_text("\n".join(["id,label", *lines]))
    columns = RowColumns(targets=tmp_path / "labels.csv")
    assert not audit_stored_rows(tmp_path / "rows.npz", columns).of("FX021")


def test_groups_and_parts_may_be_in_columns_of_the_rows(planted, tmp_path):
    columns = {"patient": tuple(f"p{i // 20}" for i in range(90)), "fold": ("train",) * 90}
    ids = tuple(map(str, range(90)))
    rows = Rows(ids, planted.labels, planted.embeddings, "", columns=columns)
    featx.write_rows(tmp_path / "rows.npz", rows)
    report = audit_stored_rows(tmp_path / "rows.npz", RowColumns(group="patient"), part="fold")
    assert [one.id for one in report.of("FX014")] == ["70"]
    assert not report.of("FX012")


def test_rows_that_are_not_finite_are_findings_and_the_others_are_audited(planted):
    table = planted.embeddings.copy()
    table[3, 2], table[8] = np.nan, 1e20
    report = audit_rows(Rows(planted.ids, planted.labels, table, ""))
    assert [one.id for one in report.of("FX051")] == ["train/3.jpg", "train/8.jpg"]
    assert [one.id for one in report.of("FX021")] == ["train/5.jpg"]
    assert report.n == 90


def test_numbers_in_place_of_labels_are_refused_unless_the_task_is_named(planted, tmp_path):
    numbers = tuple(f"{i / 7:.3f}" for i in range(90))
    featx.write_rows(tmp_path / "rows.npz", Rows(planted.ids, numbers, planted.embeddings, ""))
    with pytest.raises(BadLabels, match="regression"):
        audit_stored_rows(tmp_path / "rows.npz")
    assert audit_stored_rows(tmp_path / "rows.npz", task="regression").task == "regression"


def test_the_command_audits_rows_and_refuses_what_is_of_samples(planted, tmp_path):
    featx.write_rows(tmp_path / "rows.npz", planted)
    told = run("audit", tmp_path / "rows.npz", "--format", "json", "--html", tmp_path / "page.html")
    assert told.exit_code == 0, told.output
    report = json.loads(told.stdout)
    assert "train/5.jpg" in [one["id"] for one in report["findings"] if one["code"] == "FX021"]
    assert report["skipped"] == ["contents and shortcuts, for there are rows alone"]
    assert "train/5.jpg" in (tmp_path / "page.html").read_text()
    for words in (
        ["--fix", tmp_path / "x.csv"],
        ["--backbone", "featx-image-nano"],
        ["--root", "."],
    ):
        refused = run("audit", tmp_path / "rows.npz", *words)
        assert refused.exit_code == 2
        assert f"{words[0]}: " in refused.stderr
        assert "rows" in refused.stderr
    (tmp_path / "texts.csv").write_text("text,label\na,b\n")
    refused = run("audit", tmp_path / "texts.csv", "--targets", tmp_path / "x.csv")
    assert refused.exit_code == 2
    assert "--targets: is for rows" in refused.stderr


@pytest.mark.parametrize("command", ["compare", "curve"])
def test_commands_that_need_samples_say_so_of_rows(planted, tmp_path, command):
    featx.write_rows(tmp_path / "rows.npz", planted)
    refused = run(command, tmp_path / "rows.npz")
    assert refused.exit_code != 0
    assert "holds rows that featx extract wrote, and no samples; name the samples" in refused.stderr


def test_a_long_comparison_tells_how_far_it_is():
    rows, steps = np.random.default_rng(0).standard_normal((1000, 4)), []
    nearest_among(rows, 3, memory=1 << 20, progress=lambda *step: steps.append(step))
    assert len(steps) > 3
    assert steps == [(done, len(steps)) for done in range(1, len(steps) + 1)]


def test_a_file_of_rows_that_is_damaged_anywhere_is_refused_in_words_or_audited(tmp_path):
    path = tmp_path / "rows.npz"
    table = np.random.default_rng(0).standard_normal((12, 3)).astype(np.float32)
    featx.write_rows(path, Rows(tuple(map(str, range(12))), ("a", "b") * 6, table, "f"))
    whole = path.read_bytes()
    for at in range(0, len(whole), 23):
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        path.write_bytes(damaged)
        done = run("audit", path)
        assert done.exit_code in (0, 1), done.output
        assert done.exception is None or isinstance(done.exception, SystemExit), at
