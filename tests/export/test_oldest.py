"""Exports are taken by ONNX Runtime 1.17: no set of operators and no version of the format is newer."""

import numpy as np
import onnx
import pytest

from featx.catalog import get_card
from featx.export import write_graph
from featx.heads import TemperatureScaling, TrainedHead, make_head
from featx.predictor import Classifier

# what ONNX Runtime 1.17 takes, by its table of versions
IR, SETS = 9, {"": 20, "ai.onnx": 20, "ai.onnx.ml": 4, "com.microsoft": 1}

TONES = [np.sin(np.arange(16000) * pitch).astype(np.float32) for pitch in (0.1, 0.12, 0.9, 1.1)]
SAMPLES = {
    "featx-image-nano": [np.full((40, 50, 3), level, np.uint8) for level in (0, 40, 200, 250)],
    "featx-text-nano": ["a cat", "the dog sat", "shares fell by 3 %", "markets rose"],
    "featx-audio-mel": TONES,
    "featx-audio-nano": TONES,
}


@pytest.mark.parametrize("head", ["logistic", "boosting"])
@pytest.mark.parametrize("name", SAMPLES)
def test_an_export_wants_nothing_newer_than_the_oldest_runtime_that_is_named(name, head):
    if name == "featx-text-nano":
        pytest.importorskip("tokenizers")
    card = get_card(name)
    rows = Classifier.from_card(card, None).embed(SAMPLES[name] * 6).embeddings
    estimator = make_head(head).fit(rows, ["a", "a", "b", "b"] * 6)
    trained = TrainedHead.from_estimator(head, estimator, TemperatureScaling(1.0))
    model = write_graph(Classifier.from_card(card, trained), strings=name == "featx-text-nano")
    assert model.ir_version <= IR
    for one in model.opset_import:
        assert one.version <= SETS[one.domain]
    used = {node.domain for node in model.graph.node}
    assert {one.domain for one in model.opset_import} <= used | {""}
    onnx.checker.check_model(model)
