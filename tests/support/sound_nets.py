"""Backbones of sounds that tests export: their graphs and their cards."""

from onnx import TensorProto, helper

from featx.catalog import Card
from featx.modalities.audio.settings import AudioSettings
from tests.support.nets import save, weights
from tests.support.text_nets import file_of

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def sound_card(net, *, pooling="mean", dim=None, **table):
    """The card of a graph in a file, with a table of sounds."""
    return Card(
        name="hears",
        modality="audio",
        graph=file_of(net),
        input=AudioSettings.from_table(table),
        pooling=pooling,
        dim=dim,
        path=net.with_name("card.toml"),
    )


def save_speech(path):
    """A graph as exports of wav2vec2 are: convolutions of samples, and of the mask beside them."""
    node = helper.make_node
    nodes = [
        node("Cast", ["attention_mask"], ["real"], to=FLOAT),
        node("Add", ["input_values", "real"], ["heard"]),
        node("Unsqueeze", ["heard", "one"], ["channels"]),
        node("Conv", ["channels", "filters"], ["convolved"], strides=[2]),
        node("Transpose", ["convolved"], ["last_hidden_state"], perm=[0, 2, 1]),
    ]
    return save(
        path,
        nodes,
        [("input_values", FLOAT, ["N", "T"]), ("attention_mask", INT64, ["N", "T"])],
        [("last_hidden_state", FLOAT, ["N", "P", 3])],
        [weights("filters", 3, 1, 4), helper.make_tensor("one", INT64, [1], [1])],
    )


def speech_cards(folder, dim=None):
    """A function that makes cards of such a graph, whose tables differ in what is given."""
    net = save_speech(folder / "backbone.onnx")

    def card(**table):
        usual = {"rate": 100, "min_length": 4, "normalize": "clip", "stride": 2, "receptive": 4}
        return sound_card(net, dim=dim, **{**usual, **table})

    return card
