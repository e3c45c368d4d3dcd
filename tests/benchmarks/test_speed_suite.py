"""The speed suite: its arithmetic against figures worked by hand, its protocol with featx itself."""

import json
import os
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import featx

CHECKOUT = Path(__file__).parents[2]
NAME = "featx-image-nano"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the suite reads Linux' /proc")


@pytest.fixture
def suite(monkeypatch):
    """Modules of benchmarks/peers, by name."""
    monkeypatch.syspath_prepend(str(CHECKOUT / "benchmarks" / "peers"))
    monkeypatch.syspath_prepend(str(CHECKOUT / "benchmarks"))
    return lambda module: import_module(f"peers.{module}")


@pytest.fixture
def eight(tmp_path, rng):
    """Eight photos of several shapes, as a camera's files."""
    paths = []
    for number in range(8):
        small = Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8))
        path = tmp_path / f"{number}.jpg"
        small.resize((300 + 20 * number, 240), Image.Resampling.BICUBIC).save(path)
        paths.append(str(path))
    return paths


def answers(seconds, **more):
    common = {"n": 100, "process_seconds": 10.0, "peak_bytes": 2**20}
    return [{**common, "seconds": each, **more} for each in seconds]


def test_the_roofline_is_what_cores_do_that_never_wait(suite):
    assert suite("figures").roofline(2, 0.002, 0.003) == pytest.approx(400)


def test_the_faster_way_to_decode_makes_the_roofline(suite):
    figures = suite("figures")
    part = {"decode_featx": 0.004, "decode_plain": 0.001, "infer": 0.004}
    slow = {"decode_featx": 0.006, "decode_plain": 0.008, "infer": 0.004}
    made = figures.parts([part, part, slow], [slow], cores=2)
    assert (made.decode, made.infer) == (0.001, 0.004)
    assert made.roofline == pytest.approx(400)
    assert made.roofline_busy == pytest.approx(200)


def test_a_summary_gives_medians_spreads_and_the_share_of_the_roofline(suite):
    part = {"decode_featx": 0.002, "decode_plain": 0.002, "infer": 0.003}
    given = {"parts": [part], "parts, all cores": [part], "featx": answers([0.5, 0.2, 0.25])}
    found = suite("figures").summary(given, cores=2)["featx"]
    assert found["images_per_second"] == {"median": 400, "low": 200, "high": 500}
    assert found["images_per_second_with_start"]["median"] == 10
    assert found["peak_mib"] == 1
    assert found["of_roofline"] == pytest.approx(1.0)


def test_a_bar_is_a_ratio_of_medians_and_is_said_to_be_missed(suite):
    figures = suite("figures")
    section = "mobilenetv2-1.0, 12 MP"
    given = {"featx": answers([1.0, 1.0, 9.0]), "fastembed": answers([2.9, 2.0, 3.5])}
    found = figures.summary(given, cores=2)
    [bar] = figures.bars(section, found)
    assert (bar.found, bar.least, bar.reached) == (pytest.approx(2.9), 3.0, False)
    kept = {"photos": 9, "cores": 2, "rounds": 3, "notes": {"torch": "not to be had"}}
    kept |= {"settings": {}, "cosines": {}, "summary": found}
    lines = list(figures.table(section, kept))
    assert any(line.startswith("FAIL: featx / fastembed is 2.900") for line in lines)
    assert any("not to be had" in line for line in lines)


def test_agreement_is_the_lowest_and_the_mean_cosine_whatever_the_lengths(suite):
    rows = np.array([[1.0, 0.0], [0.0, 2.0]])
    turned = np.array([[5.0, 0.0], [3.0, 3.0]])
    found = suite("suite").agreement(rows, turned)
    assert found == pytest.approx([2**-0.5, (1 + 2**-0.5) / 2])


def test_the_plain_reader_gives_the_tensor_that_featx_gives(suite, eight):
    settings = featx.Backbone(NAME).card.input
    image = {key: getattr(settings, key) for key in suite("suite").IMAGE}
    plain = import_module("bare_parts").plain_reader(image)
    for path in eight:
        expected = settings.read(settings.load(path))
        np.testing.assert_allclose(plain(path), expected, atol=1.5 * settings.scale)  # a level


def test_a_section_is_measured_from_files_to_rows(suite, eight, tmp_path):
    module = suite("suite")
    place = module.Location(
        CHECKOUT / "models", tmp_path, tmp_path / "work", cores=(min_core(),), warm=2
    )
    measured = module.Suite(place)
    measured.measure("nano", NAME, eight, ["featx"], rounds=1)
    measured.measure("nano", NAME, eight, ["featx"], rounds=1, add=True)
    section = json.loads(json.dumps(measured.found))["sections"]["nano"]
    assert (section["photos"], section["rounds"], section["notes"]) == (8, 2, {})
    for answer in section["answers"]["featx"]:
        assert answer["n"] == 8
        assert 0 < answer["seconds"] < answer["process_seconds"]
        assert answer["peak_bytes"] > 2**20
    rows = np.load(place.work / "rows.npy")
    expected = featx.Engine().embed(featx.make_samples(eight), featx.Backbone(NAME)).embeddings
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, expected, atol=1e-5)


def test_a_contender_that_fails_says_why(suite, tmp_path):
    job = {"backbone": NAME, "paths": ["missing.jpg"], "warm": 0, "cores": [min_core()]}
    job |= {"out": str(tmp_path / "rows.npy"), "settings": {}}
    running = suite("running")
    with pytest.raises(running.Failed, match=r"missing\.jpg"):
        running.run(
            "featx_rows.py",
            job,
            python=sys.executable,
            environment={"PYTHONPATH": str(CHECKOUT)},
        )


def test_large_photos_are_the_same_each_time_and_as_heavy_as_a_camera_s(suite, eight, tmp_path):
    material = suite("material")
    [one] = material.large_photos(tmp_path / "a", eight, 1)
    [again] = material.large_photos(tmp_path / "b", eight, 1)
    data = Path(one).read_bytes()
    assert data == Path(again).read_bytes()
    assert 2e6 < len(data) < 9e6
    with Image.open(one) as image:
        assert (image.size, image.mode, image.format) == ((4032, 3024), "RGB", "JPEG")


def min_core():
    return min(os.sched_getaffinity(0))
