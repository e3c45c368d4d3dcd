"""Pulling a model: what is needed comes whole, what fails is said, and nothing half-written stands for it."""

import hashlib
import json
import shutil

import pytest
from onnx import helper

from featx.errors import (
    BadGraph,
    BadModelFolder,
    BadOption,
    DownloadFailed,
    OutputFailed,
    WrongDigest,
)
from featx.storage.dirs import cache_dir
from tests.support.external_nets import tensor_at
from tests.support.hub_server import (
    COMMIT,
    OTHER,
    TAKEN,
    names_in,
)
from tests.support.nets import FLOAT


def whole_files():
    """What is in the cache under its own name, not on its way."""
    return [name for name in names_in(cache_dir()) if not name.endswith(".part")]


def external_graph(*locations):
    """A graph whose weights lie where a stranger likes."""
    tensors = [tensor_at(where, name=f"w{k}") for k, where in enumerate(locations)]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", FLOAT, ["N", 4])],
        tensors,
    )
    return helper.make_model(graph).SerializeToString()


def test_a_model_comes_with_its_weights_and_configurations_and_nothing_else(pull, fake):
    pulled, lines = pull()
    assert names_in(pulled.folder) == TAKEN
    for name in TAKEN:
        assert (pulled.folder / name).read_bytes() == fake.files[name]
    assert not any(path.is_symlink() for path in pulled.folder.rglob("*"))
    assert pulled.graph == "onnx/model.onnx"
    assert str(pulled.address) == f"hf:someone/model@{COMMIT}:onnx/model.onnx"
    assert lines == [
        "someone/model: onnx/model.onnx was taken of onnx/model.onnx, onnx/model_fp16.onnx; file= names "
        "another",
        f"{pulled.address}: licence MIT (cardData and tags)",
    ]
    assert sorted(fake.paths) == TAKEN


def test_files_are_asked_for_at_the_commit_though_the_branch_moves_meanwhile(pull, fake):
    seen = []

    def moved(count):
        seen.append(count)
        # the branch is elsewhere from the first byte on, and its files are others
        fake.revisions["main"] = OTHER

    pulled, _ = pull(progress=moved)
    assert pulled.address.revision == COMMIT
    assert seen
    assert all(f"/resolve/{COMMIT}/" in path for path, _ in fake.asked[1:])


@pytest.mark.parametrize("revision", ["main", "v1.0", "refs/pr/7", COMMIT])
def test_a_branch_a_tag_and_a_commit_are_revisions(pull, fake, revision):
    fake.revisions |= {"v1.0": COMMIT, "refs/pr/7": COMMIT}
    pulled, _ = pull(f"hf:someone/model@{revision}")
    assert pulled.address.revision == COMMIT


def test_a_commit_that_is_answered_with_another_is_refused(pull, fake):
    fake.revisions[OTHER] = COMMIT
    with pytest.raises(DownloadFailed, match="expected the one asked for"):
        pull(f"hf:someone/model@{OTHER}")


def test_a_graph_can_be_named(pull, fake):
    fake.files["onnx/model_fp16.onnx"] = external_graph()
    pulled, _ = pull("hf:someone/model:onnx/model_fp16.onnx")
    assert pulled.graph == "onnx/model_fp16.onnx"
    assert "onnx/model.onnx" not in names_in(pulled.folder)
    with pytest.raises(
        BadOption, match=r"file = 'other\.onnx': someone/model has onnx/model\.onnx"
    ):
        pull("hf:someone/model:other.onnx")


def test_several_graphs_of_which_none_is_usual_are_listed(pull, fake):
    fake.files = {"a.onnx": b"", "b.onnx": b""}
    with pytest.raises(
        BadOption, match=r"has several graphs; say file= with one of a\.onnx, b\.onnx"
    ):
        pull()
    fake.files = {"model.safetensors": b""}
    with pytest.raises(BadModelFolder, match="someone/model: has no ONNX graph"):
        pull()


def test_a_dense_layer_after_the_graph_comes_with_it(pull, fake):
    modules = [
        {"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "path": "2_Dense", "type": "sentence_transformers.models.Dense"},
        {"idx": 3, "path": "3_Dense_256", "type": "sentence_transformers.base.modules.Dense"},
        {"idx": 4, "path": "../outside", "type": "sentence_transformers.models.Dense"},
        {"idx": 5, "path": None, "type": 7},
        "no table",
    ]
    fake.files |= {
        "modules.json": json.dumps(modules).encode(),
        "1_Pooling/config.json": b"{}",
        "2_Dense/config.json": b"{}",
        "2_Dense/model.safetensors": b"dense",
        "3_Dense_256/config.json": b"{}",
        "3_Dense_256/model.safetensors": b"dense",
        "9_Dense/model.safetensors": b"not wanted",
        "2_Dense/pytorch_model.bin": b"not wanted",
        "vocab.txt": b"[PAD]\n",
    }
    pulled, _ = pull()
    assert set(names_in(pulled.folder)) - set(TAKEN) == {
        "modules.json",
        "1_Pooling/config.json",
        "2_Dense/config.json",
        "2_Dense/model.safetensors",
        "3_Dense_256/config.json",
        "3_Dense_256/model.safetensors",
        "vocab.txt",
    }


def test_a_broken_connection_is_resumed_where_it_broke(pull, fake):
    size = len(fake.files["onnx/model.onnx_data"])
    fake.drops["onnx/model.onnx_data"] = [100, 50]
    pulled, _ = pull()
    data = (pulled.folder / "onnx" / "model.onnx_data").read_bytes()
    assert data == fake.files["onnx/model.onnx_data"]
    asked = [since for path, since in fake.asked if path.endswith("_data")]
    assert asked == [None, "bytes=100-", "bytes=150-"]
    assert size > 150


def test_a_pull_that_failed_goes_on_in_the_next_one(pull, fake):
    fake.drops["onnx/model.onnx_data"] = [100, 0, 0, 0]
    with pytest.raises(DownloadFailed, match="pull again to go on from byte 100"):
        pull()
    assert not [name for name in whole_files() if name.endswith("_data")]
    fake.drops.clear()
    fake.asked.clear()
    pulled, _ = pull()
    assert names_in(pulled.folder) == TAKEN
    # what had come whole is not asked for again
    assert fake.paths == ["onnx/model.onnx_data"]
    assert fake.asked[-1][1] == "bytes=100-"


def test_what_is_in_the_cache_is_compared_and_mended(pull, fake):
    pulled, _ = pull()
    (pulled.folder / "config.json").write_bytes(b"changed")
    fake.asked.clear()
    again, _ = pull()
    assert (again.folder / "config.json").read_bytes() == fake.files["config.json"]
    assert fake.paths == ["config.json"]


@pytest.mark.parametrize("name", ["onnx/model.onnx_data", "config.json"])
def test_other_bytes_than_the_hub_promises_are_refused_and_not_kept(pull, fake, name):
    data = fake.files[name]
    fake.bodies[name] = data[:-1] + bytes([data[-1] ^ 1])
    with pytest.raises(WrongDigest, match=r"not those of someone/model at 0123456789ab"):
        pull()
    assert not [one for one in names_in(cache_dir()) if one.endswith((name, f"{name}.part"))]


@pytest.mark.parametrize("size", [-1, 1])
def test_a_size_that_is_not_that_of_the_bytes_is_refused(pull, fake, size):
    name = "onnx/model.onnx_data"
    data = fake.files[name]
    lying = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data) + size}
    fake.entries[name] = {"size": len(data) + size, "lfs": lying}
    with pytest.raises(WrongDigest, match=f"expected {len(data) + size} bytes, the server has"):
        pull()
    assert not [one for one in whole_files() if one.endswith("_data")]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"size": 10**18, "lfs": {"sha256": "0" * 64, "size": 10**18}}, "says no size"),
        ({"size": -1, "lfs": {"sha256": "0" * 64, "size": -1}}, "says no size"),
        ({"size": True, "lfs": {"sha256": "0" * 64, "size": True}}, "says no size"),
        ({"size": "12", "lfs": {"sha256": "0" * 64, "size": "12"}}, "says no size"),
        ({"size": 12, "lfs": {"sha256": "0" * 64, "size": 13}}, "says no size"),
        ({"size": None, "lfs": {}}, "says no size"),
        ({"size": 12, "lfs": {"size": 12}}, "no digest"),
        ({"size": 12, "lfs": {"sha256": "Z" * 64, "size": 12}}, "no digest"),
        ({"size": 12, "lfs": None, "blobId": "short"}, "no digest"),
        ({"size": 12, "lfs": [], "blobId": "0" * 40}, "no digest"),
        ({"size": 1 << 40, "lfs": {"sha256": "0" * 64, "size": 1 << 40}}, "expected at most|free"),
    ],
)
def test_what_the_hub_says_of_a_file_must_be_possible(pull, fake, entry, words):
    fake.entries["onnx/model.onnx"] = entry
    with pytest.raises((DownloadFailed, OutputFailed), match=words):
        pull()
    assert not [name for name in whole_files() if name.endswith(".onnx")]


@pytest.mark.parametrize(
    "name",
    [
        "./x.json",
        "..\\config.json",
        "C:config.json",
        "\x1b[2J.json",
        "a\0.json",
        "x" * 300 + ".json",
    ],
)
def test_a_name_that_no_folder_can_hold_is_refused(pull, fake, name):
    fake.files[name] = b"{}"
    with pytest.raises(DownloadFailed, match="which no folder here can hold") as refusal:
        pull()
    assert str(refusal.value).isprintable()
    assert not [one for one in whole_files() if one.endswith(".json")]


@pytest.mark.parametrize(
    "name",
    ["../config.json", "/etc/config.json", "../../.ssh/vocab.txt", "a/../config.json"],
)
def test_a_path_that_leads_elsewhere_is_left_alone(pull, fake, name, tmp_path):
    fake.files[name] = b"{}"
    pulled, _ = pull()
    assert names_in(pulled.folder) == TAKEN
    assert not any(name.lstrip("./") in path for path in fake.paths if path not in TAKEN)


def test_names_that_differ_in_case_alone_are_refused(pull, fake):
    fake.files["Config.json"] = b"{}"
    with pytest.raises(DownloadFailed, match="differ in case alone"):
        pull()


@pytest.mark.parametrize(
    "location",
    ["../config.json", "/etc/passwd", "..\\w", "own.py", "model.onnx", "w.json", "./w", ""],
)
def test_weights_are_taken_from_beside_the_graph_alone(pull, fake, location):
    fake.files["onnx/model.onnx"] = external_graph(location)
    with pytest.raises(BadGraph, match="expected a file of weights beside it"):
        pull()
    assert not [one for one in fake.paths if one.endswith((".py", "passwd"))]


def test_weights_that_are_not_in_the_repository_are_named(pull, fake):
    fake.files["onnx/model.onnx"] = external_graph("lost.bin")
    with pytest.raises(BadGraph, match=r"keeps weights in onnx/lost\.bin, which is not there"):
        pull()


def test_what_is_no_graph_is_refused_once_it_is_here(pull, fake):
    fake.files["onnx/model.onnx"] = b"location\xff\xff\xff"
    with pytest.raises(BadGraph, match=r"someone/model: onnx/model\.onnx: not an ONNX graph"):
        pull()


def test_a_disk_without_room_is_seen_before_anything_comes(pull, fake):
    fake.entries["onnx/model.onnx"] = {
        "size": (1 << 31) - 1,
        "lfs": {"sha256": "0" * 64, "size": (1 << 31) - 1},
    }
    if shutil.disk_usage(cache_dir().parent).free > 1 << 31:
        # weights beside a graph may be of any size
        fake.entries = {
            "onnx/model.onnx_data": {"size": 1 << 40, "lfs": {"sha256": "0" * 64, "size": 1 << 40}}
        }
    with pytest.raises(OutputFailed, match="bytes are to be pulled, and the disk has"):
        pull()
    assert "onnx/model.onnx_data" not in fake.paths


def test_two_states_of_a_repository_do_not_share_a_folder(pull, fake):
    first, _ = pull()
    fake.commit = OTHER
    fake.files["config.json"] = b'{"model_type": "vit"}'
    second, _ = pull()
    assert first.folder != second.folder
    assert (second.folder / "config.json").read_bytes() == fake.files["config.json"]
