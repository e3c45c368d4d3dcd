"""``featx doctor``: what is right is said, what is wrong ends with status 1, and nothing is changed."""

import json
import platform
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import featx
from featx.backbones.backbone import Backbone
from featx.catalog import get_card
from featx.cli import main
from featx.doctor import diagnose
from featx.doctor.checks import compare_rows, runtime_fault
from featx.doctor.processor import flags_of_cpuinfo, instruction_sets

SHIPPED = ["featx-audio-mel", "featx-audio-nano", "featx-image-nano", "featx-text-nano"]


@pytest.fixture
def row():
    backbone = Backbone("featx-image-nano")
    [row] = backbone.embed([backbone.card.input.canary()])
    return row


def run(*words, status=0):
    result = CliRunner().invoke(main, ["doctor", *words])
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result


def test_a_machine_that_is_well_is_said_to_be(own_directory):
    result = run()
    assert "nothing is wrong" in result.stderr
    for topic in ("versions", "processor", "providers", "directories", "cards", "rows"):
        assert topic in result.stdout.splitlines()
    assert "cpu" in result.stdout


def test_a_program_can_read_it(own_directory):
    table = json.loads(run("--json").stdout)
    assert table["ok"] is True
    found = {(one["topic"], one["name"]): one for one in table["checks"]}
    assert found["versions", "featx"]["message"] == featx.__version__
    assert platform.python_version() in found["versions", "python"]["message"]
    assert found["providers", "cpu"]["message"] == "starts"
    for name in SHIPPED:
        assert found["rows", name]["status"] == "ok"
        assert "3 runs the same to the bit" in found["rows", name]["message"]


def test_nothing_is_written(own_directory, tmp_path, monkeypatch):
    monkeypatch.setenv("FEATX_CACHE_DIR", str(tmp_path / "cache"))
    statuses = {one.name: one for one in diagnose() if one.topic == "directories"}
    assert "not there yet" in statuses["your models"].message
    assert not (tmp_path / "data").exists()


def test_a_model_directory_that_is_missing_is_wrong(own_directory, monkeypatch, tmp_path):
    monkeypatch.setenv("FEATX_MODELS", str(tmp_path / "nowhere"))
    result = run(status=1)
    assert "wrong  FEATX_MODELS" in result.stdout
    assert "1 wrong" in result.stderr


def test_a_damaged_card_is_wrong(own_directory, monkeypatch, tmp_path):
    folder = tmp_path / "shelf" / "broken"
    folder.mkdir(parents=True)
    (folder / "card.toml").write_text("name = ", encoding="utf-8")
    monkeypatch.setenv("FEATX_MODELS", str(tmp_path / "shelf"))
    assert "not TOML" in run(status=1).stdout


def test_a_cache_that_cannot_be_written_is_wrong(own_directory, monkeypatch, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("FEATX_CACHE_DIR", str(tmp_path / "file" / "cache"))
    table = json.loads(run("--json", status=1).stdout)
    [cache] = [one for one in table["checks"] if one["name"] == "cache"]
    assert cache["status"] == "wrong"
    assert "rows and cut graphs are made again each time" in cache["message"]


def test_a_data_directory_that_cannot_be_written_is_worth_a_note(monkeypatch, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("FEATX_DATA_DIR", str(tmp_path / "file" / "data"))
    [models] = [one for one in diagnose() if one.name == "your models"]
    assert models.status == "note"
    assert "neither added nor pulled" in models.message


def test_rows_that_differ_in_one_bit_are_wrong(row):
    card = get_card("featx-image-nano")
    assert compare_rows(card, [row, row.copy(), row.copy()]).status == "ok"
    other = row.copy()
    other[-1] = np.nextafter(other[-1], np.float32(np.inf))
    found = compare_rows(card, [row, row, other])
    assert found.status == "wrong"
    assert "3 runs give other rows" in found.message


def test_rows_that_are_far_from_the_known_one_are_wrong(row):
    card = get_card("featx-image-nano")
    assert compare_rows(card, [row + np.float32(1)] * 3).status == "wrong"
    assert compare_rows(card, [np.full_like(row, np.nan)] * 3).status == "wrong"


def test_versions_of_onnx_runtime_that_are_known_to_be_bad_are():
    assert "not the same each time" in runtime_fault("1.27.0")
    assert runtime_fault("1.27.0+cu12") == runtime_fault("1.27.0")
    assert runtime_fault("1.27.1") is None


def test_versions_that_are_known_to_be_bad_cannot_be_installed_beside_featx():
    setup = (Path(featx.__file__).parents[1] / "setup.cfg").read_text(encoding="utf-8")
    [line] = [line.strip() for line in setup.splitlines() if line.startswith("    onnxruntime>=")]
    assert "!=1.27.0" in line.split(",")


def test_instructions_are_read_as_linux_writes_them():
    intel = "processor\t: 0\nmodel name\t: X\nflags\t\t: fpu avx2 avx512f avx512_vnni\n\nprocessor\t: 1\n"
    assert flags_of_cpuinfo(intel) == {"fpu", "avx2", "avx512f", "avx512_vnni"}
    arm = "processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\nCPU part\t: 0xd0c\n"
    assert flags_of_cpuinfo(arm) == {"fp", "asimd", "asimddp", "i8mm"}
    assert flags_of_cpuinfo("") is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/cpuinfo")
def test_instructions_of_this_machine_are_those_that_linux_lists():
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    known = instruction_sets() or ()
    assert ("AVX2" in known) == (" avx2" in text)
    assert ("VNNI" in known) == ("_vnni" in text)
