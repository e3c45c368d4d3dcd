"""Texts: how a model folder says that they are tokenized, cut, prompted and made one row each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from featx.errors import BadOption
from featx.hub.folder import ModelFolder
from featx.hub.prompts import choose_prompt
from featx.hub.recipe import Recipe
from featx.hub.sentence import Modules, read_modules
from featx.hub.tokens import read_tokens

__all__ = ["read_text_recipe"]

# What the caller says beside entries of the card's table.
_OF_READING = ("prompt", "dim")
# Models whose last token has seen all others, and whose first has seen none.
_DECODERS = frozenset(
    "gpt2 gpt_neo gptj gpt_neox llama mistral mixtral qwen2 qwen3 gemma gemma2 gemma3_text phi phi3 opt bloom "
    "falcon stablelm olmo olmo2 smollm3".split()
)
_MOST_COLUMNS = 1 << 24


def read_text_recipe(folder: ModelFolder, given: Mapping[str, Any]) -> Recipe:
    """Return what a model folder says of texts: its tokenizer, lengths, prompts and pooling.

    Folders of sentence-transformers and of transformers are read. Where sources disagree, or do not say what
    a row depends on, a remark tells what was taken.

    Parameters
    ----------
    folder : ModelFolder
    given : mapping
        Entries of the card's ``[text]`` table, which win; ``"prompt"``, a prompt by its name; and ``"dim"``,
        the columns to keep of a model that was trained to be cut (Matryoshka).

    Returns
    -------
    Recipe
        Its ``graph`` has no pooling where nothing tells how a row is made.

    Raises
    ------
    BadModelFolder
        The folder is of a model that is no encoder of one text, or its configuration cannot be read.
    BadOption
        The folder has no prompt of that name, or ``dim`` is no number of columns.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as name:
    ...     _ = (Path(name) / "tokenizer_config.json").write_text('{"model_max_length": 128}')
    ...     recipe = read_text_recipe(ModelFolder(name), {})
    >>> recipe.settings["max_length"]
    Setting(value=128, origin='tokenizer_config.json: model_max_length')
    """
    recipe = Recipe("text")
    modules = read_modules(folder)
    read_tokens(recipe, folder, modules.base)
    choose_prompt(recipe, folder, given.get("prompt"))
    if modules.layers:
        _set_layers(recipe, modules)
    else:
        _assume_pooling(recipe, folder)
    if (dim := given.get("dim")) is not None:
        _cut(recipe, dim)
    recipe.override({name: value for name, value in given.items() if name not in _OF_READING})
    return recipe


def _set_layers(recipe: Recipe, modules: Modules) -> None:
    """Set what makes a row of the tokens, and keep the layers after that which the card cannot say."""
    pooling, *after = modules.layers
    if not pooling.include_prompt:
        origin = f"{pooling.path}/config.json: include_prompt"
        recipe.set("mask_prefix", True, origin)
    _set_pooling(recipe, pooling.pooling, pooling.origin)
    while after and after[-1].kind == "Normalize":
        recipe.set_graph("normalize", True, after.pop().origin)
    if "normalize" not in recipe.graph:
        recipe.set_graph("normalize", False, "modules.json: has no Normalize last")
    recipe.layers = (pooling, *after) if after else ()


def _set_pooling(recipe: Recipe, pooling: str, origin: str) -> None:
    """Set the pooling; the side of padding decides what is first, and what weights count from."""
    left = recipe.value("padding_side") == "left"
    names = pooling.split(",")
    if left or "mask_prefix" in recipe.settings:
        # padding or a prompt is before it
        names = ["first" if name == "cls" else name for name in names]
    if "weighted-mean" in names and left:
        recipe.set("padding_side", "right", "weighted-mean counts from the first token")
        recipe.remarks.append(
            f"{origin}: weightedmean counts tokens from the first on: texts are filled up at the right, though "
            "the tokenizer's side is the left"
        )
    recipe.set_graph("pooling", ",".join(names), origin)


def _assume_pooling(recipe: Recipe, folder: ModelFolder) -> None:
    """Assume the mean of an encoder whose folder does not say its pooling, and say so; nothing of a decoder."""
    config = folder.table("config.json") or {}
    kind = config.get("model_type")
    architectures = config.get("architectures")
    named = " ".join(map(str, architectures)) if isinstance(architectures, list) else ""
    if (isinstance(kind, str) and kind in _DECODERS) or "CausalLM" in named:
        return
    base = config.get("_name_or_path")
    of_base = (
        f"1_Pooling/config.json of {base!r:.100}"
        if isinstance(base, str) and base
        else "the model's page"
    )
    recipe.set_graph(
        "pooling",
        "mean",
        "assumed: default of sentence-transformers without modules.json",
        f"{folder.path}: has no modules.json, and nothing in it says how a row is made of its tokens: "
        f"the mean is assumed, as sentence-transformers does; {of_base} says which it is: say "
        "pooling=cls or another if not",
    )


def _cut(recipe: Recipe, dim: Any) -> None:
    """Keep the first columns of a row, and scale what is left to unit length."""
    if not isinstance(dim, int) or isinstance(dim, bool) or not 1 <= dim <= _MOST_COLUMNS:
        raise BadOption(f"dim = {dim!r:.60}: expected a number of columns, 1 or more")
    pooling = recipe.graph.get("pooling")
    if pooling is not None:
        recipe.set_graph(
            "pooling", f"{pooling.value}[:{dim}]", f"{pooling.origin}; dim given", pooling.remark
        )
    recipe.set_graph("normalize", True, "dim given: a row that is cut is scaled again")
