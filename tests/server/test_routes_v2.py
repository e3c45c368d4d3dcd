"""``/v2``: the Open Inference Protocol gives the same answers."""

import numpy as np
import pytest

import featx
from tests.support.serving import DARK, LIGHT, error_of, noise, to_base64


def infer(client, model="shade", **change):
    tensor = {
        "name": "image",
        "shape": [2],
        "datatype": "BYTES",
        "data": [to_base64(DARK), to_base64(LIGHT)],
    }
    outputs = change.pop("outputs", [])
    body = {"id": "7", "inputs": [tensor | change], "outputs": outputs}
    return client.post(f"/v2/models/{model}/infer", json=body)


def test_the_open_inference_protocol_gives_the_same_answers(client, shade):
    server = client.get("/v2").json()
    assert server == {
        "name": "featx",
        "version": featx.__version__,
        "extensions": ["binary_tensor_data"],
    }
    facts = client.get("/v2/models/shade").json()
    assert facts == client.get("/v2/models/shade/versions/1").json()
    assert facts["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [-1]}]
    assert facts["parameters"]["classes"] == ["dark", "light"]
    body = infer(client).json()
    assert body == infer(client, "shade/versions/1").json()
    assert (body["model_name"], body["model_version"]) == ("shade", facts["versions"][0])
    assert body["id"] == "7"
    for described, tensor in zip(facts["outputs"], body["outputs"], strict=True):
        assert (described["name"], described["datatype"]) == (tensor["name"], tensor["datatype"])
        assert [2, *described["shape"][1:]] == tensor["shape"]
        assert len(tensor["data"]) == np.prod(tensor["shape"])
    [one] = infer(client, outputs=[{"name": "label"}]).json()["outputs"]
    assert one["name"] == "label"
    tensors = {tensor["name"]: tensor for tensor in body["outputs"]}
    assert tensors["label"]["data"] == ["dark", "light"]
    table = np.reshape(tensors["probabilities"]["data"], tensors["probabilities"]["shape"])
    np.testing.assert_allclose(table, shade.predict_proba([DARK, LIGHT]), atol=1e-5)


def test_a_picture_may_also_come_as_numbers(client):
    pixels = np.stack([noise(40, 7, (9, 8, 3)), noise(200, 7, (9, 8, 3))])
    response = infer(client, datatype="UINT8", shape=[2, 9, 8, 3], data=pixels.ravel().tolist())
    assert response.json()["outputs"][0]["data"] == ["dark", "light"]


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"model": "shape"}, 404, "no model named 'shape'"),
        ({"model": "shade/versions/2"}, 404, "shade: no version '2'; served: 1"),
        ({"datatype": "FP32"}, 422, "takes BYTES"),
        ({"shape": [3]}, 422, "shape: found [3] for 2 values"),
        ({"shape": []}, 422, "shape: found []"),
        ({"shape": [1000]}, 413, "at most 64"),
        ({"data": [1, 2]}, 422, "expected strings"),
        ({"data": ["", "!"]}, 422, "data[0]: "),
        ({"datatype": "UINT8", "shape": [1, 1, 1, 3], "data": [1, 2, 256]}, 422, "0 to 255"),
        (
            {"datatype": "UINT8", "shape": [1, 1, 3], "data": [1, 2, 3]},
            422,
            "[n, height, width, 3]",
        ),
        ({"outputs": [{"name": "logits"}]}, 422, "no tensor named 'logits'"),
    ],
)
def test_an_inference_that_cannot_be_made_is_refused_in_words(client, change, status, words):
    assert words in error_of(infer(client, **change), status)
