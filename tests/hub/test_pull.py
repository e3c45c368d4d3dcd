"""Pulling a model: what is needed comes whole, what fails is said, and nothing half-written stands for it."""

import hashlib
import json
import os
import shutil
from dataclasses import replace

import pytest
from onnx import helper

from featx.catalog.transfer import Tries
from featx.errors import (
    BadGraph,
    BadOption,
    DownloadFailed,
    FeatxWarning,
    OutputFailed,
    WrongDigest,
)
from featx.hub.client import Hub
from featx.storage.dirs import cache_dir
from tests.support.external_nets import tensor_at
from tests.support.hub_server import COMMIT, OTHER, FakeHub, serving_endless, serving_store
from tests.support.nets import FLOAT

TAKEN = [
    "config.json",
    "onnx/model.onnx",
    "onnx/model.onnx_data",
    "preprocessor_config.json",
]


def names_in(folder):
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


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
    assert lines == [f"{pulled.address}: licence MIT (cardData and tags)"]
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
    with pytest.raises(BadOption, match=r"has no graph other\.onnx; it has onnx/model\.onnx"):
        pull("hf:someone/model:other.onnx")


def test_several_graphs_of_which_none_is_usual_are_listed(pull, fake):
    fake.files = {"a.onnx": b"", "b.onnx": b""}
    with pytest.raises(BadOption, match=r"name one after a colon: a\.onnx, b\.onnx"):
        pull()
    fake.files = {"model.safetensors": b""}
    with pytest.raises(BadOption, match="has no ONNX graph"):
        pull()


def test_a_dense_layer_after_the_graph_comes_with_it(pull, fake):
    modules = [
        {"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "path": "2_Dense", "type": "sentence_transformers.models.Dense"},
    ]
    fake.files |= {
        "modules.json": json.dumps(modules).encode(),
        "1_Pooling/config.json": b"{}",
        "2_Dense/config.json": b"{}",
        "2_Dense/model.safetensors": b"dense",
        "2_Dense/pytorch_model.bin": b"not wanted",
        "vocab.txt": b"[PAD]\n",
    }
    pulled, _ = pull()
    assert set(names_in(pulled.folder)) - set(TAKEN) == {
        "modules.json",
        "1_Pooling/config.json",
        "2_Dense/config.json",
        "2_Dense/model.safetensors",
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
    ("token", "status", "words"),
    [
        (None, 401, "set HF_TOKEN to one that may read it"),
        ("hf_wrong", 403, "accept its conditions at .* with the account that HF_TOKEN is of"),
    ],
)
def test_a_gated_repository_is_said_to_be_one(pull, fake, hub, token, status, words):
    fake.token = "hf_right"
    with pytest.raises(DownloadFailed, match=f"answered {status}.*{words}") as refusal:
        pull(hub=replace(hub, token=token))
    assert "hf_" not in str(refusal.value)
    pulled, _ = pull(hub=replace(hub, token="hf_right"))
    assert names_in(pulled.folder) == TAKEN


def test_a_file_that_is_gated_though_its_list_is_not_is_said_to_be_so(pull, fake):
    fake.status["onnx/model.onnx"] = 401
    with pytest.raises(
        DownloadFailed, match=r"onnx/model\.onnx: the server answered 401.*HF_TOKEN"
    ):
        pull()


def test_a_repository_or_file_that_is_not_there_is_said_to_be_missing(pull, fake):
    with pytest.raises(DownloadFailed, match="answered 404 .*; see what there is at"):
        pull("hf:someone/else")
    with pytest.raises(DownloadFailed, match="answered 404"):
        pull("hf:someone/model@no-such-branch")
    fake.status["config.json"] = 404
    with pytest.raises(DownloadFailed, match=r"config\.json: the server answered 404"):
        pull()


def test_a_repository_that_was_renamed_is_pulled_under_its_new_name(pull, fake):
    fake.renamed_from = ("old/name",)
    with pytest.warns(FeatxWarning, match="is called someone/model now"):
        pulled, _ = pull("hf:old/name")
    assert pulled.address.repository == "someone/model"
    assert names_in(pulled.folder) == TAKEN


def test_a_renamed_repository_that_is_gated_still_gets_the_token(pull, fake, hub):
    fake.renamed_from, fake.token = ("old/name",), "hf_right"
    with pytest.warns(FeatxWarning, match="is called"):
        pulled, _ = pull("hf:old/name", hub=replace(hub, token="hf_right"))
    assert names_in(pulled.folder) == TAKEN


def test_a_token_is_sent_to_no_other_host(pull, fake, hub):
    fake.token = "hf_right"
    with serving_store(fake) as seen:
        pulled, lines = pull(hub=replace(hub, token="hf_right"))
    assert seen == [None, None]
    assert names_in(pulled.folder) == TAKEN
    assert {token for _, token in fake.tokens} == {"Bearer hf_right"}
    assert "hf_right" not in repr(hub) + repr(pulled) + str(lines)


def test_a_server_that_fails_for_a_moment_is_asked_again(pull, fake):
    fake.status["api"] = 503
    with pytest.raises(DownloadFailed, match="answered 503"):
        pull()
    assert len(fake.asked) == 3


def test_a_server_that_says_nothing_is_given_up(pull, fake, hub):
    fake.wait = 1.0
    with pytest.raises(DownloadFailed, match="timed out"):
        pull(hub=replace(hub, tries=Tries(timeout=0.05, tries=2, pause=0.01)))
    fake.wait = 0


def test_an_answer_that_trickles_is_given_up(pull, fake, hub):
    fake.trickle = True
    with pytest.raises(DownloadFailed, match=r"takes more than 0\.2 seconds"):
        pull(hub=replace(hub, tries=Tries(timeout=0.2, tries=1, pause=0.01)))


def test_an_answer_without_end_is_cut_off(pull, hub):
    with (
        serving_endless() as address,
        pytest.raises(DownloadFailed, match="more than the expected"),
    ):
        pull(hub=replace(hub, endpoint=address))


def test_there_is_nobody(pull, hub):
    with pytest.raises(DownloadFailed, match=r"127\.0\.0\.1:9/api/models"):
        pull(hub=replace(hub, endpoint="http://127.0.0.1:9"))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 5000, "deeper than"),
        (b'{"sha": 1, "sha": 2}', "not JSON"),
        (b"[]", "expected a table, found list"),
        (b"{}", "expected a commit"),
        (b'{"sha": "main"}', "expected a commit"),
        (b'{"sha": "%s"}' % COMMIT.encode(), "expected a list"),
        (b'{"sha": "%s", "siblings": {}}' % COMMIT.encode(), "expected a list"),
        (b'{"sha": "%s", "siblings": [3]}' % COMMIT.encode(), "expected a name"),
        (b'{"sha": "%s", "siblings": [{"rfilename": 1}]}' % COMMIT.encode(), "expected a name"),
        (
            b'{"sha": "%s", "siblings": [{"rfilename": "a"}, {"rfilename": "a"}]}'
            % COMMIT.encode(),
            "each once",
        ),
        (b'{"sha": "%s", "siblings": [], "id": "../x"}' % COMMIT.encode(), "OWNER/NAME"),
        (b'{"sha": "%s", "siblings": [], "id": 5}' % COMMIT.encode(), "OWNER/NAME"),
    ],
)
def test_an_answer_that_is_none_of_a_hub_is_refused_in_words(pull, fake, answer, words):
    fake.answer = answer
    with pytest.raises(DownloadFailed, match=words) as refusal:
        pull()
    assert "\n" not in str(refusal.value)
    assert not cache_dir().exists()


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


def test_offline_nothing_is_asked(pull, fake, hub):
    with pytest.raises(DownloadFailed, match="HF_HUB_OFFLINE is set"):
        pull(hub=replace(hub, offline=True))
    assert fake.asked == []


def test_what_the_environment_says_is_what_is_asked(monkeypatch, fake):
    monkeypatch.setenv("HF_ENDPOINT", f"{fake.address}/")
    monkeypatch.setenv("HF_TOKEN", " hf_one\n")
    monkeypatch.setenv("HF_HUB_OFFLINE", "TRUE")
    assert Hub.from_environment(os.environ) == Hub(fake.address, "hf_one", True)


@pytest.mark.parametrize(
    "endpoint",
    ["ftp://x", "huggingface.co", "https://", "https://me:secret@x", "https://x?y", "http://x:y"],
)
def test_an_endpoint_that_is_no_server_is_refused_without_showing_it(endpoint):
    with pytest.raises(BadOption, match="HF_ENDPOINT: expected the address of a hub") as refusal:
        Hub(endpoint)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("token", ["a b", "a\nHost: evil", "é", "x" * 600])
def test_a_token_that_cannot_be_one_is_refused_without_showing_it(token):
    with pytest.raises(BadOption, match="characters that no token has") as refusal:
        Hub(token=token)
    assert token not in str(refusal.value)


def test_a_token_does_not_go_over_an_open_line():
    with pytest.raises(BadOption, match="is not encrypted") as refusal:
        Hub("http://mirror.example", token="hf_one")
    assert "hf_one" not in str(refusal.value)
    assert Hub("http://mirror.example").token is None


@pytest.mark.parametrize(
    ("says", "readme", "label", "words"),
    [
        ({"cardData": {"license": "mit"}}, b"", "MIT", None),
        ({"tags": ["onnx", "license:apache-2.0"]}, b"", "Apache-2.0", None),
        ({}, b"---\nlicense: bsd-3-clause\n---\n", "BSD-3-Clause", None),
        ({"tags": ["license:cc-by-nc-4.0"]}, b"", "cc-by-nc-4.0", "its licence is cc-by-nc-4.0"),
        (
            {"cardData": {"license": "other", "license_name": "dinov3-license"}},
            b"",
            "dinov3-license",
            "its licence is dinov3-license",
        ),
        ({"tags": ["license:mit"], "cardData": {"license": "cc-by-nc-4.0"}}, b"", None, "and MIT"),
        ({}, b"# no front matter", "unknown", "its licence is not stated"),
        ({"cardData": {"license": ["mit", "apache-2.0"]}}, b"", "MIT and Apache-2.0", None),
    ],
)
def test_a_licence_is_read_and_one_that_is_not_free_is_to_be_accepted(
    pull, fake, says, readme, label, words
):
    fake.says, fake.files["README.md"] = says, readme
    if words:
        with pytest.raises(BadOption, match=words) as refusal:
            pull()
        assert "accept_licence=True" in str(refusal.value)
        assert "onnx/model.onnx" not in fake.paths
    pulled, lines = pull(accept_licence=True)
    assert label in (None, pulled.licence.label)
    assert pulled.licence.label in lines[0]


def test_a_licence_that_the_table_knows_stands_in_for_one_that_is_not_stated(pull, fake):
    fake.says, fake.files["README.md"] = {}, b""
    pulled, lines = pull(stated="MIT")
    assert pulled.licence.label == "MIT"
    assert "the repository states none" in lines[0]
    fake.says = {"tags": ["license:cc-by-nc-4.0"]}
    with pytest.raises(BadOption, match="cc-by-nc"):
        pull(stated="MIT")


def test_two_states_of_a_repository_do_not_share_a_folder(pull, fake):
    first, _ = pull()
    fake.commit = OTHER
    fake.files["config.json"] = b'{"model_type": "vit"}'
    second, _ = pull()
    assert first.folder != second.folder
    assert (second.folder / "config.json").read_bytes() == fake.files["config.json"]


def test_the_fake_hub_names_objects_as_git_does():
    # from git's own documentation of hash-object: the empty blob
    fake = FakeHub({"a": b""})
    assert fake.listing()["siblings"][0]["blobId"] == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
