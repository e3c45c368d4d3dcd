"""Pull a model from a hub and add it: one command from an address, or a short name, to a backbone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from featx.backbones.adding import Drafted, ModelSource, as_name, draft_backbone, find_model
from featx.backbones.installing import install
from featx.catalog import SHORT_NAMES, Card, advice_for, get_card
from featx.catalog.transfer import Progress
from featx.errors import BadOption, UnknownBackbone
from featx.hub.address import PREFIX, ModelAddress
from featx.hub.client import DEFAULT_ENDPOINT, Hub
from featx.hub.pull import Pulled, notify, pull_folder

__all__ = ["Draft", "Wanted", "pull_model", "read_wanted"]


class Draft(Protocol):
    """A function that makes a card of a model folder, as ``featx.backbones.adding.draft_backbone`` does."""

    def __call__(self, found: ModelSource, *, name: str | None = None) -> Drafted:
        """Return the card of a graph in a folder, under a name, and the files that it needs."""


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
    unsaid : str
        What to say where the repository does not; "" where nothing is known of it.
    """

    address: ModelAddress
    name: str
    licence: str | None = None
    unsaid: str = ""


def read_wanted(text: str, *, file: str | None = None, name: str | None = None) -> Wanted:
    """Return the model that an address or a short name means.

    Parameters
    ----------
    text : str
        ``hf:OWNER/NAME[@REVISION][:FILE]``, or a short name.
    file : str, default=None
        Another graph than the address or the table says.
    name : str, default=None
        What its backbone is called; None is the short name, or the last part of the repository's.

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
        raise UnknownBackbone(text, SHORT_NAMES, advice=advice_for(text))
    address = ModelAddress.read(short.address if short else text)
    if file is not None:
        if not short and address.file not in (None, file):
            raise BadOption(f"{text}: names a graph, and file = {file!r} another; say one")
        address = replace(address, file=file)
    if short:
        return Wanted(address, name or text, short.licence, short.unsaid)
    return Wanted(address, name or as_name(address.name))


def pull_model(
    model: Wanted | str,
    *,
    draft: Draft = draft_backbone,
    hub: Hub | None = None,
    accept_licence: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
    log: Callable[[str], object] | None = None,
) -> Card:
    """Pull a model from a hub, add it as a backbone, and return the card, which names commit and licence.

    What was pulled stays in the cache until the backbone is added: a next call goes on from there.

    Parameters
    ----------
    model : Wanted or str
        What ``read_wanted`` reads, or has read.
    draft : callable, default=draft_backbone
        Makes a card of the folder that was pulled.
    hub : Hub, default=None
        None is the one that the environment names.
    dry_run : bool, default=False
        Whether nothing is added, and the card is all that comes of it.
    accept_licence, progress, log
        As ``featx.hub.pull.pull_folder``.

    Raises
    ------
    BadOption
        A backbone of that name is there already, or as ``pull_folder``.
    DownloadFailed, WrongDigest, OutputFailed, BadGraph, BadModelFolder
        As ``pull_folder``, or as ``add_backbone``.
    """
    wanted = read_wanted(model) if isinstance(model, str) else model
    if not dry_run:
        _refuse_taken(wanted.name)
    hub, log = hub or Hub.from_environment(), log or notify
    pulled = pull_folder(
        wanted.address,
        hub,
        accept_licence=accept_licence,
        stated=wanted.licence,
        progress=progress,
        log=log,
    )
    found = find_model(pulled.folder, pulled.graph)
    try:
        drafted = draft(found, name=wanted.name)
    except BadOption as error:
        if not wanted.unsaid:
            raise
        raise BadOption(f"{error}; {wanted.unsaid}") from error
    for remark in drafted.remarks:
        log(remark)
    card = _with_origin(drafted.card, pulled, hub)
    card = install(card, found.graph, drafted.files, made=drafted.made, dry_run=dry_run)
    if not dry_run:
        shutil.rmtree(pulled.folder, ignore_errors=True)
    return card


def _with_origin(card: Card, pulled: Pulled, hub: Hub) -> Card:
    """Return a card that says where it is from, at which commit, and under which licence."""
    mirror = "" if hub.endpoint == DEFAULT_ENDPOINT else f" from {hub.endpoint}"
    comments = {"license": pulled.licence.origin, "source": "where it was pulled from"}
    return replace(
        card,
        license=pulled.licence.label,
        source=f"{pulled.address}{mirror}",
        comments=tuple((dict(card.comments) | comments).items()) if card.comments else (),
    )


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
