"""A classifier that brings its backbone: portable, proven, whole or not at all."""

import json
import os
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import helper

import featx
from featx.backbones.backbone import open_backbone
from featx.catalog import digest, get_card
from featx.cli import main
from featx.errors import BadArtifact, FeatxError, OutputFailed
from featx.graphs import external_data
from featx.persistence.artifact import bundle
from featx.persistence.metadata import read_metadata
from featx.predictor import Classifier
from featx.training import fit_head
from featx.tuning import HeadConfig
from tests.support.files import reseal
from tests.support.goods import draw_goods
from tests.support.nets import FLOAT, save, weights

KINDS = ["mine.featx", "mine.featx.zip"]


@pytest.fixture
def pictures(rng):
    return [rng.integers(0, 256, (40, 50, 3), dtype=np.uint8) for _ in range(4)]


@pytest.fixture
def strange(tmp_path, monkeypatch, rng):
    """A classifier whose backbone lies on a shelf that is gone once the fixture has been used."""
    shelf = tmp_path / "shelf"
    folder = shelf / "nobody-knows-it"
    folder.mkdir(parents=True)
    nano = get_card("featx-image-nano")
    graph = (nano.path.parent / "backbone.onnx").read_bytes()
    (folder / "backbone.onnx").write_bytes(graph)
    card = replace(nano, name="nobody-knows-it")
    (folder / "card.toml").write_text(card.to_toml(), encoding="utf-8")
    monkeypatch.setenv("FEATX_MODELS", str(shelf))
    rows = rng.normal(size=(20, 384)).astype(np.float32)
    head = fit_head(rows, ["a", "b"] * 10, HeadConfig("centroid")).head
    return Classifier.from_card(get_card("nobody-knows-it"), head)


def leave(monkeypatch, tmp_path):
    """Another machine: no shelf has the backbone, no cache remembers it."""
    (tmp_path / "shelf").rename(tmp_path / "elsewhere")
    for name in ("FEATX_MODELS", "FEATX_DATA_DIR", "FEATX_CACHE_DIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    open_backbone.cache_clear()


@pytest.mark.parametrize("name", KINDS)
def test_a_bundle_answers_alike_where_no_shelf_knows_its_backbone(
    name, strange, pictures, tmp_path, monkeypatch
):
    expected = strange.predict_proba(pictures)
    path = featx.save(strange, tmp_path / name, bundle=True)
    leave(monkeypatch, tmp_path)
    moved = path.rename(tmp_path / f"moved.{name}")
    np.testing.assert_array_equal(featx.load(moved).predict_proba(pictures), expected)
    with pytest.raises(FeatxError, match="no backbone named"):
        get_card("nobody-knows-it")


def test_without_the_bundle_the_backbone_is_missed_by_name(
    strange, pictures, tmp_path, monkeypatch
):
    path = featx.save(strange, tmp_path / "x.featx")
    leave(monkeypatch, tmp_path)
    with pytest.raises(featx.FeatxError, match=r"nobody-knows-it: backbone\.onnx is not on"):
        featx.load(path).predict(pictures)


@pytest.mark.parametrize("name", KINDS)
def test_every_byte_of_a_bundle_is_verified_on_load(name, strange, tmp_path):
    path = featx.save(strange, tmp_path / name, bundle=True)
    place = path / "backbone" / "backbone.onnx" if path.is_dir() else path
    whole = place.read_bytes()
    status = place.stat()
    for at in range(len(whole) // 20, len(whole), len(whole) // 10):
        place.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
        with pytest.raises(BadArtifact):
            featx.load(path)
    place.write_bytes(whole)
    featx.load(path)


def test_a_bundled_folder_has_the_usual_format_with_relative_names_only(strange, tmp_path):
    manifest = read_metadata(featx.save(strange, tmp_path / "x.featx", bundle=True))
    assert manifest.format == 2
    assert sorted(manifest.files) == ["backbone/backbone.onnx", "head.npz", "head.skops"]
    assert str(tmp_path) not in json.dumps(manifest.manifest)


def test_the_same_classifier_gives_the_same_archive_and_nothing_in_it_is_compressed(
    strange, tmp_path
):
    path = featx.save(strange, tmp_path / "x.featx")
    one, two = (bundle(path, tmp_path / f"{k}.zip") for k in (1, 2))
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())


def test_a_saved_classifier_is_bundled_in_place_or_as_one_file(
    strange, pictures, tmp_path, monkeypatch
):
    path = featx.save(strange, tmp_path / "x.featx")
    words = ["bundle", str(path), "-o", str(tmp_path / "x.featx.zip")]
    made = CliRunner().invoke(main, words)
    assert made.exit_code == 0, made.output
    assert bundle(path) == path
    expected = strange.predict_proba(pictures)
    leave(monkeypatch, tmp_path)
    for each in (path, tmp_path / "x.featx.zip"):
        np.testing.assert_array_equal(featx.load(each).predict_proba(pictures), expected)
    again = bundle(tmp_path / "x.featx.zip", tmp_path / "again.featx")
    assert read_metadata(again) == read_metadata(path)


def test_fit_bundles_when_asked(photos, tmp_path):
    output = tmp_path / "x.featx.zip"
    words = ["fit", str(photos), "-o", str(output), "--head", "centroid", "--bundle"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert "KiB with its backbone" in CliRunner().invoke(main, ["inspect", str(output)]).output
    assert set(featx.load(output).predict(list(photos.glob("dark/*")))) == {"dark"}


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "C:out", "a\\..\\out"])
def test_an_archive_with_a_name_that_leads_out_is_refused(name, strange, tmp_path):
    path = featx.save(strange, tmp_path / "x.zip", bundle=True)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"")
    with pytest.raises(BadArtifact, match="expected plain files of relative names"):
        featx.load(path)


def test_a_compressed_member_a_link_and_a_second_of_a_name_are_refused(strange, tmp_path):
    path = featx.save(strange, tmp_path / "x.zip", bundle=True)
    whole = path.read_bytes()
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(1 << 20))
    with pytest.raises(BadArtifact, match="bomb is compressed"):
        featx.load(path)
    path.write_bytes(whole)
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(BadArtifact, match="'link': expected plain files"):
        featx.load(path)
    path.write_bytes(whole)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("head.skops", b"other")
    with pytest.raises(BadArtifact, match="each once"):
        featx.load(path)


@pytest.mark.parametrize("name", ["backbone/backbone.onnx", "backbone", "head.skops"])
def test_a_symbolic_link_in_a_folder_is_refused(name, strange, tmp_path):
    path = featx.save(strange, tmp_path / "x.featx", bundle=True)
    aside = tmp_path / "aside"
    (path / name).rename(aside)
    (path / name).symlink_to(aside)
    with pytest.raises(BadArtifact, match="is a symbolic link"):
        featx.load(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_graph_with_weights_outside_its_bundle_is_refused(kind, tmp_path, monkeypatch, rng):
    """Sealed by someone who mends every digest, card and fingerprint included."""
    folder = tmp_path / "shelf" / "outside"
    folder.mkdir(parents=True)
    node = helper.make_node("Gemm", ["x", "w"], ["embedding"])
    path = save(
        folder / "backbone.onnx",
        [helper.make_node("Flatten", ["image"], ["x"]), node],
        [("image", FLOAT, ["N", 3, 8, 8])],
        [("embedding", FLOAT, ["N", 5])],
        [weights("w", 192, 5)],
    )
    model = onnx.load(path)
    (tmp_path / "secret").write_bytes(model.graph.initializer[0].raw_data)
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "../../secret")
    model.graph.initializer[0].ClearField("raw_data")
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    path.write_bytes(model.SerializeToString())
    assert external_data(path.read_bytes()) == {"../../secret"}
    nano = get_card("featx-image-nano")
    graph = replace(nano.graph, sha256=digest(path), size=None, url=None)
    card = replace(nano, name="outside", dim=5, graph=graph, canary=())
    (folder / "card.toml").write_text(card.to_toml(), encoding="utf-8")
    monkeypatch.setenv("FEATX_MODELS", str(tmp_path / "shelf"))
    rows = rng.normal(size=(20, 5)).astype(np.float32)
    head = fit_head(rows, ["a", "b"] * 10, HeadConfig("centroid")).head
    saved = featx.save(
        Classifier.from_card(get_card("outside"), head), tmp_path / kind, bundle=True
    )
    with pytest.raises(BadArtifact, match=r"keeps weights in '\.\./\.\./secret'"):
        featx.load(saved)


def test_bytes_that_are_not_those_of_the_card_are_refused_though_the_manifest_agrees(
    strange, tmp_path
):
    path = featx.save(strange, tmp_path / "x.featx", bundle=True)
    (path / "backbone" / "backbone.onnx").write_bytes(b"other")
    there = {"sha256": digest(path / "backbone" / "backbone.onnx"), "size": 5}
    reseal(path, lambda manifest: manifest["files"].update({"backbone/backbone.onnx": there}))
    with pytest.raises(BadArtifact, match="not the one that its card promises"):
        featx.load(path)


def test_only_a_classifier_is_ever_replaced_by_a_file(strange, tmp_path):
    precious = tmp_path / "photos.zip"
    with zipfile.ZipFile(precious, "w") as archive:
        archive.writestr("a.jpg", b"precious")
    with pytest.raises(OutputFailed, match="is not a featx classifier"):
        featx.save(strange, precious, overwrite=True)
    path = featx.save(strange, tmp_path / "x.zip")
    with pytest.raises(OutputFailed, match="exists; choose another name"):
        featx.save(strange, path)
    assert featx.save(strange, path, bundle=True, overwrite=True) == path


SLOW = """
import os, sys, featx.storage.container, featx.storage.atomic
from featx.persistence.artifact import bundle
count, real = 0, os.replace
def replace(*places):
    global count
    count += 1
    if count == int(sys.argv[2]):
        os.kill(os.getpid(), 9)
    real(*places)
os.replace = replace
bundle(sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_at_any_rename_leaves_the_old_or_the_new(kind, strange, tmp_path):
    path = featx.save(strange, tmp_path / kind)
    environment = {**os.environ, "PYTHONPATH": str(Path(featx.__file__).parent.parent)}
    for moment in ("1", "2", "3"):
        words = [sys.executable, "-c", SLOW, str(path), moment]
        done = subprocess.run(words, env=environment, check=False)
        assert done.returncode in (-signal.SIGKILL, 0)
        assert featx.load(path).classes == ("a", "b")


def test_one_of_several_inputs_brings_each_backbone_once(tmp_path):
    goods = draw_goods(12)
    inputs = ["photo:image", "caption:text", "price:number"]
    predictor = featx.fit(
        goods, target="sold", inputs=inputs, head="centroid", missing="zero", baseline=False
    )
    whole = featx.save(predictor, tmp_path / "whole.featx.zip", bundle=True)
    with zipfile.ZipFile(whole) as archive:
        names = [name for name in archive.namelist() if name.startswith("backbone/")]
    assert {name.split("/")[1] for name in names} == {"featx-image-nano", "featx-text-nano"}
    plain = featx.save(predictor, tmp_path / "plain.featx")
    assert bundle(plain, tmp_path / "other.featx").is_dir()
    expected = predictor.predict_proba(goods)
    for path in (whole, tmp_path / "other.featx"):
        loaded = featx.load(path)
        assert all(one.card.pack == path for one in loaded.inputs if one.has_backbone)
        np.testing.assert_array_equal(loaded.predict_proba(goods), expected)


def test_a_backbone_of_several_inputs_that_was_changed_in_its_bundle_is_refused(tmp_path):
    inputs = ["photo:image", "price:number"]
    predictor = featx.fit(
        draw_goods(12), target="sold", inputs=inputs, head="centroid", baseline=False
    )
    path = featx.save(predictor, tmp_path / "goods.featx", bundle=True)
    graph = path / "backbone" / "featx-image-nano" / "backbone.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    with pytest.raises(BadArtifact, match=r"featx-image-nano/backbone.onnx was changed"):
        featx.load(path)
