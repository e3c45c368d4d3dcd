"""A backbone whose weights lie beside its graph is one like any other: its rows are the same to the bit."""

import shutil
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from onnx import helper, numpy_helper

import featx
from featx.backbones.backbone import Backbone
from featx.backbones.importing import import_model
from featx.backbones.session import open_session
from featx.catalog import digest, get_card, names_beside, user_directory
from featx.errors import BadArtifact, BadGraph, MissingWeights, WrongDigest
from featx.export import export
from featx.optimize import optimize
from featx.persistence.artifact import bundle
from featx.storage.blob import Blob
from tests.support.external_nets import save_split, tensor_at
from tests.support.nets import FLOAT, save, save_torch_net
from tests.support.optimize_nets import NEAR, pictures

OPTIONS = {"resize": (24, 24)}
FORMS = ["one", "split", "pieces"]


@pytest.fixture(autouse=True)
def directory(own_directory):
    """What is added lands in a model directory of the test's own."""


@pytest.fixture
def graphs(tmp_path):
    """A classifier as PyTorch exports it: in one file, with its weights beside it, and with each in a file."""
    one = save_torch_net(tmp_path / "one.onnx")
    split = save_split(one, tmp_path / "split" / "model.onnx", "data/model.onnx.data")
    pieces = save_split(one, tmp_path / "pieces" / "model.onnx", each=True)
    return {"one": one, "split": split, "pieces": pieces}


@pytest.fixture
def add(graphs):
    def add(form, tap="embedding"):
        return import_model(graphs[form], name=form, like="torch", options=OPTIONS, tap=tap)

    return add


def fitted(card):
    images = pictures(24)
    labels = ["dark" if image.mean() < 127 else "light" for image in images]
    return featx.fit(images, labels, backbone=card.name, head="centroid")


def test_a_card_lists_each_file_with_its_digest_and_size(add, graphs):
    card = add("split")
    source = graphs["split"].parent / "data" / "model.onnx.data"
    [file] = card.files
    assert (file.name, file.sha256, file.size) == (
        "data/model.onnx.data",
        digest(source),
        source.stat().st_size,
    )
    assert get_card("split") == card
    assert {file.name for file in add("pieces").files} == {"a", "b", "head"}


@pytest.mark.parametrize("tap", ["logits", "embedding", "penultimate", "last-map", "b1"])
def test_rows_are_the_same_to_the_bit_at_each_tap(add, tap):
    rows = [Backbone(add(form, tap)).embed(pictures(4)) for form in FORMS]
    for other in rows[1:]:
        np.testing.assert_array_equal(rows[0], other)
    # from the cut that was kept, too
    np.testing.assert_array_equal(Backbone("split").embed(pictures(4)), rows[0])
    np.testing.assert_array_equal(featx.FeatureExtractor("split").transform(pictures(4)), rows[0])


@pytest.mark.slow
def test_a_classifier_answers_the_same_fitted_saved_bundled_and_exported(
    add, tmp_path, monkeypatch
):
    images, answers, exported = pictures(6, seed=1), {}, {}
    bundles = {}
    for form in FORMS:
        classifier = fitted(add(form))
        answers[form] = classifier.predict_proba(images)
        saved = featx.save(classifier, tmp_path / f"{form}.featx")
        np.testing.assert_array_equal(featx.load(saved).predict_proba(images), answers[form])
        bundles[form] = [
            bundle(saved, tmp_path / f"{form}-bundled.featx"),
            bundle(saved, tmp_path / f"{form}-bundled.featx.zip"),
        ]
        export(classifier, tmp_path / f"exported {form}.onnx")
        session = onnxruntime.InferenceSession(tmp_path / f"exported {form}.onnx")
        exported[form] = session.run(["probabilities"], {"image": np.stack(images)})[0]
    np.testing.assert_array_equal(answers["one"], answers["split"])
    np.testing.assert_array_equal(answers["one"], answers["pieces"])
    np.testing.assert_array_equal(exported["one"], exported["split"])
    shutil.rmtree(user_directory())
    monkeypatch.setenv("FEATX_CACHE_DIR", str(tmp_path / "another cache"))
    for form in FORMS:
        for path in bundles[form]:
            np.testing.assert_array_equal(featx.load(path).predict_proba(images), answers["one"])


def test_a_bundle_in_one_file_is_cut_at_other_taps_as_well(add, tmp_path):
    answers = []
    for form in ("one", "split"):
        path = featx.save(fitted(add(form, "b1")), tmp_path / f"{form}.featx.zip", bundle=True)
        shutil.rmtree(user_directory())
        answers.append(featx.load(path).predict_proba(pictures(4)))
        export(featx.load(path), tmp_path / f"exported {form}.onnx")
    np.testing.assert_array_equal(*answers)


def test_a_bundle_whose_weights_were_changed_is_refused(add, tmp_path):
    path = featx.save(fitted(add("split")), tmp_path / "x.featx", bundle=True)
    weights = path / "backbone" / "data" / "model.onnx.data"
    data = weights.read_bytes()
    weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(BadArtifact, match="was changed since it was saved"):
        featx.load(path)
    weights.unlink()
    with pytest.raises(BadArtifact):
        featx.load(path)


def test_an_optimised_backbone_holds_its_weights_itself(add):
    children = {}
    for form in ("one", "split"):
        children[form] = optimize(add(form), pictures(12), NEAR)
    rows = {form: Backbone(child).embed(pictures(4, seed=2)) for form, child in children.items()}
    np.testing.assert_array_equal(rows["one"], rows["split"])
    assert children["split"].files == ()
    assert children["split"].path.with_name("backbone.onnx").is_file()
    sizes = [children[form].optimized.size for form in ("one", "split")]
    assert abs(sizes[0] - sizes[1]) < 0.2


def test_weights_in_halves_are_made_of_weights_beside_a_graph(add):
    config = replace(NEAR, weights="fp16")
    child = optimize(add("split"), pictures(12), config)
    alike = optimize(add("one"), pictures(12), config)
    np.testing.assert_array_equal(*(Backbone(c).embed(pictures(3)) for c in (child, alike)))


def test_a_changed_byte_of_the_weights_is_found_when_the_backbone_is_opened(add):
    card = add("split")
    path = card.path.parent / "data" / "model.onnx.data"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(WrongDigest, match=r"model\.onnx\.data"):
        Backbone("split")
    path.unlink()
    with pytest.raises(MissingWeights, match=r"model\.onnx\.data is not on this machine"):
        Backbone("split")


def test_right_weights_in_another_folder_do_not_stand_for_wrong_ones_beside_the_graph(
    add, tmp_path, monkeypatch
):
    card = add("split")
    shutil.copytree(card.path.parent, tmp_path / "shelf" / "split")
    monkeypatch.setenv("FEATX_MODELS", str(tmp_path / "shelf"))
    path = tmp_path / "shelf" / "split" / "data" / "model.onnx.data"
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(MissingWeights, match="put both themselves into one folder"):
        Backbone("split")


def test_a_link_in_place_of_the_weights_is_refused_when_added_and_when_opened(
    add, graphs, tmp_path
):
    card = add("split")
    for path in (card.path.parent, graphs["split"].parent):
        weights = path / "data" / "model.onnx.data"
        weights.rename(tmp_path / f"moved {path.name}")
        weights.symlink_to(tmp_path / f"moved {path.name}")
    with pytest.raises(MissingWeights, match="behind a symbolic link"):
        Backbone("split")
    with pytest.raises(BadGraph, match="symbolic link"):
        import_model(graphs["split"], name="again", like="torch", options=OPTIONS, tap="logits")
    assert not (user_directory() / "again").exists()


def test_a_graph_without_its_weights_is_refused_and_nothing_is_left(graphs):
    (graphs["split"].parent / "data" / "model.onnx.data").unlink()
    with pytest.raises(BadGraph, match=r"split.model\.onnx: external data .* file not found"):
        import_model(graphs["split"], name="x", like="torch", options=OPTIONS, tap="logits")
    assert not user_directory().exists()


def test_a_card_names_files_from_its_own_folder_and_a_graph_from_its_own(
    add, tmp_path, monkeypatch
):
    card, folder = add("split"), tmp_path / "shelf" / "deep"
    shutil.copytree(card.path.parent, folder / "onnx")
    moved = replace(
        card,
        name="deep",
        graph=replace(card.graph, name="onnx/backbone.onnx"),
        files=tuple(replace(file, name=f"onnx/{file.name}") for file in card.files),
    )
    (folder / "card.toml").write_text(moved.to_toml(), encoding="utf-8")
    monkeypatch.setenv("FEATX_MODELS", str(tmp_path / "shelf"))
    assert dict(names_beside(moved)) == {"data/model.onnx.data": "onnx/data/model.onnx.data"}
    np.testing.assert_array_equal(
        Backbone("deep").embed(pictures(2)), Backbone("split").embed(pictures(2))
    )


def test_shapes_that_lie_beside_a_graph_are_no_hindrance(tmp_path):
    """ONNX Runtime refuses to load such a graph as it is: exporters that move every tensor write them."""
    axes = numpy_helper.from_array(np.array([2]), "axes")
    nodes = [
        helper.make_node("ReduceMax", ["image"], ["most"], axes=[2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["most", "axes"], ["column"]),
        helper.make_node("Flatten", ["column"], ["row"]),
    ]
    ends = [("image", FLOAT, ["N", 3, 8, 8])], [("row", FLOAT, ["N", 3])]
    one = save(tmp_path / "one.onnx", nodes, *ends, [axes])
    split = save_split(one, tmp_path / "split" / "model.onnx")
    with pytest.raises(BadGraph, match="Cannot parse data from external tensors"):
        open_session(Blob.of_path(split), split)
    options = {"resize": (8, 8), "layout": "NCHW"}
    rows = []
    for name, path in (("one", one), ("split", split)):
        import_model(path, name=name, like="torch", options=options)
        rows.append(Backbone(name).embed(pictures(2)))
    np.testing.assert_array_equal(*rows)


@pytest.mark.slow
def test_a_graph_of_more_than_2_gb_of_weights_runs_cut_and_whole(tmp_path):
    """Weights of zeros but for a corner, in a file with holes: its digest takes some seconds."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["three"]),
        helper.make_node("MatMul", ["three", "wide"], ["row"]),
        helper.make_node("MatMul", ["row", "tall"], ["end"]),
    ]
    n = 3 << 16
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("image", FLOAT, ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("end", FLOAT, ["N", 3072])],
        [
            tensor_at("w.bin", (3, n), name="wide"),
            tensor_at("w.bin", (n, 3072), name="tall", offset=12 * n),
        ],
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(helper.make_model(graph, ir_version=8).SerializeToString())
    with (tmp_path / "w.bin").open("wb") as file:
        file.write(np.eye(3, n, dtype=np.float32).tobytes())
        file.write(np.eye(4, 3072, dtype=np.float32).tobytes())
        file.truncate(12 * n + n * 3072 * 4)
    options = {"resize": (8, 8), "layout": "NCHW"}
    card = import_model(path, name="big", like="torch", options=options, tap="end")
    assert card.files[0].size > 1 << 31
    [row] = Backbone("big").embed(pictures(1))
    assert row.shape == (3072,)
    assert (row[:3] != 0).all()
    assert not row[3:].any()
    [narrow] = Backbone("big", tap="row").embed(pictures(1))
    np.testing.assert_array_equal(narrow[:3], row[:3])
    # pytest keeps folders, and here the copy has no holes
    shutil.rmtree(user_directory())
