"""Cached cuts: the same rows with and without them, whatever becomes of their files."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from featx.backbones.backbone import Backbone
from featx.cli import main
from featx.graphs.cache import cached_cut, clear_cuts, store_cut

TAP = "last-map"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FEATX_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def picture(rng):
    return rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)


def row(picture):
    backbone = Backbone("featx-image-nano", tap=TAP, pooling="mean")
    return backbone.embed_items([backbone.reader.read(picture)])


def test_a_second_start_takes_the_cached_cut_and_gives_the_same_rows(own_cache, picture):
    first = row(picture)
    [kept] = (own_cache / "cuts").iterdir()
    made = kept.stat().st_ino
    np.testing.assert_array_equal(row(picture), first)
    assert [path.stat().st_ino for path in (own_cache / "cuts").iterdir()] == [made]


def test_a_graph_that_is_read_whole_is_not_kept(own_cache, picture):
    backbone = Backbone("featx-image-nano")
    backbone.embed_items([backbone.reader.read(picture)])
    assert not list(own_cache.glob("cuts/*"))


def test_a_changed_or_cut_off_file_is_made_again(own_cache, picture):
    first = row(picture)
    for spoil in (lambda data: data[:-1], lambda data: data[:50] + b"\xff" + data[51:]):
        [kept] = (own_cache / "cuts").iterdir()
        kept.write_bytes(spoil(kept.read_bytes()))
        assert cached_cut("another key") is None
        np.testing.assert_array_equal(row(picture), first)
        [again] = (own_cache / "cuts").iterdir()
        assert again.stat().st_size > 1000


def test_another_tap_is_another_cut(own_cache, picture):
    row(picture)
    Backbone("featx-image-nano", tap="penultimate", pooling="mean")
    assert len(list((own_cache / "cuts").iterdir())) == 2


def test_a_cache_folder_that_cannot_be_made_is_done_without(tmp_path, monkeypatch, picture):
    first = row(picture)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FEATX_CACHE_DIR", str(tmp_path / "file"))
    np.testing.assert_array_equal(row(picture), first)


def test_only_the_last_few_are_kept_and_clearing_the_cache_forgets_them(own_cache):
    for number in range(12):
        store_cut(str(number), bytes([number]))
    assert cached_cut("11") == b"\x0b"
    assert len(list((own_cache / "cuts").iterdir())) == 8
    assert CliRunner().invoke(main, ["cache", "clear", "--yes"]).exit_code == 0
    assert cached_cut("11") is None
    assert clear_cuts() == 0


@pytest.mark.parametrize("tap", [pytest.param(None, marks=pytest.mark.slow), TAP])
def test_a_warm_prediction_imports_neither_onnx_nor_scikit_learn(tap, photos, tmp_path):
    """What a start pays for: each of these takes longer to import than everything else together."""
    saved, photo = str(tmp_path / "x.featx"), str(next(photos.rglob("*.png")))
    words = ["fit", str(photos), "-o", saved, "--head", "ridge"]
    words += ["--tap", tap, "--pooling", "mean"] if tap else []
    assert CliRunner().invoke(main, words).exit_code == 0
    code = (
        "import sys; from featx.cli import main\n"
        f"try: main(['predict', {saved!r}, {photo!r}])\n"
        "except SystemExit as end: assert not end.code\n"
        "slow = {'onnx', 'sklearn', 'skops', 'scipy', 'joblib', 'tqdm', 'pyarrow'}\n"
        "found = slow & set(sys.modules); assert not found, found"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert '"label"' in done.stdout
