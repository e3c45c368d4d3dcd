"""A worker: it holds one backbone and makes one shard after another, on any machine that sees the files."""

from __future__ import annotations

import json
import os
import platform
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata

import numpy as np

from featx import errors
from featx.backbones.backbone import CANARY_TOLERANCE, Backbone, open_backbone
from featx.backbones.providers import Provider
from featx.catalog import Card
from featx.distributed.attempts import counting, is_seen
from featx.embedding.engine import Engine
from featx.embedding.rows import Reject, Written
from featx.errors import ClusterFailed, FeatxError, FeatxWarning, UnknownName
from featx.sources import Sample
from featx.storage.border import library_border
from featx.tables.shard_plan import make_shard, written_or_fail
from featx.tables.shards import Shard, ShardFolder

__all__ = ["Job", "ShardOutcome", "Worker", "ends_of", "library_versions", "open_job"]

# Libraries whose versions may change a last digit of a row, or the bytes of a shard.
_LIBRARIES = ("numpy", "onnxruntime", "pillow", "pyarrow", "soundfile", "soxr", "tokenizers")


@dataclass(frozen=True, slots=True)
class Job:
    """All that a worker has to know, but for the samples; it is sent to each.

    Attributes
    ----------
    card : Card
    provider : Provider
    fingerprint : str
        That of the backbone where the job was started.
    canary : tuple of float
        The row of the modality's built-in sample there.
    folder : ShardFolder
    engine : Engine
        How rows are made, in one thread.
    marker : str
        The name of a folder in that of the shards, in which attempts are counted.
    working_directory : str
        Where relative paths begin.
    versions : mapping of str to str
        Those of the libraries where the job was started.
    """

    card: Card
    provider: Provider
    fingerprint: str
    canary: tuple[float, ...]
    folder: ShardFolder
    engine: Engine
    marker: str
    working_directory: str
    versions: Mapping[str, str]


def open_job(backbone: Backbone, folder: ShardFolder, engine: Engine, marker: str) -> Job:
    """Return the job of making shards in a folder with a backbone; workers take one thread each."""
    settings = backbone.card.input
    reader = backbone.reader
    row = backbone.embed_items([reader.read(reader.load(settings.canary()))])[0]
    return Job(
        card=backbone.card,
        provider=backbone.provider,
        fingerprint=backbone.fingerprint,
        canary=tuple(row.tolist()),
        folder=folder,
        engine=engine,
        marker=marker,
        working_directory=os.getcwd(),  # noqa: PTH109
        versions=library_versions(),
    )


def library_versions() -> dict[str, str]:
    """Return the installed versions of the libraries that decide the bytes of a shard."""
    versions = {}
    for name in _LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


@dataclass(frozen=True, slots=True)
class ShardOutcome:
    """The outcome of one shard: what it holds, or why it could not be made.

    Attributes
    ----------
    number : int
        The number of the shard.
    written : Written
    remarks : tuple of str
        What is to be said as a warning.
    kind, message : str
        The name of the class of a failure in ``featx.errors``, and what it says; empty where there is none.
    """

    number: int
    written: Written
    remarks: tuple[str, ...] = ()
    kind: str = ""
    message: str = ""

    @classmethod
    def of_failure(
        cls, number: int, error: FeatxError, remarks: tuple[str, ...] = ()
    ) -> ShardOutcome:
        """Return the outcome of a shard that could not be made."""
        return cls(number, Written(0, ()), remarks, type(error).__name__, str(error))

    def to_json(self) -> str:
        """Return the outcome as text."""
        table = {
            "number": self.number,
            "rows": self.written.rows,
            "rejects": [[reject.id, reject.reason] for reject in self.written.rejects],
            "remarks": list(self.remarks),
            "kind": self.kind,
            "message": self.message,
        }
        return json.dumps(table)

    @classmethod
    def from_json(cls, text: str) -> ShardOutcome:
        """Return the outcome that ``to_json`` wrote."""
        table = json.loads(text)
        rejects = tuple(Reject(*pair) for pair in table["rejects"])
        return cls(
            number=table["number"],
            written=Written(table["rows"], rejects),
            remarks=tuple(table["remarks"]),
            kind=table["kind"],
            message=table["message"],
        )

    def check(self) -> Written:
        """Return what the shard holds, its remarks said.

        Raises
        ------
        FeatxError
            It could not be made; of the class of what was raised where that was tried.
        """
        for remark in self.remarks:
            warnings.warn(remark, FeatxWarning, stacklevel=2)
        if not self.kind:
            return self.written
        kind = getattr(errors, self.kind, FeatxError)
        # These are made of a name and those that are known.
        raise (ClusterFailed if issubclass(kind, UnknownName) else kind)(self.message)


class Worker:
    """A backbone that makes shards; a failure is an outcome, so that no traceback travels.

    Parameters
    ----------
    job : Job
    node : str, optional
        What messages call this machine; by default its name.
    """

    def __init__(self, job: Job, node: str | None = None) -> None:
        self.job = job
        self.node = node or platform.node()
        # Relative paths are those of where the job was started; what is not seen is said of the shard.
        with suppress(OSError):
            os.chdir(job.working_directory)
        self._backbone: Backbone | None = None
        self._remarks = list(self._different_libraries())

    def make(
        self, shard: Shard, samples: Sequence[Sample], ends: str | None = None
    ) -> ShardOutcome:
        """Make one shard where it is missing, and return what it holds or why it could not be made.

        Parameters
        ----------
        shard : Shard
        samples : sequence of Sample
        ends : str, optional
            The digest of its first and last samples as the machine that started the job sees them.
        """
        subject = f"{self.job.folder.path / shard.name}: on node {self.node}"
        written, failure = Written(0, ()), None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", FeatxWarning)
            try:
                with library_border(subject, ClusterFailed):
                    written = self._make(shard, samples, ends)
            except FeatxError as error:
                failure = error
        said = [str(one.message) for one in caught if issubclass(one.category, FeatxWarning)]
        remarks, self._remarks = (*self._remarks, *said), []
        if failure is None:
            return ShardOutcome(shard.number, written, remarks)
        return ShardOutcome.of_failure(shard.number, failure, remarks)

    def _make(self, shard: Shard, samples: Sequence[Sample], ends: str | None) -> Written:
        folder, engine = self.job.folder, self.job.engine
        self._check_files(shard, samples, ends)
        backbone = self._open()
        written = written_or_fail(folder, shard, samples, engine)
        if written is not None:
            return written
        with counting(folder.path, self.job.marker, shard):
            return make_shard(folder, shard, samples, backbone, engine)

    def _open(self) -> Backbone:
        """Return the backbone, which gives here the rows that it gives where the job was started."""
        if self._backbone is None:
            job = self.job
            try:
                backbone = open_backbone(job.card, job.provider)
            except FeatxError as error:
                raise ClusterFailed(f"node {self.node}: {error}") from error
            if backbone.fingerprint != job.fingerprint:
                raise ClusterFailed(
                    f"node {self.node}: its {job.card.name} has fingerprint {backbone.fingerprint[:12]}, and "
                    f"{job.fingerprint[:12]} where the job was started; install the same featx on every node"
                )
            reader = backbone.reader
            row = backbone.embed_items([reader.read(reader.load(job.card.input.canary()))])[0]
            expected = np.array(job.canary, np.float32)
            allowed = CANARY_TOLERANCE * max(1.0, float(np.abs(expected).max()))
            deviation = float(np.abs(row - expected).max())
            if not deviation <= allowed:
                raise ClusterFailed(
                    f"node {self.node}: its {job.card.name} gives another row of the built-in sample than "
                    f"where the job began: by {deviation:.2g}, allowed {allowed:.2g}; try `featx doctor` there"
                )
            self._backbone = backbone
        return self._backbone

    def _check_files(self, shard: Shard, samples: Sequence[Sample], ends: str | None) -> None:
        """Refuse to work where this machine does not see the files that the others see."""
        where = f"node {self.node} does not see"
        advice = "expected paths that every node reaches, such as those of a shared file system"
        if not is_seen(self.job.folder.path, self.job.marker):
            raise ClusterFailed(
                f"{self.job.folder.path}: {where} this folder of shards as it is where the job was "
                f"started; {advice}"
            )
        if ends is not None and self.job.folder.digest(ends_of(samples)) != ends:
            raise ClusterFailed(
                f"{shard.name}: {where} {ends_of(samples)[0].id!r:.200} as it is where the job was started; "
                f"{advice}, and files that do not change meanwhile"
            )

    def _different_libraries(self) -> Iterator[str]:
        own = library_versions()
        if own == self.job.versions:
            return
        pairs = [
            f"{name} {own.get(name, 'missing')} instead of {self.job.versions.get(name, 'none')}"
            for name in sorted({*own, *self.job.versions})
            if own.get(name) != self.job.versions.get(name)
        ]
        yield (
            f"node {self.node} has {', '.join(pairs)}: its rows may differ in their last digits, and its "
            "shards in their bytes; install the same versions on every node"
        )


def ends_of(samples: Sequence[Sample]) -> list[Sample]:
    """Return the first and the last of several samples, by which a shared file system is told from another.

    >>> [sample.id for sample in ends_of([Sample(name, name) for name in "abc"])]
    ['a', 'c']
    """
    return [samples[0], samples[-1]] if samples else []
