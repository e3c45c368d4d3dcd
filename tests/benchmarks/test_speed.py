"""The speed suite: its arithmetic against figures worked by hand, its contenders with featx itself."""

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import featx

CHECKOUT = Path(__file__).parents[2]
NAME = "featx-image-nano"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the suite reads Linux' /proc")


@pytest.fixture
def suite(monkeypatch):
    """Modules of benchmarks/, by name."""
    monkeypatch.syspath_prepend(str(CHECKOUT / "benchmarks"))
    return import_module


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


@pytest.fixture
def given(suite, monkeypatch, tmp_path):
    """The options of a small run, and the environment that they stand for."""
    monkeypatch.setenv("FEATX_MODELS", "")
    monkeypatch.setenv("PYTHONPATH", "")
    options = SimpleNamespace(models=CHECKOUT / "models", data=tmp_path, work=tmp_path / "work")
    options.rounds, options.json, options.min_cosine = 1, None, 0.9
    suite("common").use_models(options)
    return options


def answers(seconds, **more):
    common = {"n": 100, "process_seconds": 10.0, "busy_seconds": 5.0}
    common |= {"peak_bytes": 2**20, "others": 0.0}
    return [{**common, "seconds": each, **more} for each in seconds]


def found(**answers):
    return {"n": 9, "cores": 2, "notes": {}, "settings": {}, "cosines": {}, "answers": answers}


def test_the_roofline_is_what_cores_do_that_never_wait_with_the_faster_way_to_decode(suite):
    part = {"decode_featx": 0.004, "decode_plain": 0.001, "infer": 0.004}
    slow = {"decode_featx": 0.006, "decode_plain": 0.008, "infer": 0.004}
    decode, infer, most = suite("speed").roofline([part, part, slow], 2)
    assert (decode, infer) == (0.001, 0.004)
    assert most == pytest.approx(400)


def test_a_summary_gives_medians_spreads_and_the_share_of_the_roofline(suite):
    part = {"decode_featx": 0.002, "decode_plain": 0.002, "infer": 0.003}
    summary = suite("speed").summarize(found(parts=[part], featx=answers([0.5, 0.2, 0.25])))
    assert summary["featx"]["rate"] == {"median": 400, "low": 200, "high": 500}
    assert summary["featx"]["with_start"] == 10
    assert summary["featx"]["busy_rate"] == 20
    assert summary["featx"]["peak_mib"] == 1
    assert summary["featx"]["of_roofline"] == pytest.approx(1.0)


def test_a_table_tells_ratios_of_medians_and_what_was_skipped(suite):
    some = found(featx=answers([1.0, 1.0, 9.0]), fastembed=answers([2.9, 2.0, 3.5]))
    some["notes"] = {"torch": "skipped: not to be had"}
    text = "\n".join(suite("speed").describe("photos", some))
    assert "2.90 ×" in text
    assert "torch: skipped: not to be had" in text


def test_the_bound_of_texts_is_the_rate_of_products_by_those_of_a_sentence(suite):
    some = [{"tokens": 16.0, "operations": 4e8, "rate": rate} for rate in (9e10, 1e11, 3e11)]
    line = suite("speed").describe_products(some)
    assert line.startswith("16.0 tokens a sentence without padding, 400 million operations")
    assert "4.00 ms at the 100 GFLOP/s" in line
    assert line.rstrip().endswith("at most 250 sentences a processor second")


def test_a_product_takes_longer_the_more_tokens_there_are(suite):
    few, many = (suite("contenders").product_seconds(64, 64, tokens=n) for n in (8, 2048))
    assert 0 < few < many


def test_a_ratio_of_pairs_is_their_median_with_an_interval_around_it(suite):
    old = np.linspace(1.0, 2.0, 15)
    ratio, low, high = suite("common").ratio_interval(old * 1.1, old)
    assert (ratio, low, high) == (pytest.approx(1.1), pytest.approx(1.1), pytest.approx(1.1))
    noisy = old * np.linspace(0.9, 1.3, 15)
    ratio, low, high = suite("common").ratio_interval(noisy, old)
    assert ratio == pytest.approx(1.1)
    assert 0.9 < low < 1.1 < high < 1.3


def test_steps_take_turns_and_every_other_round_runs_backwards(suite):
    order = []
    steps = {name: lambda name=name: order.append(name) or len(order) for name in "ab"}
    results = suite("common").in_turns(2, steps, warm=1)
    assert "".join(order) == "baabba"
    assert results == {"a": [3, 6], "b": [4, 5]}


def test_cosines_do_not_depend_on_lengths(suite):
    rows = np.array([[1.0, 0.0], [0.0, 2.0]])
    turned = np.array([[5.0, 0.0], [3.0, 3.0]])
    assert suite("common").cosines(rows, turned) == pytest.approx([1, 2**-0.5])


def test_the_plain_reader_gives_the_tensor_that_featx_gives(suite, eight):
    settings = featx.get_card(NAME).input
    image = {key: getattr(settings, key) for key in suite("speed").IMAGE}
    plain = suite("contenders").plain_reader(image)
    for path in eight:
        expected = settings.read(settings.load(path))
        # within one level of 255
        np.testing.assert_allclose(plain(path), expected, atol=1.5 * settings.scale)


@pytest.mark.slow
def test_a_section_is_measured_from_files_to_rows(suite, eight, given):
    section = suite("speed").Section(NAME, eight, (min_core(),), given)
    measured = json.loads(json.dumps(section.measure(["featx"], {})))
    assert (measured["n"], measured["notes"]) == (8, {})
    [answer] = measured["answers"]["featx"]
    assert answer["n"] == 8
    assert 0 < answer["seconds"] < answer["process_seconds"]
    assert answer["peak_bytes"] > 2**20
    assert set(measured["answers"]) == {"parts", "parts, all cores", "featx"}
    rows = np.load(section.out)
    expected = featx.Engine().embed(featx.make_samples(eight), featx.Backbone(NAME)).embeddings
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, expected, atol=1e-5)


def test_a_contender_that_fails_says_why(suite, given):
    section = suite("speed").Section(NAME, ["missing.jpg"], (min_core(),), given)
    with pytest.raises(suite("common").Failed, match=r"missing\.jpg"):
        section.run("featx", {}, section.items)


@pytest.mark.slow
def test_large_photos_are_the_same_each_time_and_as_heavy_as_a_camera_s(suite, eight, tmp_path):
    photos = suite("variants")
    [one] = photos.large_photos(tmp_path / "a", eight, 1)
    [again] = photos.large_photos(tmp_path / "b", eight, 1)
    data = Path(one).read_bytes()
    assert data == Path(again).read_bytes()
    assert 2e6 < len(data) < 9e6
    with Image.open(one) as image:
        assert (image.size, image.mode, image.format) == ((4032, 3024), "RGB", "JPEG")


@pytest.mark.parametrize(
    "script", ["accuracy", "speed", "serving", "startup", "fitting", "compare_checkouts"]
)
def test_every_benchmark_says_what_it_compares(suite, script, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    with pytest.raises(SystemExit, match="0"):
        suite(script).main()
    assert "Compare" in capsys.readouterr().out


def min_core():
    return min(os.sched_getaffinity(0))
