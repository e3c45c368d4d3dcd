"""Samples of one request are bounded together, by what their headers say."""

import io

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

import featx
from featx.errors import BadOption
from featx.server import Limits, create_app
from tests.support.serving import DARK, LIGHT, error_of, to_base64


def plain(format, side=400, **options):
    """Return a picture of one colour as the bytes of a file."""
    file = io.BytesIO()
    Image.new("RGB", (side, side), (9, 9, 9)).save(file, format, **options)
    return file.getvalue()


def files(*contents):
    """Return a form of files."""
    return [("file", (f"{k}", content)) for k, content in enumerate(contents)]


@pytest.fixture(scope="module")
def bounded(shade):
    limits = Limits(max_pixels=200_000, max_total_pixels=500_000)
    with TestClient(create_app({"shade": shade}, limits=limits)) as client:
        yield client


def by_form(client, contents):
    return client.post("/v1/predict", files=files(*contents))


def by_json(client, contents):
    samples = [{"data": to_base64(content)} for content in contents]
    return client.post("/v1/predict", json={"samples": samples})


def by_embeddings(client, contents):
    body = {"model": "shade", "input": list(map(to_base64, contents))}
    return client.post("/v1/embeddings", json=body)


def by_infer(client, contents):
    data = list(map(to_base64, contents))
    tensor = {"name": "x", "shape": [len(data)], "datatype": "BYTES", "data": data}
    return client.post("/v2/models/shade/infer", json={"inputs": [tensor]})


@pytest.mark.parametrize("ask", [by_form, by_json, by_embeddings, by_infer])
def test_pictures_over_the_limit_together_are_refused_in_every_form(bounded, ask):
    words = error_of(ask(bounded, [plain("png")] * 4), 413)
    assert "the 4 samples have more than 500,000 pixels together" in words
    assert ask(bounded, [plain("png")] * 3).status_code == 200


@pytest.mark.parametrize(
    "format", ["png", "jpeg", "gif", "bmp", "tiff", "webp", "ppm", "jpeg2000", "avif"]
)
def test_pixels_are_counted_in_every_format(bounded, format):
    # Some of them are read up to fewer pixels by themselves.
    side = 250
    content = plain(format, side)
    assert "pixels together" in error_of(by_form(bounded, [content] * 9), 413)
    assert by_form(bounded, [content] * 8).status_code == 200


def test_what_is_refused_by_itself_does_not_count(bounded):
    """A picture over its own limit is never decoded, and costs the others nothing."""
    answer = by_form(bounded, [plain("png", 3000), b"nonsense", b"", DARK, LIGHT, DARK[:60]])
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert ["label" in result for result in results] == [False, False, False, True, True, False]


def test_pixels_of_a_tensor_of_numbers_count(shade):
    limits = Limits(max_total_pixels=3 * 64)
    with TestClient(create_app({"shade": shade}, limits=limits)) as client:
        for count, status in ((3, 200), (4, 413)):
            pixels = np.full((count, 8, 8, 3), 44).ravel().tolist()
            tensor = {"name": "x", "shape": [count, 8, 8, 3], "datatype": "UINT8", "data": pixels}
            answer = client.post("/v2/models/shade/infer", json={"inputs": [tensor]})
            assert answer.status_code == status


def test_the_limits_together_follow_those_of_one():
    assert (Limits().total_pixels, Limits().total_seconds) == (400_000_000, 3600)
    assert Limits(max_pixels=1000, max_seconds=2).total_pixels == 10_000
    assert Limits(max_seconds=2).total_seconds == 12
    assert Limits(max_total_pixels=7, max_total_seconds=0.5).total_seconds == 0.5
    with pytest.raises(BadOption, match="max_total_pixels = 0"):
        Limits(max_total_pixels=0)


def test_seconds_of_sounds_are_counted_together():
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("soxr")
    sounds = [np.sin(np.arange(16_000) * 0.01 * (1 + k)).astype(np.float32) for k in range(8)]
    beeps = featx.fit(sounds, ["a"] * 4 + ["b"] * 4, backbone="featx-audio-mel")
    contents = []
    for format in ("wav", "flac", "ogg"):
        file = io.BytesIO()
        soundfile.write(file, np.zeros((3 * 16_000, 2), np.float32), 16_000, format=format)
        contents.append(file.getvalue())
    limits = Limits(max_seconds=5, max_total_seconds=9)
    with TestClient(create_app({"beeps": beeps}, limits=limits)) as client:
        assert client.post("/v1/predict", files=files(*contents)).status_code == 200
        refused = client.post("/v1/predict", files=files(*contents, contents[0]))
        assert "more than 9 seconds together" in error_of(refused, 413)
