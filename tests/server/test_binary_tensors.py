"""The binary tensor data extension: what tritonclient sends by default is read, and answered in kind."""

import json
import struct

import numpy as np
import pytest

from tests.support.serving import DARK, LIGHT, error_of, noise, to_base64


def pack(*elements):
    return b"".join(struct.pack("<I", len(each)) + each for each in elements)


def post(client, binary, *, length=None, path="/v2/models/shade/infer", **tensor):
    """Ask as tritonclient does: JSON, then the data of its one input."""
    parameters = {"binary_data_size": len(binary), **tensor.pop("parameters", {})}
    described = {"name": "image", "shape": [2], "datatype": "BYTES", "parameters": parameters}
    body = {"inputs": [described | tensor], "parameters": {"binary_data_output": True}}
    head = json.dumps(body).encode()
    length = str(len(head)) if length is None else length
    return client.post(
        path, content=head + binary, headers={"Inference-Header-Content-Length": length}
    )


def read_answer(response):
    """Return the tensors of an answer, by name."""
    assert response.status_code == 200, response.text
    length = int(response.headers["inference-header-content-length"])
    assert response.headers["content-type"] == "application/octet-stream"
    head, data = json.loads(response.content[:length]), response.content[length:]
    tensors = {}
    for tensor in head["outputs"]:
        size = tensor["parameters"]["binary_data_size"]
        raw, data = data[:size], data[size:]
        if tensor["datatype"] == "FP32":
            tensors[tensor["name"]] = np.frombuffer(raw, "<f4").reshape(tensor["shape"])
            continue
        values = []
        while raw:
            [n] = struct.unpack("<I", raw[:4])
            values.append(raw[4 : 4 + n].decode())
            raw = raw[4 + n :]
        tensors[tensor["name"]] = values
    assert not data
    return tensors


def test_pictures_sent_as_binary_data_are_answered_as_binary_data(client, shade):
    expected = shade.predict_proba([DARK, LIGHT])
    for shape in ([2], [2, 1]):
        tensors = read_answer(post(client, pack(DARK, LIGHT), shape=shape))
        assert tensors["label"] == ["dark", "light"]
        np.testing.assert_allclose(tensors["probabilities"], expected, atol=1e-5)
    encoded = [to_base64(each).encode() for each in (DARK, LIGHT)]
    tensors = read_answer(post(client, pack(*encoded), parameters={"content_type": "base64"}))
    assert tensors["label"] == ["dark", "light"]


def test_pixels_sent_as_binary_data_are_answered(client):
    pixels = np.stack([noise(40, 7, (9, 8, 3)), noise(200, 7, (9, 8, 3))])
    response = post(client, pixels.tobytes(), datatype="UINT8", shape=[2, 9, 8, 3])
    assert read_answer(response)["label"] == ["dark", "light"]


def test_each_output_says_whether_it_wants_to_be_binary(client):
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [to_base64(DARK)]}
    wanted = [{"name": "label"}, {"name": "probability", "parameters": {"binary_data": True}}]
    body = {"inputs": [tensor], "outputs": wanted}
    response = client.post("/v2/models/shade/infer", json=body)
    length = int(response.headers["inference-header-content-length"])
    label, probability = json.loads(response.content[:length])["outputs"]
    assert label["data"] == ["dark"]
    assert (probability["parameters"], len(response.content) - length) == (
        {"binary_data_size": 4},
        4,
    )


@pytest.mark.parametrize(
    ("data", "change", "status", "words"),
    [
        (b"", {"length": "-1"}, 400, "expected the bytes of the JSON"),
        (b"", {"length": "9" * 30}, 400, "expected the bytes of the JSON"),
        (b"", {"length": "x"}, 400, "expected the bytes of the JSON"),
        (b"", {"length": "2"}, 400, "the body is not JSON"),
        (b"abc", {"parameters": {"binary_data_size": 4}}, 400, "the 3 bytes that are left"),
        (b"abc", {"parameters": {"binary_data_size": -1}}, 400, "found -1"),
        (b"abc", {"parameters": {"binary_data_size": True}}, 400, "found True"),
        (b"abc", {"parameters": {"binary_data_size": 2}}, 400, "1 bytes behind the JSON"),
        (b"abc", {"parameters": {"binary_data_size": None}}, 400, "3 bytes behind the JSON"),
        (b"abc", {"data": ["x"]}, 422, "either data or the parameter binary_data_size"),
        (pack(DARK), {}, 422, "expected 2 elements"),
        (pack(DARK) * 3, {}, 422, "expected 2 elements"),
        (pack(DARK)[:-1], {"shape": [1]}, 422, "are left"),
        (struct.pack("<I", 2**32 - 1), {"shape": [1]}, 422, "where 0 are left"),
        (b"\1\2", {"shape": [1]}, 422, "expected 1 elements"),
        (b"", {"shape": [0]}, 422, "no sample"),
        (pack(DARK) * 65, {"shape": [65]}, 413, "at most 64"),
        (b"123", {"datatype": "UINT8", "shape": [1, 1, 2, 3]}, 422, "3 values for shape"),
        (b"1234", {"datatype": "FP32", "shape": [1]}, 422, "takes BYTES"),
    ],
)
def test_binary_data_that_contradicts_its_description_is_refused_in_words(
    client, data, change, status, words
):
    assert words in error_of(post(client, data, **change), status)


def test_the_header_of_a_body_that_is_all_json_may_be_left_out(client):
    body = {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES"}]}
    response = client.post("/v2/models/shade/infer", json=body)
    assert "either data or the parameter binary_data_size" in error_of(response, 422)
