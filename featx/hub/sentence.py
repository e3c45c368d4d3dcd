"""The modules of sentence-transformers: what comes after a transformer, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from featx.errors import BadModelFolder
from featx.hub.entries import flag_of, number_of, text_of
from featx.hub.folder import ModelFolder
from featx.storage.container import is_inner

__all__ = ["Modules", "TextModule", "read_modules"]

# What each pooling of sentence-transformers is called in a card, in the order in which old files join several.
_POOLINGS: Mapping[str, str] = MappingProxyType(
    {
        "cls": "cls",
        "max": "max",
        "mean": "mean",
        "mean_sqrt_len_tokens": "mean-sqrt",
        "weightedmean": "weighted-mean",
        "lasttoken": "last",
    }
)
_FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "pooling_mode_cls_token": "cls",
        "pooling_mode_max_tokens": "max",
        "pooling_mode_mean_tokens": "mean",
        "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
        "pooling_mode_weightedmean_tokens": "weightedmean",
        "pooling_mode_lasttoken": "lasttoken",
    }
)
_OF_POOLING = frozenset(
    {"word_embedding_dimension", "embedding_dimension", "pooling_mode", "include_prompt", *_FLAGS}
)
_ACTIVATIONS = ("Identity", "Tanh")
_OF_DENSE = frozenset(
    "in_features out_features bias activation_function module_input_name module_output_name "
    "use_residual".split()
)
# Modules that change nothing once a model is trained.
_IDLE = frozenset({"Dropout"})
_MOST_MODULES = 32
_WIDEST = 1 << 20
_LONGEST_PATH = 200


@dataclass(frozen=True, slots=True)
class TextModule:
    """A module after the transformer.

    Attributes
    ----------
    kind : str
        "Pooling", "Normalize", "Dense" or "LayerNorm".
    path : str
        Its folder within the model's, such as "2_Dense".
    pooling : str
        Of a pooling: what a card calls it.
    origin : str
        The file and the keys that say so.
    include_prompt : bool
        Of a pooling: whether the tokens of a prompt are pooled too.
    in_features, out_features : int
        Of a dense layer or a norm: the columns that it takes and gives.
    bias : bool
        Of a dense layer: whether something is added.
    activation : str
        Of a dense layer: "Identity" or "Tanh".
    """

    kind: str
    path: str
    origin: str
    pooling: str = ""
    include_prompt: bool = True
    in_features: int = 0
    out_features: int = 0
    bias: bool = True
    activation: str = "Identity"


@dataclass(frozen=True, slots=True)
class Modules:
    """The modules of a folder.

    Attributes
    ----------
    base : str
        The folder of the transformer within the model's, mostly "".
    layers : tuple of TextModule
        What comes after it; empty where the folder is none of sentence-transformers.
    """

    base: str = ""
    layers: tuple[TextModule, ...] = field(default=())


def read_modules(folder: ModelFolder) -> Modules:
    """Return the modules that a folder lists in ``modules.json``; none where it has no such file.

    Raises
    ------
    BadModelFolder
        A module is none that makes one row of a text, or says what featx does not know.
    """
    listed = folder.json("modules.json")
    if listed is None:
        return Modules()
    steps = _steps(listed)
    kinds = [kind for kind, _ in steps]
    shown = ", ".join(kinds)
    for kind in kinds:
        if kind not in ("Transformer", *_READERS, *_IDLE):
            raise BadModelFolder(
                f"modules.json: has a module {kind!r:.60}; expected Transformer, then Pooling, Dense, "
                "LayerNorm or Normalize: such a model is not one graph that gives an embedding a text"
            )
    if (
        kinds[:1] != ["Transformer"]
        or kinds.count("Transformer") > 1
        or kinds.count("Pooling") != 1
    ):
        raise BadModelFolder(
            f"modules.json: lists {shown}; expected one Transformer first, and one Pooling after it"
        )
    if kinds[1] != "Pooling" and set(kinds[1 : kinds.index("Pooling")]) - _IDLE:
        raise BadModelFolder(
            f"modules.json: lists {shown}; expected the Pooling right after the Transformer"
        )
    after = [(kind, path) for kind, path in steps[1:] if kind not in _IDLE]
    _require_files(folder, after)
    return Modules(steps[0][1], tuple(_READERS[kind](folder, path) for kind, path in after))


def _steps(listed: Any) -> list[tuple[str, str]]:
    """Return the kind and the folder of each module."""
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MOST_MODULES:
        raise BadModelFolder(f"modules.json: expected a list of 1 to {_MOST_MODULES} modules")
    steps = []
    for number, module in enumerate(listed):
        where = f"modules.json: [{number}]"
        if not isinstance(module, dict):
            raise BadModelFolder(f"{where} is no table: expected one with type and path")
        kind, path = text_of(module, "type", where), text_of(module, "path", where) or ""
        if not kind:
            raise BadModelFolder(f"{where} has no type: expected one such as Transformer")
        path = path.strip("/")
        if path and (not is_inner(path) or len(path) > _LONGEST_PATH):
            raise BadModelFolder(
                f"{where} path = {path!r:.60}: expected a folder within the model's"
            )
        steps.append((kind.rpartition(".")[2], path))
    return steps


def _require_files(folder: ModelFolder, layers: Sequence[tuple[str, str]]) -> None:
    """Raise BadModelFolder where layers say of themselves nothing; a Normalize has nothing to say."""
    files = [f"{path}/config.json" for kind, path in layers if kind != "Normalize"]
    missing = [file for file in files if file not in folder]
    if missing:
        listed = ", ".join(f"{path} ({kind})" for kind, path in layers)
        raise BadModelFolder(
            f"modules.json: lists {listed}; expected {', '.join(missing)} in the folder, which says how the "
            "tokens become a row"
        )


def _pooling(folder: ModelFolder, path: str) -> TextModule:
    where = f"{path}/config.json"
    table = folder.table(where) or {}
    _refuse_unknown(table, _OF_POOLING, where)
    prompt = flag_of(table, "include_prompt", where)
    modes, key = _modes(table, where)
    return TextModule(
        "Pooling",
        path,
        f"{where}: {key}" if key else "default of sentence-transformers",
        pooling=",".join(_POOLINGS[mode] for mode in modes),
        include_prompt=prompt is not False,
        in_features=number_of(table, "word_embedding_dimension", where) or 0,
    )


def _modes(table: Mapping[str, Any], where: str) -> tuple[list[str], str]:
    """Return the poolings of a configuration, new or old, and the keys that say so."""
    value = table.get("pooling_mode")
    if value is not None:
        modes = [value] if isinstance(value, str) else value
        fine = isinstance(modes, list) and 1 <= len(modes) <= len(_POOLINGS)
        if not fine or not all(isinstance(mode, str) and mode in _POOLINGS for mode in modes):
            raise BadModelFolder(
                f"{where}: pooling_mode = {value!r:.60}: expected one or several of {', '.join(_POOLINGS)}"
            )
        return list(modes), "pooling_mode"
    flags = {key: mode for key, mode in _FLAGS.items() if flag_of(table, key, where)}
    return (list(flags.values()), ", ".join(flags)) if flags else (["mean"], "")


def _normalize(folder: ModelFolder, path: str) -> TextModule:
    where = f"{path}/config.json"
    table = folder.table(where) or {}
    _require_row(table, where)
    return TextModule("Normalize", path, "modules.json: Normalize")


def _dense(folder: ModelFolder, path: str) -> TextModule:
    where = f"{path}/config.json"
    table = folder.table(where) or {}
    _refuse_unknown(table, _OF_DENSE, where)
    _require_row(table, where)
    if flag_of(table, "use_residual", where):
        raise BadModelFolder(f"{where}: use_residual = true: expected a layer without a residual")
    named = text_of(table, "activation_function", where)
    activation = "Tanh" if named is None else named.rpartition(".")[2]
    trusted = named is None or named.startswith("torch.")
    if activation not in _ACTIVATIONS or not trusted:
        raise BadModelFolder(
            f"{where}: activation_function = {named!r:.80}: expected one of torch's {', '.join(_ACTIVATIONS)}"
        )
    return TextModule(
        "Dense",
        path,
        f"{where}: in_features, out_features, activation_function",
        in_features=_width(table, "in_features", where),
        out_features=_width(table, "out_features", where),
        bias=flag_of(table, "bias", where) is not False,
        activation=activation,
    )


def _layer_norm(folder: ModelFolder, path: str) -> TextModule:
    where = f"{path}/config.json"
    table = folder.table(where) or {}
    _refuse_unknown(table, frozenset({"dimension"}), where)
    width = _width(table, "dimension", where)
    return TextModule(
        "LayerNorm", path, f"{where}: dimension", in_features=width, out_features=width
    )


_READERS = MappingProxyType(
    {"Pooling": _pooling, "Normalize": _normalize, "Dense": _dense, "LayerNorm": _layer_norm}
)


def _width(table: Mapping[str, Any], key: str, where: str) -> int:
    width = number_of(table, key, where, least=1)
    if width is None or width > _WIDEST:
        raise BadModelFolder(
            f"{where}: {key} = {str(width)[:40]}: expected columns, 1 to {_WIDEST:,}"
        )
    return width


def _require_row(table: Mapping[str, Any], where: str) -> None:
    for key in ("module_input_name", "module_output_name"):
        name = text_of(table, key, where)
        if name not in (None, "sentence_embedding"):
            raise BadModelFolder(
                f"{where}: {key} = {name!r:.60}: expected 'sentence_embedding': such a model does not give "
                "one embedding a text"
            )


def _refuse_unknown(table: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    if strangers := sorted(set(table) - known):
        raise BadModelFolder(
            f"{where}: has a key {strangers[0]!r:.60} that featx does not know; "
            f"expected {', '.join(sorted(known))}"
        )
