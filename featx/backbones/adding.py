"""Add a model to the catalogue: a folder of a hub or an export on disk becomes a backbone, with nothing typed.

What the folder's configuration and the graph say is read; what neither tells of a graph of images is asked, as
``featx.backbones.importing`` does for a graph that lies alone.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from featx.backbones.importing import LIKE, Question, draft_card, questions
from featx.backbones.installing import install
from featx.catalog import Card, File
from featx.errors import BadCard, BadOption, FeatxNotice, wrong_type
from featx.hub.dense import join_layers
from featx.hub.folder import ModelFolder
from featx.hub.graph_file import choose_graph, folder_of
from featx.hub.reading import needs_answers, read_recipe
from featx.hub.recipe import Recipe
from featx.modalities import read_settings

__all__ = [
    "Drafted",
    "ModelSource",
    "add_backbone",
    "as_name",
    "draft_backbone",
    "find_model",
    "open_questions",
]

_GRAPH = "backbone.onnx"


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A graph, and the folder that says what it needs.

    Attributes
    ----------
    graph : Path
    folder : ModelFolder
    name : str
        What a backbone of it may be called.
    remark : str
        What a person should know of the choice; mostly empty.
    """

    graph: Path
    folder: ModelFolder
    name: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Drafted:
    """A card that is not complete yet.

    Attributes
    ----------
    card : Card
        With everything but digests, sizes, ``dim`` and ``batch``, which ``install`` finds.
    files : mapping of str to Path
        Where its further files lie, by their names in the card.
    made : mapping of str to bytes
        What is in those that lie nowhere, as ``install`` takes it.
    remarks : tuple of str
        What a person should know of it.
    """

    card: Card
    files: Mapping[str, Path]
    made: Mapping[str, bytes]
    remarks: tuple[str, ...]


def add_backbone(
    path: str | Path,
    *,
    name: str | None = None,
    file: str | None = None,
    tap: str | None = None,
    pooling: str | None = None,
    options: Mapping[str, Any] | None = None,
    dry_run: bool = False,
) -> Card:
    """Put a model into your model directory, with a card for it, and return the card.

    A folder as hubs publish them, or a graph in one, says itself what its graph needs, and in the card each
    entry has a comment that says where it comes from. Whether the graph takes pictures, texts or sounds is seen
    from its inputs. The backbone is run before it is added: what is not right with it is said.

    Parameters
    ----------
    path : path
        A folder, or an ONNX graph.
    name : str, default=None
        What the backbone is called; None is the name of the folder, or of a graph that lies alone.
    file : str, default=None
        Which graph of the folder, such as ``"onnx/model_fp16.onnx"``.
    tap, pooling : str, default=None
        The tensor to read, and how a row is made of it; None is what suits the model.
    options : mapping, default=None
        Entries of the card's table of the modality, which win over what the folder says; ``"prompt"``, a
        prompt by its name, and ``"dim"``, columns to keep, of texts; ``"like"`` of a graph of images whose
        folder says nothing, as ``import_model`` takes it.
    dry_run : bool, default=False
        Whether nothing is written, and the card is all that comes of it.

    Raises
    ------
    BadGraph
        The graph is none that a backbone can be made of.
    BadModelFolder
        The folder has no graph, or is of a model whose output is no one embedding a sample.
    BadOption
        Something that neither the folder nor the graph tells was not said either, or does not fit.
    OutputFailed
        The model directory cannot be written.

    Examples
    --------
    >>> add_backbone("no-such-folder")
    Traceback (most recent call last):
    featx.errors.BadGraph: no-such-folder: no such file; expected an ONNX graph
    """
    if not isinstance(path, str | os.PathLike):
        raise wrong_type("path", path, "that of a folder or of a graph")
    if options is not None and not isinstance(options, Mapping):
        raise wrong_type("options", options, "entries of a card by their names")
    found = find_model(Path(path), file)
    drafted = draft_backbone(found, name=name, tap=tap, pooling=pooling, options=options)
    for remark in drafted.remarks:
        warnings.warn(remark, FeatxNotice, stacklevel=2)
    return install(drafted.card, found.graph, drafted.files, made=drafted.made, dry_run=dry_run)


def draft_backbone(
    found: ModelSource,
    *,
    name: str | None = None,
    tap: str | None = None,
    pooling: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Drafted:
    """Return the card of a model but for what only its bytes and running them tell; as ``add_backbone``.

    Raises
    ------
    BadGraph, BadModelFolder, BadOption
        As ``add_backbone``.
    """
    given = dict(options or {})
    like = given.pop("like", None)
    table = {**_numbers(like), **given}
    recipe = read_recipe(found.folder, found.graph, table, tap=tap, pooling=pooling)
    name = name or found.name
    if recipe is None:
        card = draft_card(
            found.graph, name=name, like=like, options=given, tap=tap, pooling=pooling
        )
        return Drafted(card, {}, {}, ())
    made = dict(recipe.made)
    if (joined := join_layers(recipe, found.graph, found.folder)) is not None:
        made[_GRAPH] = joined
    files = {one: found.folder.path / one for one in recipe.files}
    remarks = tuple(filter(None, (found.remark, *recipe.all_remarks())))
    return Drafted(_card(recipe, name), files, made, remarks)


def _numbers(like: str | None) -> Mapping[str, Any]:
    """Return how pixels become numbers, as ``like`` says it."""
    if like is None:
        return {}
    if like not in LIKE:
        raise BadOption(f"like {like!r}: expected one of {', '.join(LIKE)}")
    return LIKE[like]


def open_questions(found: ModelSource, answers: Mapping[str, Any]) -> list[Question]:
    """Return what neither the graph nor its folder tells once ``answers`` are known, in the order to ask it.

    Questions are asked of graphs of images alone whose folder says nothing of images; ``answers`` are as
    ``featx.backbones.importing.questions`` takes them.

    Raises
    ------
    BadGraph, BadModelFolder
        As ``add_backbone``.
    """
    if not needs_answers(found.folder, found.graph, answers.get("tap")):
        return []
    return questions(found.graph, answers)


def find_model(path: Path, file: str | None = None) -> ModelSource:
    """Return the graph that a path means, and the folder that says what it needs.

    Raises
    ------
    BadModelFolder, BadOption
        As ``featx.hub.graph_file.choose_graph``.
    """
    if not path.is_dir():
        if file is not None:
            raise BadOption(f"file = {file!r}: {path} is no folder")
        folder = folder_of(path)
        named = path.stem if folder is None else folder.path.resolve().name
        return ModelSource(path, folder or ModelFolder(path.parent), as_name(named))
    folder = ModelFolder(path)
    graph, remark = choose_graph(folder, file)
    return ModelSource(path / graph, folder, as_name(path.resolve().name), remark)


def as_name(name: str) -> str:
    """Return the name of a file or folder as that of a backbone.

    >>> as_name("my model (2)")
    'my-model-2'
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("._-") or "backbone"


def _card(recipe: Recipe, name: str) -> Card:
    """Return the card that a recipe describes, but for what only the copied files and running them tell."""
    graph = {key: setting.value for key, setting in recipe.graph.items()}
    about = {key: setting.value for key, setting in recipe.about.items()}
    settings = read_settings(recipe.modality, recipe.table())
    comments = dict(recipe.comments())
    for field in fields(settings):  # type: ignore[arg-type]
        comments.setdefault(f"{recipe.modality}.{field.name}", "default of featx")
    comments.setdefault("graph.normalize", "default of featx")
    comments["dim"] = "found by running it"
    comments.setdefault("graph.batch", "found by running it")
    card = Card(
        name=name,
        modality=recipe.modality,
        graph=File(_GRAPH, "0" * 64),
        input=settings,
        dim=1,
        files=tuple(File(one, "0" * 64) for one in (*recipe.files, *recipe.made)),
        note="canary missing: no second implementation was run.",
        comments=tuple(comments.items()),
        **{"source": "added by its user", **about, **graph},
    )
    try:
        Card.from_toml(card.to_toml())
    except BadCard as error:
        raise BadOption(str(error)) from error
    return card
