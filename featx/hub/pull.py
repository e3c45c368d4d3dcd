"""Pull a model from a hub into a folder: its graph, the weights beside it, and what says how it is used.

Nothing else is taken: no code, no links, no weights of other formats.
"""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from featx.catalog.transfer import Progress
from featx.errors import (
    BadArtifact,
    BadGraph,
    BadOption,
    DownloadFailed,
    FeatxNotice,
    FeatxWarning,
    OutputFailed,
)
from featx.graphs import external_data
from featx.hub.address import ModelAddress, is_plain_name
from featx.hub.client import Hub, HubFile, Repository
from featx.hub.graph_file import choose_among
from featx.hub.licences import Licence, read_licence
from featx.storage.atomic import os_errors_in_words
from featx.storage.dirs import cache_dir
from featx.storage.json_text import parse_json_text

__all__ = ["Pulled", "clear_pulled", "notify", "pull_folder", "pulled_bytes"]

Log = Callable[[str], object]

# Bytes of a configuration or a tokenizer, of a README, and of a graph: protobuf holds no more.
_LARGEST_TEXT, _LARGEST_README, _LARGEST_GRAPH = 1 << 27, 1 << 20, (1 << 31) - 1
# Configurations, and files of weights beside a graph.
_MOST_TEXTS, _MOST_WEIGHTS = 100, 4096
_GRAPH = ".onnx"
# Modules of sentence-transformers with weights of their own, and configurations of modules as it numbers them.
_WEIGHTED = ("Dense", "LayerNorm")
_MODULE = re.compile(r"\d+_[A-Za-z]+/config\.json")
_INDEX = ".safetensors.index.json"
# Bytes that a disk shall keep free.
_SPARE = 1 << 24


@dataclass(frozen=True, slots=True)
class Pulled:
    """A model folder that was pulled.

    Attributes
    ----------
    folder : Path
        In the cache; it is there until it is removed.
    graph : str
        The name of the graph in it.
    address : ModelAddress
        The repository by the name that it has now, the commit, and the graph.
    licence : Licence
    """

    folder: Path
    graph: str
    address: ModelAddress
    licence: Licence


def pull_folder(
    model: ModelAddress,
    hub: Hub,
    *,
    accept_licence: bool = False,
    stated: str | None = None,
    progress: Progress | None = None,
    log: Log | None = None,
) -> Pulled:
    """Pull a model into a folder of the cache, every byte verified; a broken pull goes on where it broke.

    Parameters
    ----------
    accept_licence : bool, default=False
        Whether a licence that is not among the free ones was read and is accepted.
    stated : str, default=None
        The licence of the model, where the repository states none.
    progress : callable, default=None
        Called with the number of bytes that came since the last call.
    log : callable, default=None
        Called with a line of words: what is pulled, at which commit, under which licence. None is a
        FeatxNotice.

    Raises
    ------
    DownloadFailed
        The hub refuses, or the connection keeps breaking.
    WrongDigest
        The hub has other bytes than it promises.
    BadOption
        The licence is to be accepted, or the repository has no such graph, or several of which none is usual.
    BadModelFolder
        The repository has no graph.
    BadGraph
        The graph is none, or keeps its weights where none can be.
    OutputFailed
        The cache cannot be written, or the disk has too little room.
    """
    repository = hub.repository(model)
    _warn_of_new_name(model, repository)
    folder = _home() / f"{repository.name.replace('/', '--')}@{repository.commit}"
    graph, remark = choose_among(
        filter(is_plain_name, repository.names), repository.name, model.file
    )
    licence = _licence(repository, hub, folder, stated)
    _require(licence, repository, hub, accepted=accept_licence)
    address = ModelAddress(repository.name, repository.commit, graph)
    log = log or notify
    if remark:
        log(remark)
    origin = f" ({licence.origin})" if licence.origin else ""
    log(f"{address}: licence {licence.label}{origin}")

    def fetch(file: HubFile) -> Path:
        return hub.fetch(repository, file, folder, progress)

    texts = [repository.file(name) for name in _configurations(repository, graph)]
    _require_room(folder, [*texts, repository.file(graph)])
    for file in texts:
        fetch(file)
    for file in _modules(repository, folder):
        fetch(file)
    data = _bounded(fetch(_bounded_file(repository.file(graph), _LARGEST_GRAPH)))
    weights = _weights(repository, graph, data)
    _require_room(folder, weights)
    for file in weights:
        fetch(file)
    return Pulled(folder, graph, address, licence)


def pulled_bytes() -> int:
    """Return how many bytes of models lie in the cache that were pulled and not yet added."""
    return sum(path.stat().st_size for path in _home().rglob("*") if path.is_file())


def clear_pulled() -> int:
    """Remove all models that were pulled and not yet added, and return how many there were."""
    folders = [path for path in _home().glob("*") if path.is_dir()]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return len(folders)


def _home() -> Path:
    return cache_dir() / "hub"


def notify(message: str) -> None:
    """Say a line of words as a FeatxNotice."""
    warnings.warn(message, FeatxNotice, stacklevel=3)


def _warn_of_new_name(model: ModelAddress, repository: Repository) -> None:
    if repository.name.casefold() != model.repository.casefold():
        warnings.warn(
            f"{model}: the repository is called {repository.name} now, and that is what is pulled",
            FeatxWarning,
            stacklevel=3,
        )


def _licence(repository: Repository, hub: Hub, folder: Path, stated: str | None) -> Licence:
    """Return the licence that a repository states, or else the one that is known of the model."""
    licence = read_licence(repository.card, repository.tags, None)
    if not licence.names and "README.md" in repository:
        file = repository.file("README.md")
        if file.size <= _LARGEST_README:
            readme = hub.fetch(repository, file, folder).read_bytes()
            licence = read_licence(None, None, readme)
    if not licence.names and stated:
        return Licence((stated,), origin="of the model; the repository states none")
    return licence


def _require(licence: Licence, repository: Repository, hub: Hub, *, accepted: bool) -> None:
    if licence.is_free or accepted:
        return
    page = f"{hub.endpoint}/{repository.name}"
    where = f"{page}, {licence.link}" if licence.link else page
    what = f"is {licence.label}" if licence.names else "is not stated"
    raise BadOption(
        f"{repository.name}: its licence {what}, which is none of the free ones that featx knows; read it at "
        f"{where}, and say accept_licence=True if you accept it"
    )


def _configurations(repository: Repository, graph: str) -> list[str]:
    """Return the names of the small files that say how a graph is used."""
    folder = PurePosixPath(graph).parent
    names = []
    for name in repository.names:
        path = PurePosixPath(name)
        near = str(path.parent) in (".", str(folder))
        text = path.suffix == ".json" and not name.endswith(_INDEX)
        if (near and (text or path.name == "vocab.txt")) or _MODULE.fullmatch(name):
            names.append(name)
    if len(names) > _MOST_TEXTS:
        raise DownloadFailed(
            f"{repository.name}: has {len(names)} configurations, expected at most {_MOST_TEXTS}"
        )
    for name in names:
        _bounded_file(repository.file(name), _LARGEST_TEXT)
    twice = {name.casefold() for name in names}
    if len(twice) < len(names):
        raise DownloadFailed(f"{repository.name}: has files whose names differ in case alone")
    return names


def _modules(repository: Repository, folder: Path) -> Iterator[HubFile]:
    """Give the files of the modules that come after a graph, as ``modules.json`` names them."""
    if "modules.json" not in repository:
        return
    data = _bounded(folder / "modules.json")
    try:
        modules = parse_json_text(data, "modules.json", limit=_LARGEST_TEXT)
    except BadArtifact as error:
        raise DownloadFailed(f"{repository.name}: {error}") from error
    entries = (
        [entry for entry in modules if isinstance(entry, dict)] if isinstance(modules, list) else []
    )
    for entry in entries[:_MOST_TEXTS]:
        kind, path = str(entry.get("type")).rpartition(".")[2], entry.get("path")
        names = ["config.json", *(["model.safetensors"] if kind in _WEIGHTED else [])]
        for name in names:
            whole = f"{path}/{name}"
            if path and isinstance(path, str) and whole in repository:
                yield _bounded_file(repository.file(whole), _LARGEST_GRAPH)


def _weights(repository: Repository, graph: str, data: bytes) -> list[HubFile]:
    """Return the files beside a graph in which its weights lie, as the graph itself names them."""
    try:
        names = external_data(data)
    except BadGraph as error:
        raise BadGraph(f"{repository.name}: {graph}: {error}") from error
    if len(names) > _MOST_WEIGHTS:
        raise BadGraph(
            f"{repository.name}: {graph} keeps its weights in {len(names)} files, expected at most "
            f"{_MOST_WEIGHTS}"
        )
    folder = PurePosixPath(graph).parent
    files = []
    for name in sorted(map(str, names)):
        whole = (folder / name).as_posix()
        if not is_plain_name(name) or name.endswith((".py", ".json", _GRAPH)):
            raise BadGraph(
                f"{repository.name}: {graph} keeps weights in {name[:80]!r}: expected a file of weights "
                "beside it"
            )
        if whole not in repository:
            raise BadGraph(
                f"{repository.name}: {graph} keeps weights in {whole}, which is not there"
            )
        files.append(repository.file(whole))
    return files


def _bounded_file(file: HubFile, limit: int) -> HubFile:
    if file.size > limit:
        raise DownloadFailed(f"{file.name}: has {file.size:,} bytes, expected at most {limit:,}")
    return file


def _bounded(path: Path) -> bytes:
    with os_errors_in_words(path):
        return path.read_bytes()


def _require_room(folder: Path, files: list[HubFile]) -> None:
    """Raise OutputFailed where a disk has too little room for files that are not there yet."""
    needed = sum(file.size for file in files if not (folder / file.name).exists())
    with os_errors_in_words(folder):
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    if needed + _SPARE > free:
        raise OutputFailed(
            f"{folder}: {needed:,} bytes are to be pulled, and the disk has {free:,} free"
        )
