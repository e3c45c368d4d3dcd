"""The inputs of a saved predictor: what a manifest may say of them, and what of it is refused in words."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import featx
from featx.errors import BadArtifact, FeatxError
from featx.persistence.metadata import FILLINGS, read_metadata
from featx.storage.arrays import write_arrays
from tests.support.files import reseal
from tests.support.fuzz import BOUNDED, altered, watched
from tests.support.goods import draw_goods

pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")
INPUTS = {"photo": "image", "price": "number"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    goods = draw_goods(12)
    predictor = featx.fit(
        goods,
        target="sold",
        inputs=INPUTS,
        head="centroid",
        missing="zero",
        baseline=False,
        keep_samples=False,
    )
    return featx.save(predictor, tmp_path_factory.mktemp("made") / "goods.featx")


@pytest.fixture
def saved(made, tmp_path):
    return shutil.copytree(made, tmp_path / "goods.featx")


def _change(**values):
    def change(manifest):
        manifest["inputs"][0].update(values)

    return change


def _encoder(manifest):
    manifest["inputs"][1]["encoder"]["mean"] = 0.25


def _repeat(times):
    def change(manifest):
        manifest["inputs"] = [{**manifest["inputs"][1], "name": f"price {k}"} for k in range(times)]

    return change


REFUSED = {
    "none": (lambda m: m.update(inputs=[]), "has 0 inputs, expected one to 64"),
    "too many": (_repeat(65), "has 65 inputs"),
    "twice": (_change(name="price"), "two inputs of one name"),
    "no table": (lambda m: m.update(inputs=[3]), "not a classifier"),
    "no name that is shown": (_change(name="a\x1bb"), "no name that can be shown"),
    "a long name": (_change(name="x" * 4000), "whose name is too long"),
    "a long column": (_change(columns=["x" * 4000]), "whose name is too long"),
    "no column": (_change(columns=[]), "an input of 0 columns"),
    "three columns": (_change(columns=["a", "b", "c"]), "an input of 3 columns"),
    "columns of numbers": (_change(columns=[3]), "no text"),
    "missing": (_change(missing="guess"), "missing = 'guess'"),
    "another kind": (_change(kind="text"), "its card is of image"),
    "a pair": (_change(columns=["photo", "other"]), "does not fit its input"),
    "no width": (lambda m: m["inputs"][1].update(dim=0), "rows of"),
    "a width of its own": (lambda m: m["inputs"][1].update(dim=2), "another encoder than the one"),
    "another encoder": (_encoder, "another encoder than the one saved"),
    "no encoder": (lambda m: m["inputs"][1].update(encoder={}), "expected an encoder of one of"),
    "an encoder of another kind": (lambda m: m["inputs"][1].update(kind="date"), "another encoder"),
    "a pair of numbers": (lambda m: m["inputs"][1].update(columns=["a", "b"]), "of 2 columns"),
    "format 2": (lambda m: m.update(format=2), "not a classifier"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_inputs_that_no_training_leaves_are_refused(name, saved):
    change, words = REFUSED[name]
    reseal(saved, change)
    with pytest.raises(BadArtifact, match=words):
        featx.load(saved)


def test_the_row_of_missing_values_must_be_there_and_fit(saved):
    dim = featx.get_card("featx-image-nano").dim
    wrong = [
        {"0": np.zeros(dim + 1, np.float32)},
        {"0": np.full(dim, np.nan, np.float32)},
        {"0": np.zeros(dim, np.float64)},
        {"1": np.zeros(dim, np.float32)},
    ]
    for arrays in wrong:
        _write(saved, write_arrays(arrays))
        with pytest.raises(BadArtifact, match=FILLINGS):
            featx.load(saved)
    _write(saved, write_arrays({"0": np.zeros(dim, np.float32)}))
    assert featx.load(saved).inputs[0].filling.shape == (dim,)
    reseal(saved, lambda manifest: manifest["files"].pop(FILLINGS))
    with pytest.raises(BadArtifact, match=f"has no {FILLINGS}"):
        featx.load(saved)


def test_an_older_featx_is_told_to_upgrade_and_one_input_is_written_as_ever(saved, tmp_path):
    assert read_metadata(saved).format == 3
    images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    one = featx.fit(images, ["dark"] * 3 + ["light"] * 3, head="centroid", baseline=False)
    manifest = json.loads((featx.save(one, tmp_path / "one.featx") / "manifest.json").read_bytes())
    assert manifest["format"] == 2
    assert set(manifest["inputs"][0]) == {"name", "kind", "backbone"}
    assert "contributions" not in manifest["report"]
    assert not {"inputs", "pairs", "missing"} & set(manifest["config"])


@BOUNDED
@given(data=st.data())
def test_inputs_of_any_values_are_read_or_refused(data, made, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "altered.featx"
    if not folder.exists():
        shutil.copytree(made, folder)
    manifest = json.loads((made / "manifest.json").read_bytes())
    changed = data.draw(altered(manifest["inputs"]))
    (folder / "manifest.json").write_bytes((made / "manifest.json").read_bytes())
    try:
        reseal(folder, lambda manifest: manifest.update(inputs=changed))
    except (UnicodeEncodeError, ValueError):
        return
    with watched() as seen:
        try:
            loaded = featx.load(folder)
        except FeatxError:
            return
    assert seen.ran == []
    assert [one.dim for one in loaded.inputs] == [384, 1]
    assert loaded.fingerprint == loaded.embed([]).fingerprint


def _write(folder, data):
    """Put other rows of missing values into a predictor, with their own digest."""
    from featx.persistence.metadata import file_table

    (folder / FILLINGS).write_bytes(data)
    reseal(folder, lambda manifest: manifest["files"].update(file_table({FILLINGS: data})))
