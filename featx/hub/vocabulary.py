"""A vocabulary alone: vocab.txt made into the tokenizer.json of BERT's WordPiece."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from featx.errors import BadModelFolder
from featx.hub.entries import flag_of, text_of
from featx.hub.folder import ModelFolder

__all__ = ["build_wordpiece", "is_bert", "special_token"]

_LARGEST = 1 << 24
_MOST_TOKENS = 2_000_000
_CONFIG = "tokenizer_config.json"
# The usual names of BERT, and of MPNet, whose vocabulary is made alike.
_NAMES = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
_NAMES_OF_MPNET = {
    "unk_token": "[UNK]",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "cls_token": "<s>",
    "mask_token": "<mask>",
}
_CLASSES = frozenset(
    "Bert DistilBert Electra MPNet MobileBert LayoutLM Funnel ConvBert SqueezeBert RetriBert DPR "
    "DPRContextEncoder DPRQuestionEncoder NomicBert".split()
)


def special_token(
    key: str, said: Mapping[str, Any], special: Mapping[str, Any], where: str = _CONFIG
) -> str | None:
    """Return the token that ``tokenizer_config.json`` or ``special_tokens_map.json`` names by a key.

    Raises
    ------
    BadModelFolder
        It is no text, and no table with a text.

    Examples
    --------
    >>> special_token("pad_token", {"pad_token": {"content": "<pad>"}}, {})
    '<pad>'
    """
    for table, name in ((said, where), (special, "special_tokens_map.json")):
        value = table.get(key)
        if isinstance(value, dict):
            return text_of(value, "content", f"{name}: {key}")
        if value is not None:
            return text_of(table, key, name)
    return None


def is_bert(said: Mapping[str, Any]) -> bool:
    """Return whether ``tokenizer_config.json`` is of BERT's tokenizer, or of one that is made alike.

    Examples
    --------
    >>> is_bert({"tokenizer_class": "DistilBertTokenizerFast"}), is_bert({})
    (True, False)
    """
    return _kind(said) in _CLASSES


def build_wordpiece(
    folder: ModelFolder, name: str, said: Mapping[str, Any], special: Mapping[str, Any]
) -> bytes:
    """Return a ``tokenizer.json`` with the words of a ``vocab.txt``, as transformers makes it of BERT's.

    Parameters
    ----------
    name : str
        The vocabulary: one token a line.
    said, special : mapping
        ``tokenizer_config.json`` and ``special_tokens_map.json``; empty where there are none.

    Raises
    ------
    BadModelFolder
        The vocabulary is no text, too large or lacks a token that stands around texts, or the tokenizer is
        another than BERT's.
    """
    kind = _kind(said) or "Bert"
    if kind not in _CLASSES:
        raise BadModelFolder(
            f"{_CONFIG}: tokenizer_class = {kind!r:.60}: expected BERT's, for which {name} is enough; save the "
            "tokenizer with transformers, which writes a tokenizer.json"
        )
    if flag_of(said, "do_basic_tokenize", _CONFIG) is False or said.get("never_split"):
        raise BadModelFolder(
            f"{_CONFIG}: do_basic_tokenize = false or never_split: expected a tokenizer that divides all "
            "words, or a tokenizer.json"
        )
    vocabulary = _read(folder, name)
    usual = _NAMES_OF_MPNET if kind == "MPNet" else _NAMES
    names = {key: special_token(key, said, special) or usual[key] for key in usual}
    for key in ("unk_token", "cls_token", "sep_token"):
        if names[key] not in vocabulary:
            raise BadModelFolder(f"{name}: has no token {names[key]!r:.60}, which is the {key}")
    return json.dumps(_tree(vocabulary, names, said), ensure_ascii=False).encode("utf-8", "replace")


def _kind(said: Mapping[str, Any]) -> str:
    """Return the class of a tokenizer without what all of them end in; empty where it is not said."""
    named = text_of(said, "tokenizer_class", _CONFIG) or ""
    return named.removesuffix("Fast").removesuffix("Tokenizer")


def _read(folder: ModelFolder, name: str) -> dict[str, int]:
    """Return the number of each token; of a token that stands twice, the last."""
    path = folder.path / name
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        text = data.decode("utf-8")
    except OSError as error:
        raise BadModelFolder(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadModelFolder(f"{path}: not UTF-8 at byte {error.start + 1:,}") from None
    if len(data) > _LARGEST or text.count("\n") > _MOST_TOKENS:
        raise BadModelFolder(f"{path}: larger than any vocabulary; expected one token a line")
    # line ends as Python's text files have them, and no other of Unicode's
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    return {token: number for number, token in enumerate(lines)}


def _tree(
    vocabulary: Mapping[str, int], names: Mapping[str, str], said: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the content of a tokenizer.json."""
    numbers = {key: vocabulary[name] for key, name in names.items() if name in vocabulary}
    cls, sep = names["cls_token"], names["sep_token"]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": number,
                "content": content,
                "single_word": False,
                # as BERT's and MPNet's mask takes the space before it
                "lstrip": content == "<mask>",
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for number, content in sorted({numbers[key]: names[key] for key in numbers}.items())
        ],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": flag_of(said, "tokenize_chinese_chars", _CONFIG) is not False,
            "strip_accents": flag_of(said, "strip_accents", _CONFIG),
            "lowercase": flag_of(said, "do_lower_case", _CONFIG) is not False,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [_special(cls, 0), _sequence("A", 0), _special(sep, 0)],
            "pair": [
                *(_special(cls, 0), _sequence("A", 0), _special(sep, 0)),
                *(_sequence("B", 1), _special(sep, 1)),
            ],
            "special_tokens": {
                name: {"id": name, "ids": [vocabulary[name]], "tokens": [name]}
                for name in (cls, sep)
            },
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": names["unk_token"],
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": dict(vocabulary),
        },
    }


def _special(name: str, kind: int) -> dict[str, Any]:
    return {"SpecialToken": {"id": name, "type_id": kind}}


def _sequence(name: str, kind: int) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": kind}}
