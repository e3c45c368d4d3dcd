"""Damaged and hostile cards, classifiers, graphs and tables of rows: refused in words, and no code is run."""

import hashlib
import io
import json
import os
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

import featx
from featx.catalog import Card, get_card
from featx.errors import FeatxError
from featx.graphs import cut_graph, external_data, taps
from featx.heads import TemperatureScaling, TrainedHead, make_head
from featx.persistence.metadata import seal
from featx.predictor import Classifier
from featx.tables import read_rows
from tests.support.fuzz import BOUNDED, altered, damage, watched
from tests.support.hostile_predictors import nodes_of
from tests.support.nets import save_keras_net


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A classifier whose head is small, as a folder and as one file with its backbone."""
    root = tmp_path_factory.mktemp("saved")
    rows = np.random.default_rng(0).normal(size=(12, 384)).astype(np.float32)
    head = TrainedHead.from_estimator(
        "ridge", make_head("ridge").fit(rows, ["a", "b", "c"] * 4), TemperatureScaling(0.5)
    )
    classifier = Classifier.from_card(get_card("featx-image-nano"), head)
    featx.save(classifier, root / "x.featx")
    featx.save(classifier, root / "x.zip", bundle=True)
    return root


def load(path):
    """A classifier that answers, or None where featx refuses; what else happens is a failure."""
    with watched() as seen:
        try:
            loaded = featx.load(path)
            loaded.head.predict_proba(np.zeros((1, 384), np.float32))
        except FeatxError:
            loaded = None
    assert seen.ran == []
    assert seen.outside(path.parent, os.environ["FEATX_CACHE_DIR"]) == []
    return loaded


CARD = get_card("featx-text-nano").to_toml()
TABLES = [tomllib.loads(get_card(name).to_toml()) for name in featx.modalities.DEFAULTS.values()]


@BOUNDED
@given(data=st.data())
def test_a_damaged_card_is_read_or_refused(data):
    try:
        text = data.draw(damage(CARD.encode())).decode("utf-8", "replace")
        card = Card.from_toml(text)
    except FeatxError:
        return
    assert Card.from_toml(card.to_toml()).fingerprint == card.fingerprint


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table["modality"])
@BOUNDED
@given(data=st.data())
def test_a_card_of_any_values_is_read_or_refused(table, data, tmp_path_factory):
    changed = data.draw(altered(table))
    try:
        text = tomli_w.dumps(changed) if isinstance(changed, dict) else "= 1"
    except (TypeError, AttributeError, ValueError):  # what TOML cannot say
        return
    try:
        card = Card.from_toml(text)
    except FeatxError:
        return
    assert Card.from_toml(card.to_toml()) == replace(card, path=None)
    for name in (card.graph.name, *(file.name for file in card.files)):
        assert not Path(name).is_absolute()
        assert ".." not in Path(name).parts


@BOUNDED
@given(data=st.data(), name=st.sampled_from(["manifest.json", "head.skops"]))
def test_a_damaged_folder_is_read_or_refused(data, name, saved, tmp_path_factory):
    whole = {each.name: each.read_bytes() for each in (saved / "x.featx").iterdir()}
    folder = tmp_path_factory.getbasetemp() / "damaged.featx"
    folder.mkdir(exist_ok=True)
    for each, content in whole.items():
        (folder / each).write_bytes(content)
    (folder / name).write_bytes(data.draw(damage(whole[name])))
    changed = (folder / name).read_bytes() != whole[name]
    assert (load(folder) is None) == changed


@BOUNDED
@given(data=st.data())
def test_a_damaged_zip_is_read_or_refused(data, saved, tmp_path_factory):
    whole = (saved / "x.zip").read_bytes()
    ends = {"head": whole[:9000], "tail": whole[-9000:]}  # the weights between are as any bytes
    which = data.draw(st.sampled_from(sorted(ends)))
    made = data.draw(damage(ends[which]))
    path = tmp_path_factory.getbasetemp() / "damaged.zip"
    path.write_bytes(made + whole[9000:] if which == "head" else whole[:-9000] + made)
    loaded = load(path)
    if loaded is not None:
        assert loaded.classes == ("a", "b", "c")


def resealed(folder, manifest, head=None):
    """A classifier by someone who mends every digest."""
    files = {"head.skops": head} if head is not None else {}
    for name, content in files.items():
        (folder / name).write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        manifest = {**manifest, "files": {name: {"sha256": sha256, "size": len(content)}}}
    (folder / "manifest.json").write_bytes(seal(manifest))


@pytest.fixture(scope="module")
def open_folder(saved, tmp_path_factory):
    """A classifier's folder to change, its manifest and its head."""
    folder = tmp_path_factory.getbasetemp() / "resealed.featx"
    folder.mkdir(exist_ok=True)
    manifest = json.loads((saved / "x.featx" / "manifest.json").read_bytes())
    del manifest["digest"]
    head = (saved / "x.featx" / "head.skops").read_bytes()
    resealed(folder, manifest, head)
    return folder, manifest, head


@BOUNDED
@given(data=st.data())
def test_a_manifest_of_any_values_is_read_or_refused(data, open_folder):
    folder, manifest, _ = open_folder
    changed = data.draw(altered(manifest))
    try:
        resealed(folder, changed if isinstance(changed, dict) else {})
    except (UnicodeEncodeError, ValueError):
        return
    load(folder)


def skops_parts(head):
    with zipfile.ZipFile(io.BytesIO(head)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def skops_bytes(parts):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return held.getvalue()


HOSTILE = st.fixed_dictionaries(
    {
        "__module__": st.sampled_from(["os", "posix", "builtins", "subprocess", "sklearn.utils"]),
        "__class__": st.sampled_from(["system", "eval", "exec", "Popen", "open", "no such"]),
        "__loader__": st.sampled_from(
            ["FunctionNode", "TypeNode", "ObjectNode", "ReduceNode", "PartialNode", "MethodNode"]
        ),
    }
)


@BOUNDED
@given(data=st.data(), hostile=HOSTILE, count=st.integers(0, 40))
def test_a_head_with_a_hostile_type_is_refused_and_not_run(data, hostile, count, open_folder):
    folder, manifest, head = open_folder
    parts = skops_parts(head)
    schema = json.loads(parts["schema.json"])
    nodes = list(nodes_of(schema))
    chosen = nodes[count % len(nodes)]
    chosen.update(hostile, content=data.draw(st.sampled_from(["touch pwned", {}, [], chosen])))
    try:
        parts["schema.json"] = json.dumps(schema).encode()
    except ValueError:  # a node inside itself
        return
    resealed(folder, manifest, skops_bytes(parts))
    load(folder)
    assert not Path("pwned").exists()


@BOUNDED
@given(data=st.data())
def test_a_schema_of_any_values_is_read_or_refused(data, open_folder):
    folder, manifest, head = open_folder
    parts = skops_parts(head)
    changed = data.draw(altered(json.loads(parts["schema.json"])))
    parts["schema.json"] = json.dumps(changed).encode()
    name = data.draw(st.sampled_from(sorted(parts)))
    if name != "schema.json" and data.draw(st.booleans()):
        parts[name] = data.draw(damage(parts[name]))
    resealed(folder, manifest, skops_bytes(parts))
    load(folder)


class Bomb:
    """What a pickle can do."""

    def __reduce__(self):
        return os.system, ("touch pwned",)


def test_a_pickle_in_place_of_a_head_or_an_array_is_not_read(open_folder, monkeypatch, tmp_path):
    import pickle

    monkeypatch.chdir(tmp_path)
    folder, manifest, head = open_folder
    parts = skops_parts(head)
    held = io.BytesIO()
    np.save(held, np.array([Bomb()], object), allow_pickle=True)
    arrays = [name for name in parts if name.endswith(".npy")]
    for bad in (
        pickle.dumps(Bomb()),
        skops_bytes({**parts, arrays[0]: held.getvalue()}),
        skops_bytes({**parts, arrays[0]: pickle.dumps(Bomb())}),
    ):
        resealed(folder, manifest, bad)
        assert load(folder) is None
    np.savez(tmp_path / "rows.npz", embeddings=np.array([Bomb()], object), ids=np.array(["a"]))
    with watched() as seen, pytest.raises(FeatxError):
        read_rows(tmp_path / "rows.npz")
    assert seen.ran == []
    assert not (tmp_path / "pwned").exists()


NAMES = ["../secret", "/etc/passwd", "a/../../secret", "C:secret", "a\\..\\secret", "."]


@pytest.mark.parametrize("name", NAMES)
def test_a_card_that_names_a_file_outside_is_refused(name):
    table = {**TABLES[0], "graph": {**TABLES[0]["graph"], "file": name}}
    with pytest.raises(FeatxError, match="file"):
        Card.from_toml(tomli_w.dumps(table))


@BOUNDED
@given(data=st.data())
def test_a_damaged_graph_is_read_or_refused(data, tmp_path_factory):
    whole = save_keras_net(tmp_path_factory.getbasetemp() / "whole.onnx").read_bytes()
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    path.write_bytes(data.draw(damage(whole)))
    for look in (taps, cut_graph, lambda place: external_data(place.read_bytes())):
        try:
            look(path)
        except FeatxError:
            continue
