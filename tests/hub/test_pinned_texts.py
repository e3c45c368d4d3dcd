"""Folders that sentence-transformers wrote: the tokens and rows that featx makes are those of that library."""

import numpy as np
import pytest

from featx.backbones.adding import add_backbone
from featx.backbones.backbone import Backbone
from tests.support.text_folders import pinned, write_case

pytest.importorskip("tokenizers")
pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxWarning")


@pytest.mark.slow
@pytest.mark.parametrize("name", pinned()["cases"])
def test_tokens_and_rows_are_those_of_the_library_that_wrote_the_folder(
    name, tmp_path, monkeypatch
):
    monkeypatch.setenv("FEATX_DATA_DIR", str(tmp_path / "data"))
    case, texts = pinned()["cases"][name], pinned()["texts"]
    options = {} if case["dim"] is None else {"dim": case["dim"]}
    folder = write_case(tmp_path / "model", name)
    card = add_backbone(folder, name="one", options=options)
    backbone = Backbone(card)
    reader = backbone.reader
    ids = [reader.read(reader.load(text))[0].ids.tolist() for text in texts]
    assert ids == case["ids"]
    np.testing.assert_allclose(backbone.embed(texts), case["rows"], atol=1e-5)
