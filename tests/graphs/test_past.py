"""A decoder's past: a graph that takes one is run as one that begins a text."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from featx.graphs import cut_graph
from featx.graphs.past import is_past
from tests.support.hub_nets import DIM, save_decoder_with_past

PROVIDERS = ["CPUExecutionProvider"]


@pytest.mark.parametrize("branch", [False, True])
@pytest.mark.parametrize("outputs", [("last_hidden_state",), ("logits", "present.0.key")])
def test_a_cut_graph_begins_without_a_past(tmp_path, outputs, branch):
    path = save_decoder_with_past(tmp_path / "model.onnx", outputs=outputs, branch=branch)
    cut = onnxruntime.InferenceSession(cut_graph(path, "last_hidden_state"), providers=PROVIDERS)
    assert [one.name for one in cut.get_inputs()] == ["input_ids"]
    whole = onnxruntime.InferenceSession(path, providers=PROVIDERS)
    ids = np.array([[3, 1, 4], [1, 5, 9]])
    empty = np.empty((2, 1, 0, DIM), np.float32)
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    feeds |= {f"past_key_values.0.{part}": empty for part in ("key", "value")}
    feeds |= {"use_cache_branch": np.array([False])} if branch else {}
    expected = whole.run(None, feeds)[0]
    [states] = cut.run(None, {"input_ids": ids})
    if outputs[0] == "logits":
        head = next(t for t in onnx.load(path).graph.initializer if t.name == "head")
        states = states @ onnx.numpy_helper.to_array(head)
    np.testing.assert_allclose(states, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "past"),
    [
        ("past_key_values.0.key", True),
        ("past_key_values.11.decoder.value", True),
        ("past_0", True),
        ("past.3", True),
        ("use_cache_branch", True),
        ("input_ids", False),
        ("past", False),
        ("pastry.0", False),
        ("past_sequence_length", False),
    ],
)
def test_a_past_is_known_by_its_name(name, past):
    assert is_past(name) == past
