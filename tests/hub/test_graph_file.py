"""Which graph of a folder is added, and to which folder a graph belongs."""

from __future__ import annotations

import pytest

from featx.errors import BadModelFolder, BadOption
from featx.hub.folder import ModelFolder
from featx.hub.graph_file import choose_graph, folder_of


@pytest.fixture
def folder(tmp_path):
    """A function that makes a folder with files of these names."""

    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"")
        return ModelFolder(tmp_path)

    return make


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (
            ["onnx/model_quantized.onnx", "onnx/model.onnx", "onnx/model_fp16.onnx"],
            "onnx/model.onnx",
        ),
        (["onnx/model_int8.onnx", "onnx/model_fp16.onnx"], "onnx/model_fp16.onnx"),
        (["onnx/vision_model.onnx", "onnx/text_model.onnx"], "onnx/vision_model.onnx"),
        (["onnx/vision_model_quantized.onnx", "onnx/text_model.onnx"], "onnx/text_model.onnx"),
        (["model.onnx", "config.json"], "model.onnx"),
        (["model_optimized.onnx", "tokenizer.json"], "model_optimized.onnx"),
        (["onnx/encoder_model.onnx", "onnx/decoder_model_merged.onnx"], "onnx/encoder_model.onnx"),
        (
            ["onnx/model.onnx", "onnx/model_O4.onnx", "onnx/model_qint8_avx512.onnx"],
            "onnx/model.onnx",
        ),
        (["mobilenet.onnx", "config.json"], "mobilenet.onnx"),
    ],
)
def test_the_most_exact_of_the_usual_names_is_taken(folder, names, chosen):
    found, remark = choose_graph(folder(*names))
    assert found == chosen
    graphs = [name for name in names if name.endswith(".onnx")]
    assert (len(graphs) > 1) == bool(remark)
    assert all(name in remark for name in graphs if len(graphs) > 1)


def test_another_graph_is_taken_by_its_name(folder):
    made = folder("onnx/model.onnx", "onnx/model_fp16.onnx")
    assert choose_graph(made, "onnx/model_fp16.onnx") == ("onnx/model_fp16.onnx", "")
    with pytest.raises(BadOption, match=r"file = 'model.onnx': .* has onnx/model"):
        choose_graph(made, "model.onnx")


@pytest.mark.parametrize("file", ["../model.onnx", "/etc/passwd", "onnx/../../model.onnx"])
def test_a_graph_outside_the_folder_is_none_of_it(folder, file):
    with pytest.raises(BadOption, match="file = "):
        choose_graph(folder("onnx/model.onnx"), file)


def test_graphs_of_which_none_is_usual_are_a_question(folder):
    with pytest.raises(BadOption, match=r"say file= with one of a\.onnx, b\.onnx"):
        choose_graph(folder("a.onnx", "b.onnx"))


def test_a_folder_without_a_graph_is_refused_in_words(folder):
    with pytest.raises(BadModelFolder, match="has no ONNX graph; export the model first"):
        choose_graph(folder("model.safetensors", "config.json"))


@pytest.mark.parametrize("name", ["model.onnx", "onnx/model.onnx"])
def test_a_graph_finds_the_configuration_of_its_folder(folder, name):
    made = folder(name, "config.json")
    found = folder_of(made.path / name)
    assert found is not None
    assert found.path == made.path


@pytest.mark.parametrize("names", [["model.onnx"], ["weights/model.onnx", "config.json"]])
def test_a_graph_that_lies_alone_has_no_folder(folder, names):
    assert folder_of(folder(*names).path / names[0]) is None
