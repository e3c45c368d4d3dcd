"""Graph files: which of a model folder's graphs is added, and which folder a graph belongs to.

Hubs lay the same model down several times, in other precisions and in parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from featx.errors import BadModelFolder, BadOption
from featx.hub.folder import ModelFolder

__all__ = ["choose_among", "choose_graph", "folder_of"]

# Where graphs are looked for that nobody names, and what they are called; the first is taken.
_FOLDERS = ("onnx", "")
_NAMES = (
    "model",
    "vision_model",
    "text_model",
    "audio_model",
    "encoder_model",
    "model_optimized",
    "encoder",
)
# Precisions, by what their names end with: first those whose rows are the model's own to many digits.
_PRECISIONS = ("", "_fp16", "_q4", "_q4f16", "_bnb4", "_int8", "_uint8", "_quantized")
# A configuration of any library whose models featx reads.
_CONFIGURATIONS = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "open_clip_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)
_SUFFIX = ".onnx"
# Names in a message.
_SHOWN = 12


def choose_graph(folder: ModelFolder, file: str | None = None) -> tuple[str, str]:
    """Return the name of the graph to add, relative to the folder, and a remark on the others.

    Parameters
    ----------
    folder : ModelFolder
    file : str, default=None
        The one that is wanted.

    Raises
    ------
    BadModelFolder
        The folder has no graph.
    BadOption
        It has no such graph, or several of which none is usual.
    """
    return choose_among(folder.names(), folder.path, file)


def choose_among(names: Iterable[str], where: object, file: str | None = None) -> tuple[str, str]:
    """Return the name of the graph to take among those of files, and a remark on the others.

    Parameters
    ----------
    names : iterable of str
    where : object
        What has these files, for messages.
    file : str, default=None
        The one that is wanted.

    Raises
    ------
    BadModelFolder, BadOption
        As ``choose_graph``.

    Examples
    --------
    >>> choose_among(["config.json", "onnx/model.onnx"], "someone/model")
    ('onnx/model.onnx', '')
    """
    graphs = [name for name in names if name.endswith(_SUFFIX)]
    listed = ", ".join(graphs[:_SHOWN]) + (", …" if len(graphs) > _SHOWN else "")
    if not graphs:
        raise BadModelFolder(
            f"{where}: has no ONNX graph; export the model first, as with optimum-cli export onnx"
        )
    if file is not None:
        wanted = PurePosixPath(file).as_posix()
        if wanted not in graphs:
            raise BadOption(f"file = {file!r}: {where} has {listed}")
        return wanted, ""
    chosen = next((name for name in _usual() if name in graphs), None)
    if chosen is None and len(graphs) > 1:
        raise BadOption(f"{where}: has several graphs; say file= with one of {listed}")
    chosen = chosen or graphs[0]
    others = [name for name in graphs if name != chosen]
    remark = f"{where}: {chosen} was taken of {listed}; file= names another" if others else ""
    return chosen, remark


def folder_of(graph: Path) -> ModelFolder | None:
    """Return the model folder that a graph lies in, itself or in its subfolder onnx, or None."""
    folders = [graph.parent]
    if graph.absolute().parent.name == "onnx":
        folders.append(graph.absolute().parent.parent)
    for folder in map(ModelFolder, folders):
        if any(name in folder for name in _CONFIGURATIONS):
            return folder
    return None


def _usual() -> Iterator[str]:
    for precision in _PRECISIONS:
        for name in _NAMES:
            for folder in _FOLDERS:
                yield str(PurePosixPath(folder) / f"{name}{precision}{_SUFFIX}")
