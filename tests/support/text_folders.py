"""Model folders of texts: what sentence-transformers wrote, with its tokens and rows, and small ones."""

import base64
import json
from functools import cache
from pathlib import Path

from featx.hub.folder import ModelFolder

DATA = Path(__file__).parents[1] / "data" / "text_folders"
TRANSFORMER = {"path": "", "type": "sentence_transformers.models.Transformer"}
POOLING = {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}
DENSE = {"path": "2_Dense", "type": "sentence_transformers.models.Dense"}
NORMALIZE = {"path": "3_Normalize", "type": "sentence_transformers.models.Normalize"}
# As the folder of all-MiniLM-L6-v2 is, which says three lengths.
MINILM = {
    "modules.json": [TRANSFORMER, POOLING, NORMALIZE],
    "1_Pooling/config.json": {
        "word_embedding_dimension": 384,
        "pooling_mode_cls_token": False,
        "pooling_mode_mean_tokens": True,
    },
    "sentence_bert_config.json": {"max_seq_length": 256, "do_lower_case": False},
    "tokenizer_config.json": {"model_max_length": 512, "do_lower_case": True},
    "config.json": {"model_type": "bert", "max_position_embeddings": 512, "pad_token_id": 0},
    "tokenizer.json": {
        "truncation": {"max_length": 128},
        "padding": {"pad_id": 0, "direction": "Right"},
        "model": {"type": "WordPiece", "vocab": {"[PAD]": 0}},
    },
}


def write_files(path, files):
    """Write a model folder: names with the values of JSON files, or with text."""
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (path / name).write_text(text, encoding="utf-8")
    return ModelFolder(path)


@cache
def pinned():
    """Return the texts, and what is pinned of each case."""
    return json.loads((DATA / "cases.json").read_text(encoding="utf-8"))


def write_case(path, name):
    """Write the folder of a pinned case."""
    kind = name.split(",")[0]
    for file, data in pinned()["cases"][name]["files"].items():
        (path / file).parent.mkdir(parents=True, exist_ok=True)
        (path / file).write_bytes(base64.b64decode(data))
    (path / "onnx").mkdir(exist_ok=True)
    (path / "onnx" / "model.onnx").write_bytes((DATA / f"{kind}.onnx").read_bytes())
    (path / "tokenizer.json").write_bytes((DATA / f"{kind}-tokenizer.json").read_bytes())
    return path


def save_tensors(path, tensors):
    """Write a ``.safetensors`` file of arrays of float32."""
    header, data = {}, b""
    for name, values in tensors.items():
        stop = len(data) + values.nbytes
        header[name] = {
            "dtype": "F32",
            "shape": list(values.shape),
            "data_offsets": [len(data), stop],
        }
        data += values.tobytes()
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
