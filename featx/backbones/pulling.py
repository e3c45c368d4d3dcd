"""Pull a model from a hub and add it: one command from an address, or a short name, to a backbone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from featx.backbones.adding import add_backbone, as_name
from featx.catalog import SHORT_NAMES, Card, get_card
from featx.catalog.transfer import Progress
from featx.errors import BadOption, UnknownBackbone
from featx.hub.address import PREFIX, ModelAddress
from featx.hub.client import DEFAULT_ENDPOINT, Hub
from featx.hub.pull import pull_folder
from featx.storage.atomic import replacing

__all__ = ["Add", "Wanted", "pull_model", "read_wanted"]


class Add(Protocol):
    """What makes a backbone of a model folder."""

    def __call__(self, path: Path, *, file: str, name: str) -> Card:
        """Put the graph ``file`` of a folder into the user's model directory, as ``name``; return its card."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model of a hub that somebody names.

    Attributes
    ----------
    address : ModelAddress
    name : str
        What its backbone is called where nobody says.
    licence : str or None
        That of the model, where it is known beforehand.
    """

    address: ModelAddress
    name: str
    licence: str | None = None


def read_wanted(text: str, *, file: str | None = None) -> Wanted:
    """Return the model that an address or a short name means.

    Parameters
    ----------
    text : str
        ``hf:OWNER/NAME[@REVISION][:FILE]``, or a short name.
    file : str, default=None
        Another graph than the address or the table says.

    Raises
    ------
    BadOption
        The address is none.
    UnknownBackbone
        No model has that short name.

    Examples
    --------
    >>> read_wanted("dinov2-small").address.repository
    'onnx-community/dinov2-small'
    >>> read_wanted("hf:someone/My_Model").name
    'My_Model'
    """
    short = SHORT_NAMES.get(text)
    if short is None and not text.startswith(PREFIX):
        raise UnknownBackbone(text, SHORT_NAMES)
    address = ModelAddress.read(short.address if short else text)
    if file is not None:
        if not short and address.file not in (None, file):
            raise BadOption(f"{text}: names a graph, and file = {file!r} another; say one")
        address = replace(address, file=file)
    if short:
        return Wanted(address, text, short.licence)
    return Wanted(address, as_name(address.name))


def pull_model(
    model: Wanted | str,
    *,
    add: Add = add_backbone,
    name: str | None = None,
    hub: Hub | None = None,
    accept_licence: bool = False,
    progress: Progress | None = None,
    log: Callable[[str], object] | None = None,
) -> Card:
    """Pull a model from a hub, add it as a backbone, and return the card, which names commit and licence.

    What was pulled stays in the cache until the backbone is added: a next call goes on from there.

    Parameters
    ----------
    model : Wanted or str
        What ``read_wanted`` reads, or has read.
    add : callable, default=add_backbone
        Makes a backbone of the folder that was pulled.
    name : str, default=None
        What the backbone is called; None is the short name, or the last part of the repository's.
    hub : Hub, default=None
        None is the one that the environment names.
    accept_licence, progress, log
        As ``featx.hub.pull.pull_folder``.

    Raises
    ------
    BadOption
        A backbone of that name is there already, or as ``pull_folder``.
    DownloadFailed, WrongDigest, OutputFailed, BadGraph, BadModelFolder
        As ``pull_folder``, or as ``add``.
    """
    wanted = read_wanted(model) if isinstance(model, str) else model
    name = name or wanted.name
    _refuse_taken(name)
    hub = hub or Hub.from_environment()
    pulled = pull_folder(
        wanted.address,
        hub,
        accept_licence=accept_licence,
        stated=wanted.licence,
        progress=progress,
        log=log,
    )
    mirror = "" if hub.endpoint == DEFAULT_ENDPOINT else f" from {hub.endpoint}"
    card = add(pulled.folder, file=pulled.graph, name=name)
    comments = {"license": pulled.licence.origin, "source": "where it was pulled from"}
    card = replace(
        card,
        license=pulled.licence.label,
        source=f"{pulled.address}{mirror}",
        comments=tuple((dict(card.comments) | comments).items()) if card.comments else (),
    )
    # otherwise nothing was added, and what was pulled is for the time when it is
    if card.path is not None:
        with replacing(card.path) as temporary:
            temporary.write_text(card.to_toml(), encoding="utf-8")
        shutil.rmtree(pulled.folder, ignore_errors=True)
    return card


def _refuse_taken(name: str) -> None:
    """Raise BadOption where a backbone has the name, before anything is pulled in vain."""
    try:
        card = get_card(name)
    except UnknownBackbone:
        return
    raise BadOption(
        f"{name}: a backbone of that name is there, from {card.source}; remove it first (featx backbones "
        f"remove {name}), or choose another with name="
    )
