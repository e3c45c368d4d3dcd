"""SIGKILL and Ctrl-C in the middle of fit, bundle and export: the old file is whole, or the new one is."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import featx
from featx.backbones.session import open_session
from featx.heads import TemperatureScaling, TrainedHead, make_head
from featx.persistence.metadata import read_metadata
from featx.predictor import Classifier

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")

ROOT = Path(featx.__file__).parent.parent
NAMES = {"fit": "x.featx", "fit --bundle": "x.featx.zip", "bundle": "y.featx", "export": "m.onnx"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with data, an old classifier of nearest centroids, and its bundle and export."""
    root = tmp_path_factory.mktemp("killed")
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20, 384)).astype(np.float32)
    head = TrainedHead.from_estimator(
        "old", make_head("ridge").fit(rows, ["dark", "light"] * 10), TemperatureScaling(1.0)
    )
    old = Classifier.from_card(featx.get_card("featx-image-nano"), head)
    for name in ("x.featx", "x.featx.zip", "y.featx", "source.featx"):
        featx.save(old, root / name)
    (root / "m.onnx").write_bytes(b"old")
    return root


def words_of(what, photos):
    fit = ["fit", str(photos), "--head", "centroid", "--overwrite", "--output"]
    return {
        "fit": [*fit, "x.featx"],
        "fit --bundle": [*fit, "x.featx.zip", "--bundle"],
        "bundle": ["bundle", "source.featx", "--overwrite", "--output", "y.featx"],
        "export": ["export", "source.featx", "--overwrite", "--to", "m.onnx"],
    }[what]


def begin(words, folder):
    world = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "featx", *words]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=folder, env=world, **quiet)


def leftovers(folder):
    return [path.name for path in folder.iterdir() if ".featx-" in path.name]


def state(what, folder):
    """Old or new; it is whole, and answers."""
    path, picture = folder / NAMES[what], np.zeros((8, 8, 3), np.uint8)
    if what == "export" and path.read_bytes() == b"old":
        return "old"
    if what == "export":
        [[label]] = open_session(path, path).run(["label"], {"image": picture[None]})
        assert label in ("dark", "light")
        return "new"
    loaded = featx.load(path)
    assert loaded.predict([picture])[0] in ("dark", "light")
    if what == "bundle":
        return "new" if read_metadata(path).is_bundled else "old"
    return {"old": "old", "centroid": "new"}[loaded.head.name]


@pytest.mark.slow
@pytest.mark.parametrize("what", NAMES)
def test_a_kill_leaves_the_old_or_the_new_and_the_next_run_sweeps_up(what, world, photos, tmp_path):
    folder = tmp_path / "w"
    shutil.copytree(world, folder)
    for moment in ("as it is written", "after a while"):
        writer = begin(words_of(what, photos), folder)
        if moment == "as it is written":
            while writer.poll() is None and not leftovers(folder):
                time.sleep(0)
        else:
            time.sleep(float(np.random.default_rng(len(what)).uniform(0.3, 1.2)))
        writer.kill()
        writer.wait(60)
        assert state(what, folder) in ("old", "new")
    finished = begin(words_of(what, photos), folder)
    assert finished.wait(120) == 0
    assert state(what, folder) == "new"
    assert leftovers(folder) == []


@pytest.mark.slow
def test_ctrl_c_ends_an_export_and_leaves_nothing(world, tmp_path):
    folder = tmp_path / "w"
    shutil.copytree(world, folder)
    writer = begin(words_of("export", None), folder)
    time.sleep(1)
    writer.send_signal(signal.SIGINT)
    writer.wait(60)
    assert state("export", folder) in ("old", "new")
    assert leftovers(folder) == []
