"""Tokens: which file tokenizes texts, how many tokens a model takes, and how short texts are filled up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from featx.errors import BadModelFolder, FeatxError
from featx.hub.entries import flag_of, number_of, table_of, text_of
from featx.hub.folder import ModelFolder
from featx.hub.recipe import Recipe
from featx.hub.vocabulary import build_wordpiece, is_bert, special_token
from featx.storage.json_text import parse_json_text

__all__ = ["read_tokens"]

# bytes: the largest vocabularies, of a quarter of a million tokens, take 35 million
_LARGEST = 1 << 28
# tokens: what is above stands for no limit
_NO_LIMIT = 1_000_000
# of a window: what a card takes
_MOST = 1 << 20
_PIECES = (
    "spiece.model",
    "sentencepiece.bpe.model",
    "sentencepiece.model",
    "tokenizer.model",
    "spm.model",
    "vocab.json",
    "merges.txt",
)
_LIMITS = (
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
)
# Models that count positions from the pad token on.
_COUNT_FROM_PAD = frozenset(
    "roberta xlm-roberta xlm-roberta-xl camembert mpnet longformer data2vec-text esm luke mluke xmod ibert "
    "roberta-prelayernorm bertweet phobert".split()
)
# What a BERT tokenizer's configuration says, and its normalizer.
_OF_BERT = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}
_CONFIG, _TOKENIZER, _TOKENIZER_CONFIG = "config.json", "tokenizer.json", "tokenizer_config.json"


def read_tokens(recipe: Recipe, folder: ModelFolder, base: str) -> None:
    """Set the entries of a recipe on tokens: file, length, sides, pad token, case and positions.

    Parameters
    ----------
    base : str
        The folder of the transformer within the model's.

    Raises
    ------
    BadModelFolder
        There is no tokenizer but one of sentencepiece, or a value is none that it can be.
    """
    _Tokens(recipe, folder, f"{base}/" if base else "").read()


class _Tokens:
    """The configuration files of a tokenizer and its model."""

    def __init__(self, recipe: Recipe, folder: ModelFolder, base: str) -> None:
        self._recipe, self._folder, self._base = recipe, folder, base
        self._config, self._where = self._table(_CONFIG)
        text = self._config.get("text_config")
        if isinstance(text, dict):
            # of a model with two towers
            self._config = {**self._config, **text}
        self._said, self._said_where = self._table(_TOKENIZER_CONFIG)
        self._tokenizer_name = self._path(_TOKENIZER)
        self._tokenizer = self._parsed(self._tokenizer_name)

    def read(self) -> None:
        self._set_file()
        pad = self._set_pad()
        self._set_sides()
        sentence, where = self._sentence()
        self._set_case(sentence, where)
        self._set_length(sentence, where, pad)

    def _path(self, name: str) -> str:
        """Return the path of a file of the transformer's folder, or else of the model's."""
        inner = self._base + name
        return inner if inner in self._folder else name

    def _table(self, name: str) -> tuple[Mapping[str, Any], str]:
        path = self._path(name)
        return self._folder.table(path) or {}, path

    def _parsed(self, name: str) -> Mapping[str, Any] | None:
        """Return a tokenizer.json, which may be larger than any configuration; None where there is none."""
        if name not in self._folder:
            return None
        try:
            with (self._folder.path / name).open("rb") as file:
                data = file.read(_LARGEST + 1)
            table = parse_json_text(data, name, limit=_LARGEST)
        except OSError as error:
            raise BadModelFolder(f"{name}: cannot be read: {error.strerror}") from error
        except FeatxError as error:
            raise BadModelFolder(str(error)) from error
        if not isinstance(table, dict) or not isinstance(table.get("model"), dict):
            raise BadModelFolder(f"{name}: not a tokenizer.json: it has no model")
        return table

    def _set_file(self) -> None:
        recipe, name = self._recipe, self._tokenizer_name
        if self._tokenizer is not None:
            if not self._amended(self._tokenizer):
                recipe.set("tokenizer", name, name)
                recipe.files.append(name)
            return
        vocabulary = self._path("vocab.txt")
        if vocabulary in self._folder:
            special, _ = self._table("special_tokens_map.json")
            data = build_wordpiece(self._folder, vocabulary, self._said, special)
            recipe.made[_TOKENIZER] = data
            recipe.set("tokenizer", _TOKENIZER, f"{vocabulary}: made into BERT's WordPiece")
            return
        if found := [one for one in map(self._path, _PIECES) if one in self._folder]:
            raise BadModelFolder(
                f"{self._folder.path}: has {', '.join(found)} and no {_TOKENIZER}; featx reads tokenizer.json "
                "and vocab.txt: save the tokenizer with transformers, which writes a tokenizer.json"
            )
        recipe.set("tokenizer", _TOKENIZER, "default of featx")
        recipe.remarks.append(
            f"{self._folder.path}: has no {_TOKENIZER} and no vocab.txt, without which texts have no tokens: "
            "put one there before the model is added"
        )

    def _amended(self, tree: Mapping[str, Any]) -> bool:
        """Write the tokenizer anew where its configuration says otherwise of a BERT's; return whether so.

        What the configuration of a BERT tokenizer says of case, accents and Chinese wins in transformers over
        the normalizer of tokenizer.json.
        """
        normalizer = tree.get("normalizer")
        if not is_bert(self._said) or not isinstance(normalizer, dict):
            return False
        if normalizer.get("type") != "BertNormalizer":
            return False
        changed = {
            own: value
            for key, own in _OF_BERT.items()
            if (value := flag_of(self._said, key, self._said_where)) is not None
            and value != normalizer.get(own)
        }
        if not changed:
            return False
        tree = {**tree, "normalizer": {**normalizer, **changed}}
        name = self._tokenizer_name
        self._recipe.made[_TOKENIZER] = json.dumps(tree, ensure_ascii=False).encode(
            "utf-8", "replace"
        )
        keys = ", ".join(key for key, own in _OF_BERT.items() if own in changed)
        self._recipe.set("tokenizer", _TOKENIZER, f"{name}, changed by {self._said_where}: {keys}")
        self._recipe.remarks.append(
            f"{self._said_where}: {keys} and the normalizer of {name} differ: {name} is changed to what the "
            "former says, as transformers does"
        )
        return True

    def _sentence(self) -> tuple[Mapping[str, Any], str]:
        """Return what sentence-transformers says of the transformer, under whichever of its names."""
        for name in _LIMITS:
            table, where = self._table(name)
            if where in self._folder:
                task = text_of(table, "transformer_task", where)
                if task not in (None, "feature-extraction"):
                    raise BadModelFolder(
                        f"{where}: transformer_task = {task!r:.60}: expected 'feature-extraction': such a "
                        "model gives scores or texts, not embeddings"
                    )
                return table, where
        return {}, _LIMITS[0]

    def _set_case(self, sentence: Mapping[str, Any], where: str) -> None:
        if flag_of(sentence, "do_lower_case", where):
            self._recipe.set("lowercase", True, f"{where}: do_lower_case")

    def _set_sides(self) -> None:
        padding, truncation = self._part("padding"), self._part("truncation")
        for name, key, part in (
            ("padding_side", "padding_side", padding),
            ("truncation", "truncation_side", truncation),
        ):
            side, origin = text_of(self._said, key, self._said_where), f"{self._said_where}: {key}"
            if side is None and part:
                side = text_of(part, "direction", self._tokenizer_name)
                origin = f"{self._tokenizer_name}: {name.split('_')[0]}.direction"
            if side is None:
                self._recipe.set(name, "right", "default of transformers")
                continue
            if side.lower() not in ("left", "right"):
                raise BadModelFolder(f"{origin} = {side!r:.60}: expected left or right")
            self._recipe.set(name, side.lower(), origin)

    def _part(self, name: str) -> Mapping[str, Any]:
        return table_of(self._tokenizer or {}, name, self._tokenizer_name)

    def _set_pad(self) -> int | None:
        """Set the token that short texts are filled up with, and return it; None where nothing says it."""
        least = {"least": 0}
        where, size = self._where, number_of(self._config, "vocab_size", self._where)
        known = [
            (
                number_of(self._part("padding"), "pad_id", self._tokenizer_name, **least),
                f"{self._tokenizer_name}: padding.pad_id",
            ),
            (_pad_of(self._config, where), f"{where}: pad_token_id"),
            (self._pad_of_vocabulary(), f"{self._said_where}: pad_token, in the vocabulary"),
        ]
        for number, origin in known:
            if number is None:
                continue
            if size and number >= size:
                self._recipe.remarks.append(
                    f"{origin} = {number}: left out, as the model knows {size} tokens"
                )
                continue
            self._recipe.set("pad_id", number, origin)
            return number
        return None

    def _pad_of_vocabulary(self) -> int | None:
        """Return the number of the pad token that the configuration names, by the tokenizer's own tables."""
        special, _ = self._table("special_tokens_map.json")
        name = special_token("pad_token", self._said, special)
        if name is None or self._tokenizer is None:
            return None
        added = self._tokenizer.get("added_tokens")
        for token in added if isinstance(added, list) else ():
            if isinstance(token, dict) and token.get("content") == name:
                return number_of(token, "id", self._tokenizer_name)
        vocabulary = self._tokenizer["model"].get("vocab")
        number = vocabulary.get(name) if isinstance(vocabulary, dict) else None
        return number if isinstance(number, int) and number >= 0 else None

    def _set_length(self, sentence: Mapping[str, Any], where: str, pad: int | None) -> None:
        """Set how many tokens a text has at most, and remark where sources disagree."""
        positions, origin = self._positions(pad)
        known = [
            (number_of(sentence, "max_seq_length", where), f"{where}: max_seq_length"),
            (self._said_number("model_max_length"), f"{self._said_where}: model_max_length"),
            (self._said_number("max_length"), f"{self._said_where}: max_length"),
            (
                number_of(self._part("truncation"), "max_length", self._tokenizer_name),
                f"{self._tokenizer_name}: truncation.max_length",
            ),
            (positions, origin),
        ]
        found = [(number, said) for number, said in known if number and number <= _NO_LIMIT]
        if not found:
            remark = (
                f"{self._folder.path}: nothing says how many tokens the model takes: 512 are taken; "
                "say max_length= as the model's page does"
            )
            self._recipe.set("max_length", 512, "default of featx", remark)
            return
        length, source = found[0]
        limited = positions is not None and 0 < positions < length
        if limited:
            length, source = positions or length, origin
        remark = ""
        if len({number for number, _ in found}) > 1:
            others = ", ".join(f"{number} ({said})" for number, said in found if said != source)
            why = ", which has no more positions" if limited else ""
            remark = f"max_length: {length} tokens are taken ({source}{why}); others say {others}"
        self._recipe.set("max_length", min(length, _MOST), source, remark)

    def _said_number(self, key: str) -> int | None:
        return number_of(self._said, key, self._said_where)

    def _positions(self, pad: int | None) -> tuple[int | None, str]:
        """Return how many positions the model has for tokens, and where that stands."""
        key = "max_position_embeddings"
        value = self._config.get(key)
        if value == -1:
            # of XLNet: as many as there are
            return None, ""
        positions = number_of(self._config, key, self._where)
        origin = f"{self._where}: {key}"
        kind = self._config.get("model_type")
        if isinstance(kind, str) and kind in _COUNT_FROM_PAD:
            first = (1 if pad is None else pad) + 1
            self._recipe.set(
                "first_position", first, f"{self._where}: model_type, pad_token_id + 1"
            )
            if positions is not None:
                return max(0, positions - first), f"{origin} less pad_token_id + 1"
        return positions, origin


def _pad_of(config: Mapping[str, Any], where: str) -> int | None:
    """Return the pad token of a model's configuration; some write -1 for none, and some a list."""
    value = config.get("pad_token_id")
    return None if value == -1 else number_of(config, "pad_token_id", where)
