"""The command line: results on standard output, words on standard error, one line for every refusal."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import featx
from featx.cli import main
from featx.tables import read_rows


@pytest.fixture
def run():
    runner = CliRunner()

    def invoke(*words, **options):
        return runner.invoke(main, [str(word) for word in words], **options)

    return invoke


def refused(result):
    """The one line of a refusal."""
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    assert result.stdout == ""
    [line] = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    return line.removeprefix("Error: ")


@pytest.mark.parametrize("kind", ["parquet", "npz", "csv", "jsonl"])
def test_extract_writes_every_row_with_its_id_and_label(run, photos, tmp_path, kind):
    output = tmp_path / f"rows.{kind}"
    result = run("extract", photos, "--output", output)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert "6 rows of 384 columns" in result.stderr
    rows = read_rows(output)
    assert rows.ids == (
        "dark/0.png",
        "dark/1.png",
        "dark/2.png",
        *(f"light/{k}.png" for k in range(3)),
    )
    assert rows.labels == ("dark",) * 3 + ("light",) * 3
    assert rows.embeddings.shape == (6, 384)
    assert len(rows.fingerprint) == 64


def test_extract_prints_json_lines_and_nothing_else(run, photos):
    result = run("extract", photos, "-o", "-")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["label"] for line in lines] == ["dark"] * 3 + ["light"] * 3
    assert len(lines[0]["embedding"]) == 384


def test_extract_writes_halves_into_parquet_and_refuses_them_elsewhere(run, photos, tmp_path):
    whole, half = tmp_path / "whole.parquet", tmp_path / "half.parquet"
    run("extract", photos, "-o", whole)
    assert run("extract", photos, "-o", half, "--dtype", "float16").exit_code == 0
    expected = read_rows(whole).embeddings.astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(read_rows(half).embeddings, expected)
    for output, suffix in ((tmp_path / "rows.npz", ".npz"), ("-", ".jsonl")):
        words = refused(run("extract", photos, "-o", output, "--dtype", "float16"))
        assert words.endswith(f"{suffix} cannot hold float16; write .parquet")


def test_extract_reads_a_list_of_paths_from_standard_input(run, photos):
    listed = "\n".join(str(path) for path in sorted(photos.rglob("*.png")))
    result = run("extract", "-", "-o", "-", input=listed)
    assert len(result.stdout.splitlines()) == 6


def test_a_broken_photo_stops_the_run_by_name_or_is_listed(run, photos, tmp_path):
    (photos / "dark" / "broken.jpg").write_text("this is a text file")
    (photos / "light" / "empty.jpg").touch()
    output = tmp_path / "rows.csv"
    assert refused(run("extract", photos, "-o", output)).startswith("dark/broken.jpg: not an image")
    assert not output.exists()
    result = run("extract", photos, "-o", output, "--on-error", "skip")
    assert result.exit_code == 0
    assert "6 rows" in result.stderr
    assert "2 rejected" in result.stderr
    with (tmp_path / "rejects.csv").open(encoding="utf-8") as file:
        rejects = list(csv.DictReader(file))
    assert [reject["id"] for reject in rejects] == ["dark/broken.jpg", "light/empty.jpg"]
    assert all(reject["reason"] for reject in rejects)


def test_the_backbone_can_be_changed_from_the_command_line(run, photos, tmp_path):
    output = tmp_path / "rows.npz"
    result = run(
        "extract", photos, "-o", output, "--tap", "last-map", "--pooling", "max", "--normalize",
        "--set", "resize=120", "--set", "interpolation=bicubic",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(np.linalg.norm(read_rows(output).embeddings, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere", "-o", "x.npz"], "nowhere: no such file or folder"),
        (["{photos}", "-o", "x.tiff"], "expected a name ending in .parquet"),
        (["{photos}", "-o", "{tmp}/absent/x.npz"], "does not exist; create it first"),
        (["{photos}", "-o", "x.npz", "--backbone", "mobilenet"], "no backbone named 'mobilenet'"),
        (["{photos}", "-o", "x.npz", "--backbone", "vgg16-12"], "featx backbones pull vgg16-12"),
        (["{photos}", "-o", "x.npz", "--tap", "embeding"], "did you mean 'embedding'"),
        (["{photos}", "-o", "x.npz", "--set", "resize"], "expected KEY=VALUE"),
        (["{photos}", "-o", "x.npz", "--set", "size=3"], "unknown key 'size'"),
        (["{photos}", "-o", "x.npz", "--split", "holiday"], "holiday"),
        (["{tmp}/empty", "-o", "x.npz"], "no"),
        (["{tmp}/labels.csv", "-o", "x.npz", "--label-column", "kind"], "kind"),
        (["{tmp}/huge", "-o", "x.npz"], "too large"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    run, photos, tmp_path, monkeypatch, words, said
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "labels.csv").write_text("path,label\na.png,x\n")
    (tmp_path / "huge").mkdir()
    from tests.support.files import png_of

    (tmp_path / "huge" / "50000.png").write_bytes(png_of(50_000, 50_000))
    words = [word.format(photos=photos, tmp=tmp_path) for word in words]
    assert said in refused(run("extract", *words))


def test_misuse_has_status_2(run):
    assert run("extract").exit_code == 2
    assert run("no-such-command").exit_code == 2


def test_a_full_disk_is_said_in_one_line(photos, tmp_path):
    if sys.platform != "linux":
        pytest.skip("a file-size limit stands in for a full disk on Linux only")
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "from featx.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    words = ["extract", str(photos), "-o", str(tmp_path / "out" / "x.npz"), "--no-cache"]
    (tmp_path / "out").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert re.search(r"^Error: .*x\.npz: cannot be written: ", done.stderr, flags=re.M)
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_reader_that_leaves_early_is_no_error(photos):
    command = [sys.executable, "-m", "featx", "extract", str(photos), "-o", "-"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    words = process.stderr.read()
    process.stderr.close()
    process.wait(60)
    assert b"Traceback" not in words
    assert b"Exception" not in words


def test_no_progress_bar_where_there_is_no_terminal(run, photos):
    result = run("extract", photos, "-o", "-")
    assert "\r" not in result.stderr
    assert "%" not in result.stderr


def test_names_that_are_not_utf8_are_kept_apart(run, tmp_path):
    root = os.fsencode(tmp_path / "odd names")
    try:
        Path(tmp_path / "odd names").mkdir()
        for name in (b"caf\xe9.png", "café.png".encode(), b"a b.png"):
            with open(root + b"/" + name, "wb") as file:
                Image.new("RGB", (70, 70), "red").save(file, "PNG")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    result = run("extract", os.fsdecode(root), "-o", "-")
    assert result.exit_code == 0, result.output
    ids = [json.loads(line)["id"] for line in result.stdout.splitlines()]
    assert sorted(ids) == sorted(["a b.png", "caf\\xe9.png", "café.png"])


def test_the_cache_can_be_looked_at_and_cleared(run, photos, tmp_path, monkeypatch):
    monkeypatch.setenv("FEATX_CACHE_DIR", str(tmp_path / "cache"))
    assert run("extract", photos, "-o", tmp_path / "x.npz").exit_code == 0
    assert re.search(r"rows +6", run("cache", "info").stdout)
    assert run("cache", "clear", "--yes").exit_code == 0
    assert re.search(r"rows +0", run("cache", "info").stdout)
    assert run("extract", photos, "-o", tmp_path / "x.npz", "--no-cache").exit_code == 0
    assert re.search(r"rows +0", run("cache", "info").stdout)


def test_the_door_at_the_top_of_the_checkout_opens():
    door = Path(__file__).parents[2] / "cli.py"
    done = subprocess.run(
        [sys.executable, door, "--help"], capture_output=True, text=True, check=True
    )
    assert "extract" in done.stdout


def test_an_error_that_is_among_its_own_causes_ends_the_command():
    first, second = ValueError("first"), featx.FeatxError("second")
    first.__cause__, second.__cause__ = second, first

    @click.command()
    def circle() -> None:
        raise second

    class Commands(type(main)):
        def get_command(self, ctx, name):
            return circle

    found = CliRunner().invoke(Commands("featx"), ["circle"])
    assert (found.exit_code, found.stderr) == (1, "Error: second\n")
