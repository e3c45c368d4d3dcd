"""Weights beside a graph: read whole, cut with it, and refused in words where the graph says what cannot be."""

import math
import zipfile

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from featx.errors import BadGraph
from featx.graphs import cut_graph, join_graphs, join_weights, taps
from featx.graphs.external import (
    SMALL,
    check_external,
    copy_external,
    external_bytes,
    external_names,
    load_external,
    size_of,
)
from featx.graphs.inspect import load_model, tensors_of
from featx.graphs.limits import check_limits
from featx.storage.blob import Blob
from featx.storage.container import ZipMember
from tests.support.external_nets import save_split, tensor_at
from tests.support.nets import FLOAT, save, save_torch_net, weights


@pytest.fixture
def one_file(tmp_path):
    return save_torch_net(tmp_path / "one.onnx")


@pytest.fixture
def split(one_file, tmp_path):
    return save_split(one_file, tmp_path / "split" / "net.onnx")


def run(data, feeds):
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)[0]


@pytest.mark.parametrize("tap", [None, "embedding", "penultimate", "last-map", "b1"])
@pytest.mark.parametrize("each", [False, True])
def test_a_cut_has_the_bytes_of_weights_that_lay_beside_the_graph(
    one_file, tmp_path, rng, tap, each
):
    path = save_split(one_file, tmp_path / "split" / "net.onnx", each=each)
    expected, found = (onnx.load_from_string(cut_graph(one, tap)) for one in (one_file, path))
    assert not external_names(tensors_of(found))
    for known, tensor in zip(expected.graph.initializer, found.graph.initializer, strict=True):
        assert (known.name, numpy_helper.to_array(known).tobytes()) == (
            tensor.name,
            numpy_helper.to_array(tensor).tobytes(),
        )
    images = {"image": rng.random((2, 3, 20, 24), dtype=np.float32)}
    rows = [run(model.SerializeToString(), images) for model in (expected, found)]
    np.testing.assert_array_equal(*rows)


def test_taps_and_their_shapes_are_those_of_the_graph_in_one_file(one_file, split):
    assert taps(split) == taps(one_file)


def test_shapes_that_lie_beside_the_graph_are_known_to_inference(tmp_path):
    shape = numpy_helper.from_array(np.array([-1, 4, 6]), "shape")
    one = save(
        tmp_path / "one.onnx",
        [
            helper.make_node("MatMul", ["x", "w"], ["y"]),
            helper.make_node("Reshape", ["y", "shape"], ["z"]),
        ],
        [("x", FLOAT, ["N", 8])],
        [("z", FLOAT, ["N", 4, 6])],
        [weights("w", 8, 24), shape],
    )
    [*_, last] = taps(save_split(one, tmp_path / "split" / "net.onnx"))
    assert last.shape[1:] == (4, 6)


def test_two_graphs_are_joined_with_their_weights(tmp_path, rng):
    def dense(name, wide, deep):
        node = helper.make_node("MatMul", ["x", "w"], ["y"])
        ends = [[("x", FLOAT, ["N", wide])], [("y", FLOAT, ["N", deep])]]
        one = save(tmp_path / f"{name}.onnx", [node], *ends, [weights("w", wide, deep)])
        return one, save_split(one, tmp_path / name / "net.onnx")

    (first, first_split), (second, second_split) = dense("a", 6, 5), dense("b", 5, 4)
    rows = {"x": rng.random((3, 6), dtype=np.float32)}
    np.testing.assert_array_equal(
        run(join_graphs(first, second), rows), run(join_graphs(first_split, second_split), rows)
    )


def test_weights_in_an_archive_are_those_of_its_other_members(split, tmp_path, rng):
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("net.onnx", "net.onnx.data"):
            file.write(split.parent / name, f"backbone/{name}")
    blob = Blob("net.onnx", ZipMember(archive, "backbone/net.onnx"))
    check_limits(blob, files={"net.onnx.data"})
    images = {"image": rng.random((2, 3, 20, 24), dtype=np.float32)}
    expected = run(str(split), images)
    np.testing.assert_array_equal(run(join_weights(blob), images), expected)
    np.testing.assert_array_equal(run(cut_graph(blob, "logits"), images), expected)


def test_a_graph_in_memory_has_nothing_beside_it(split):
    with pytest.raises(BadGraph, match="in memory cannot"):
        cut_graph(Blob.of_bytes(split.read_bytes()))


@pytest.mark.parametrize(
    ("kind", "dims", "size"),
    [
        ("FLOAT", [3, 5], 60),
        ("FLOAT16", [3, 5], 30),
        ("BFLOAT16", [3], 6),
        ("DOUBLE", [], 8),
        ("INT64", [0, 7], 0),
        ("BOOL", [9], 9),
        ("COMPLEX64", [2], 16),
        ("UINT8", [9], 9),
        ("FLOAT8E4M3FN", [9], 9),
        ("INT4", [9], 5),
    ],
)
def test_a_tensor_has_as_many_bytes_as_its_type_and_dimensions_say(kind, dims, size):
    tensor = TensorProto(data_type=TensorProto.DataType.Value(kind), dims=dims)
    assert size_of(tensor) == size


BAD = {
    "above": ({"location": "../w.bin"}, "expected the name of a file beside"),
    "absolute": ({"location": "/etc/passwd"}, "expected the name of a file beside"),
    "drive": ({"location": "C:w.bin"}, "expected the name of a file beside"),
    "backslash": ({"location": "..\\w.bin"}, "expected the name of a file beside"),
    "nothing": ({"location": ""}, "expected the name of a file beside"),
    "here": ({"location": "./w.bin"}, "expected the name of a file beside"),
    "twice": ({"location": "a//w.bin"}, "expected the name of a file beside"),
    "escape": ({"location": "w\x1b[2J"}, "expected the name of a file beside"),
    "zero byte": ({"location": "w\0.bin"}, "expected the name of a file beside"),
    "memory": ({"location": "*/_ORT_MEM_ADDR_/*"}, "expected a file beside the graph"),
    "long": ({"location": "w" * 300}, "expected the name of a file beside"),
    "absent": ({"location": "other.bin"}, "expected a file beside the graph: file not found"),
    "folder": ({"location": "folder"}, "found a folder"),
    "past the end": ({"location": "w.bin", "offset": 1}, "lies beyond the 192 bytes"),
    "far": ({"location": "w.bin", "offset": 10**17}, "lies beyond the 192 bytes"),
    "too long": ({"location": "w.bin", "length": 193}, "has 193 bytes, its type .* need 192"),
    "too short": ({"location": "w.bin", "length": 8}, "has 8 bytes, its type .* need 192"),
    "negative": ({"location": "w.bin", "offset": -4}, "are no numbers"),
    "words": ({"location": "w.bin", "offset": "1_0"}, "are no numbers"),
    "other digits": ({"location": "w.bin", "length": "١٩٢"}, "are no numbers"),
    "huge": ({"location": "w.bin", "offset": "9" * 5000}, "are no numbers"),
    "key": ({"location": "w.bin", "prepacked_0": "0;8;x"}, "expected location, offset"),
    "wide": ({"location": "w.bin", "dims": [1 << 40, 1 << 40]}, "lies beyond the 192 bytes"),
    "less than none": ({"location": "w.bin", "dims": [-1, -48]}, "is none that a file can hold"),
    "text": ({"location": "w.bin", "kind": TensorProto.STRING}, "is none that a file can hold"),
    "no type": ({"location": "w.bin", "kind": 99}, "is none that a file can hold"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_a_graph_cannot_mean_is_refused_before_a_byte_is_read(case, tmp_path):
    entries, words = BAD[case]
    (tmp_path / "folder").mkdir()
    (tmp_path / "w.bin").write_bytes(bytes(192))
    with pytest.raises(BadGraph, match=words) as refusal:
        check_external([tensor_at(**entries)], tmp_path / "net.onnx")
    assert str(refusal.value).isprintable()
    with pytest.raises(BadGraph, match=words):
        load_external([tensor_at(**entries)], tmp_path / "net.onnx")


def test_a_key_may_stand_once_only(tmp_path):
    tensor = tensor_at("w.bin")
    tensor.external_data.add(key="location", value="../secret")
    with pytest.raises(BadGraph, match="each once; found 'location'"):
        check_external([tensor], tmp_path / "net.onnx")


def test_a_name_that_is_not_text_is_refused(tmp_path):
    data = tensor_at("wwww.bin").SerializeToString().replace(b"wwww", b"w\xff\xfe.")
    with pytest.raises(BadGraph, match="external data in "):
        check_external([TensorProto.FromString(data)], tmp_path / "net.onnx")


@pytest.mark.parametrize("link", ["file", "folder", "nowhere"])
def test_links_are_refused_wherever_they_lead(link, tmp_path):
    (tmp_path / "model" / "part").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "w.bin").write_bytes(bytes(192))
    if link == "folder":
        (tmp_path / "model" / "part").rmdir()
        (tmp_path / "model" / "part").symlink_to(tmp_path / "secret")
    else:
        where = "w.bin" if link == "file" else "gone"
        (tmp_path / "model" / "part" / "w.bin").symlink_to(tmp_path / "secret" / where)
    for read in (check_external, load_external):
        with pytest.raises(BadGraph, match="found a symbolic link"):
            read([tensor_at("part/w.bin")], tmp_path / "model" / "net.onnx")


def test_a_file_that_is_no_plain_file_is_refused_and_not_waited_for(tmp_path):
    import os

    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    os.mkfifo(tmp_path / "w.bin")
    with pytest.raises(BadGraph, match="not a regular file"):
        load_external([tensor_at("w.bin")], tmp_path / "net.onnx")


def test_bytes_that_are_used_again_and_again_are_refused(tmp_path):
    (tmp_path / "w.bin").write_bytes(bytes(1 << 16))
    tensors = [tensor_at("w.bin", [1 << 14], name=f"w{k}") for k in range(8)]
    assert check_external(tensors[:4], tmp_path / "net.onnx") == {"w.bin"}
    with pytest.raises(BadGraph, match="its 65536 bytes are used for 524288 bytes"):
        check_external(tensors, tmp_path / "net.onnx")


def test_small_tensors_are_loaded_only_up_to_a_limit(tmp_path):
    (tmp_path / "w.bin").write_bytes(bytes(8 * SMALL))
    tensors = [tensor_at("w.bin", [SMALL], TensorProto.INT64, f"w{k}") for k in range(2049)]
    with pytest.raises(BadGraph, match="67108864 bytes of small tensors"):
        load_external(tensors, tmp_path / "net.onnx", most=SMALL)


def test_a_count_of_turns_that_lies_beside_the_graph_is_seen(tmp_path):
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Identity", ["v"], ["v2"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("k", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v2", FLOAT, None),
        ],
    )
    loop = helper.make_node("Loop", ["turns", "", "x"], ["y"], body=body)
    graph = helper.make_graph(
        [loop],
        "net",
        [helper.make_tensor_value_info("x", FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", FLOAT, ["N", 4])],
        [tensor_at("turns.bin", (), TensorProto.INT64, "turns")],
    )
    path = tmp_path / "net.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    (tmp_path / "turns.bin").write_bytes(np.int64(1 << 60).tobytes())
    with pytest.raises(BadGraph, match="a loop of more than"):
        check_limits(path, files={"turns.bin"})


def test_what_is_cut_off_is_not_read_and_what_stays_may_have_more_than_2_gb_beside_it(tmp_path):
    one = save(
        tmp_path / "one.onnx",
        [
            helper.make_node("MatMul", ["x", "w"], ["y"]),
            helper.make_node("MatMul", ["y", "big"], ["z"]),
        ],
        [("x", FLOAT, ["N", 8])],
        [("z", FLOAT, ["N", 1 << 26])],
        [weights("w", 8, 9), weights("big", 9, 1)],
    )
    model = onnx.load(one)
    del model.graph.initializer[1]
    model.graph.initializer.append(tensor_at("big.bin", (9, 1 << 26), name="big"))
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    with (tmp_path / "big.bin").open("wb") as file:
        # a hole: it takes no room on the disk
        file.truncate(9 << 28)
    assert external_bytes(tensors_of(load_model(path, weights=False))) == 9 << 28
    cut = onnx.load_from_string(cut_graph(path, "y"))
    assert [tensor.name for tensor in cut.graph.initializer] == ["w"]
    with pytest.raises(BadGraph, match=r"has 2\.4 GB of weights .* one file can hold 2 GB"):
        cut_graph(path)
    left = onnx.load_from_string(cut_graph(path, beside=True))
    assert external_names(tensors_of(left)) == {"big.bin"}
    assert {tensor.name for tensor in left.graph.initializer} == {"w", "big"}


def test_files_are_copied_under_the_names_that_the_graph_says(split, tmp_path):
    model = load_model(split, weights=False)
    (tmp_path / "copy").mkdir()
    names = copy_external(tensors_of(model), split, tmp_path / "copy")
    assert names == ["net.onnx.data"]
    copied = (tmp_path / "copy" / "net.onnx.data").read_bytes()
    assert copied == (split.parent / "net.onnx.data").read_bytes()


def test_a_file_that_is_larger_than_the_disk_is_refused_before_it_is_copied(tmp_path):
    with (tmp_path / "w.bin").open("wb") as file:
        # a hole: it takes no room until it is copied
        file.truncate(1 << 43)
    (tmp_path / "copy").mkdir()
    with pytest.raises(OSError, match="too little room"):
        copy_external([tensor_at("w.bin")], tmp_path / "net.onnx", tmp_path / "copy")
    assert not list((tmp_path / "copy").iterdir())


@pytest.mark.parametrize("name", ["backbone.onnx", "Card.toml", "net.onnx", "card.toml/w"])
def test_a_name_that_stands_for_another_file_is_not_taken(name, tmp_path):
    path = tmp_path / "net.onnx"
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(bytes(192))
    (tmp_path / "copy").mkdir()
    with pytest.raises(BadGraph, match="the name of another file of its backbone"):
        copy_external(
            [tensor_at(name)], path, tmp_path / "copy", taken=("backbone.onnx", "card.toml")
        )
    assert not list((tmp_path / "copy").iterdir())


def test_the_sizes_that_onnx_knows_are_those_of_its_own_files(one_file, split):
    model = load_model(split, weights=False)
    known = sum(math.prod(tensor.dims) * 4 for tensor in onnx.load(one_file).graph.initializer)
    assert external_bytes(tensors_of(model)) == known
