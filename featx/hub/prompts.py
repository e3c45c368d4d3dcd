"""Prompts: what a model was trained to see before a text, and which of several suits a classifier."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from featx.errors import BadModelFolder, BadOption
from featx.hub.entries import table_of, text_of
from featx.hub.folder import ModelFolder
from featx.hub.recipe import Recipe

__all__ = ["choose_prompt"]

_FILE = "config_sentence_transformers.json"
_MOST_PROMPTS = 1000
# Prompts that a classifier takes, the first there is, when none is named after classifying or is the default.
_OF_TEXTS = ("document", "passage", "corpus")
# Models that no file says a prompt of, though they were trained with one.
_UNSAID = re.compile(r"(^|[/_-])e5[_-]", re.IGNORECASE)


def choose_prompt(recipe: Recipe, folder: ModelFolder, name: Any = None) -> None:
    """Set what goes before each text: the prompt of a name, or that which suits a classifier.

    That is the one named like classification, else the default, else one of documents or passages, else none.
    A remark shows all of several.

    Raises
    ------
    BadModelFolder
        The file of prompts cannot be read.
    BadOption
        There is no prompt of that name.
    """
    prompts, default = _prompts(folder)
    if name is not None:
        if not isinstance(name, str) or name not in prompts:
            known = ", ".join(prompts) or f"none, as {_FILE} has none"
            raise BadOption(
                f"prompt = {name!r:.60}: expected one of those of the model: {known}; "
                "any other text is given by prefix="
            )
        recipe.set("prefix", prompts[name], f"given: prompts.{name} of {_FILE}")
        return
    chosen, why = _of_classifier(prompts, default)
    if chosen is not None:
        recipe.set("prefix", prompts[chosen], f"{_FILE}: prompts.{chosen} ({why})")
    if prompts:
        shown = "; ".join(f"{key} = {text!r}" for key, text in prompts.items())
        taken = "none is used" if chosen is None else f"{chosen!r} is used ({why})"
        recipe.remarks.append(f"{_FILE}: of the prompts {shown}, {taken}; say prompt= for another")
    elif _trained_with_prompt(folder):
        recipe.remarks.append(
            "config.json: models named e5 were trained with 'query: ' before each text, and "
            "no file of the folder says so: none is used; say prefix='query: ' where its page asks for it"
        )


def _prompts(folder: ModelFolder) -> tuple[Mapping[str, str], str | None]:
    """Return the prompts by name, and the name of the default."""
    table = folder.table(_FILE) or {}
    prompts = table_of(table, "prompts", _FILE)
    if len(prompts) > _MOST_PROMPTS:
        raise BadModelFolder(
            f"{_FILE}: has {len(prompts)} prompts; expected at most {_MOST_PROMPTS}"
        )
    for key in prompts:
        text_of(prompts, key, f"{_FILE}: prompts")
    texts = {key: text for key, text in prompts.items() if text is not None}
    default = text_of(table, "default_prompt_name", _FILE)
    if default is not None and default not in texts:
        raise BadModelFolder(
            f"{_FILE}: default_prompt_name = {default!r:.60}: expected one of its prompts: {', '.join(texts)}"
        )
    return texts, default


def _of_classifier(prompts: Mapping[str, str], default: str | None) -> tuple[str | None, str]:
    for key in prompts:
        if "classif" in key.casefold():
            return key, "named after classification"
    if default is not None:
        return default, "the default"
    for name in _OF_TEXTS:
        for key in prompts:
            if name in key.casefold():
                return key, f"that of a {name}"
    return None, ""


def _trained_with_prompt(folder: ModelFolder) -> bool:
    config = folder.table("config.json") or {}
    named = config.get("_name_or_path")
    names = [folder.path.name, *([named] if isinstance(named, str) else [])]
    return any(_UNSAID.search(name) for name in names)
