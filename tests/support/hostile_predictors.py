"""Predictors by someone who mends every digest: a whole one to begin with, and what to change in it."""

from __future__ import annotations

import io
import json
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from click.testing import CliRunner
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import featx
from featx.catalog import get_card
from featx.cli import main
from featx.heads import TemperatureScaling, TrainedHead, make_head, to_arrays
from featx.persistence.metadata import file_table, seal
from featx.predictor import Classifier
from featx.tasks import get_task
from featx.training import fit_head
from featx.tuning import HeadConfig

__all__ = [
    "OWN",
    "Hostile",
    "estimator_of",
    "inspect",
    "linear_arrays",
    "npy",
    "read",
    "whole",
    "zipped",
]

DIM = 384
LABELS = ("ant", "bee", "cat")

OWN = {
    "boosting": lambda: make_head("boosting").set_params(
        histgradientboostingclassifier__max_iter=2
    ),
    "forest": lambda: RandomForestClassifier(3, random_state=0),
    "gradient": lambda: GradientBoostingClassifier(n_estimators=2, random_state=0),
    "tree-knn": lambda: make_pipeline(PCA(4), KNeighborsClassifier(3, algorithm="kd_tree")),
    "mlp": lambda: MLPClassifier((5,), max_iter=3, random_state=0),
    "bayes": lambda: GaussianNB(),
    "small": lambda: make_pipeline(StandardScaler(), PCA(3), LogisticRegression()),
}


@dataclass
class Hostile:
    """One predictor to load: its files, and its manifest before it is sealed.

    Attributes
    ----------
    name : str
        What is wrong with it.
    files : dict of str to bytes
        All files but the manifest.
    manifest : dict or bytes
        A table is sealed, with the digests of the files; bytes are written as they are.
    container : bytes or None
        One file that is written in place of a folder.
    """

    name: str
    files: dict[str, bytes] = field(default_factory=dict)
    manifest: Any = None
    container: bytes | None = None


def read(given: Hostile) -> None:
    """Load a predictor and ask it for all that it can say; answers must be probabilities."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.featx"
        write(given, path)
        loaded = featx.load(path)
        failure = None
        for ask in (
            _answers,
            _training,
            _doubts,
            lambda one: one.head.estimator,
            lambda one: one.config,
        ):
            try:
                ask(loaded)
            except featx.FeatxError as error:
                failure = error
        if failure is not None:
            raise failure


def inspect(given: Hostile) -> None:
    """Let the command line show what a predictor says of itself, in each of its forms."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.featx"
        write(given, path)
        for options in ([], ["--format", "json"], ["--config"]):
            done = CliRunner().invoke(main, ["inspect", str(path), *options])
            if done.exception is not None and not isinstance(done.exception, SystemExit):
                raise done.exception


def write(given: Hostile, path: Path) -> None:
    """Write the predictor, sealed, where nothing is yet."""
    if given.container is not None:
        path.write_bytes(given.container)
        return
    path.mkdir()
    for name, content in given.files.items():
        (path / name).write_bytes(content)
    (path / "manifest.json").write_bytes(_sealed(given))


def _sealed(given: Hostile) -> bytes:
    if isinstance(given.manifest, bytes):
        return given.manifest
    manifest = given.manifest
    if isinstance(manifest, dict) and isinstance(manifest.get("files"), dict):
        manifest = {**manifest, "files": {**manifest["files"], **file_table(given.files)}}
    return seal(manifest)


def _answers(loaded: Classifier) -> None:
    rows = np.random.default_rng(1).normal(size=(40, loaded.head.dim)).astype(np.float32)
    for some in (rows[:1], rows, rows * 1e6, np.zeros_like(rows[:2])):
        shares = loaded.head.predict_proba(some)
        assert shares.shape == (len(some), len(loaded.classes))
        assert np.isfinite(shares).all()
        assert np.allclose(shares.sum(axis=1), 1, atol=1e-4)
        loaded.head.predict(some)


def _doubts(loaded: Classifier) -> None:
    rows = np.random.default_rng(1).normal(size=(5, loaded.head.dim)).astype(np.float32)
    asked: list[dict[str, Any]] = [{}]
    if loaded.conformity is not None:
        asked += [{"abstain": True}, {"coverage": 0.5, "per_class": True, "method": "aps"}]
    if loaded.samples is not None and loaded.samples.distances is not None:
        asked.append({"novelty": 0.1})
    outputs = loaded.head.predict_outputs(rows)
    for one in asked:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            doubts = loaded.with_abstention(**one).abstention
        task = get_task(loaded.task_name)
        for certainty in doubts.certainties(task, outputs, rows, loaded.head.classes):
            assert certainty.set is None or {*certainty.set} <= {*loaded.classes}
            assert certainty.novelty is None or 0 < certainty.novelty <= 1


def _training(loaded: Classifier) -> None:
    report = loaded.report
    if report is not None:
        str(report)
        report.to_dict()
        report.samples  # noqa: B018


@cache
def rows_and_labels() -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(0).normal(size=(45, DIM)).astype(np.float32)
    labels = np.array(LABELS)[np.arange(45) % 3]
    rows[:, 0] += np.arange(45) % 3 * 3
    return rows, labels


@cache
def whole(name: str = "logistic") -> Hostile:
    """A predictor with a head of featx's by its name, or one of ``OWN``; nothing is wrong with it."""
    rows, labels = rows_and_labels()
    card = get_card("featx-image-nano")
    if name == "report":
        pictures = [np.full((9, 9, 3), v, np.uint8) for v in (0, 20, 40, 200, 220, 240)]
        classifier = featx.fit(pictures, ["dark"] * 3 + ["light"] * 3)
    elif name in OWN:
        with warnings.catch_warnings():
            # Three iterations are enough to be damaged.
            warnings.simplefilter("ignore")
            estimator = OWN[name]().fit(rows, labels)
        head = TrainedHead.from_estimator(name, estimator, TemperatureScaling())
        classifier = Classifier.from_card(card, head)
    else:
        trained = fit_head(rows, labels, HeadConfig(name))
        classifier = Classifier.from_card(card, trained.head)
    with tempfile.TemporaryDirectory() as folder:
        path = featx.save(classifier, Path(folder) / "x.featx")
        files = {one.name: one.read_bytes() for one in path.iterdir()}
    manifest = json.loads(files.pop("manifest.json"))
    del manifest["digest"]
    return Hostile("nothing", files, manifest)


def estimator_of(name: str) -> Any:
    """The fitted estimator of a whole predictor, a new one at each call."""
    return skops.io.loads(
        whole(name).files["head.skops"],
        trusted=skops.io.get_untrusted_types(data=whole(name).files["head.skops"]),
    )


def with_estimator(name: str, what: str, change: Callable[[Any], object]) -> Hostile:
    """A predictor whose estimator was changed before skops wrote it; its arrays are left out."""
    estimator = estimator_of(name)
    changed = change(estimator)
    files = {"head.skops": skops.io.dumps(changed if hasattr(changed, "fit") else estimator)}
    return Hostile(f"{name}: {what}", files, _without_arrays(whole(name).manifest))


def _without_arrays(manifest: dict[str, Any]) -> dict[str, Any]:
    names = ("head.npz", "samples.npz")
    return {
        **manifest,
        "files": {key: value for key, value in manifest["files"].items() if key not in names},
    }


def with_head(name: str, what: str, data: bytes) -> Hostile:
    """A predictor with other bytes in place of what skops wrote."""
    return Hostile(f"{name}: {what}", {"head.skops": data}, _without_arrays(whole(name).manifest))


def with_arrays(what: str, data: bytes, *, name: str = "logistic") -> Hostile:
    """A predictor with other bytes in place of its arrays."""
    return Hostile(f"arrays: {what}", {**whole(name).files, "head.npz": data}, whole(name).manifest)


def with_manifest(
    what: str, change: Callable[[dict[str, Any]], object], *, name: str = "logistic"
) -> Hostile:
    """A predictor with another manifest, which is sealed again."""
    manifest = json.loads(json.dumps(whole(name).manifest))
    change(manifest)
    return Hostile(f"manifest: {what}", whole(name).files, manifest)


def linear_arrays(**changed: Any) -> bytes:
    """The arrays of the linear head, some of them others; None leaves one out."""
    arrays = to_arrays(estimator_of("logistic"))
    table = {key: getattr(arrays, key) for key in ("classes", "mean", "scale", "coef", "intercept")}
    table |= {
        key: value(table[key]) if callable(value) else value for key, value in changed.items()
    }
    stream = io.BytesIO()
    np.savez(stream, **{key: value for key, value in table.items() if value is not None})
    return stream.getvalue()


def members(data: bytes) -> dict[str, bytes]:
    """The members of a zip, by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: dict[str, bytes], *, method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of some members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def npy(header: str, body: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """An array file with a header of anyone's."""
    text = header.encode("latin-1")
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text + body


def patched(data: bytes, offset: int, value: bytes, *, signature: bytes = b"PK\1\2") -> bytes:
    """A zip with bytes changed in its first record of a kind; the directory's by default."""
    start = data.index(signature) + offset
    return data[:start] + value + data[start + len(value) :]


def nodes_of(tree: Any) -> Iterator[dict[str, Any]]:
    """Every description in a schema of skops, to be changed in place."""
    if isinstance(tree, dict):
        if "__loader__" in tree:
            yield tree
        for value in tree.values():
            yield from nodes_of(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from nodes_of(value)


def with_schema(name: str, what: str, change: Callable[[dict[str, Any]], object]) -> Hostile:
    """A predictor whose description of objects was changed."""
    parts = members(whole(name).files["head.skops"])
    schema = json.loads(parts["schema.json"])
    changed = change(schema)
    text = json.dumps(schema if changed is None else changed)
    return with_head(name, what, zipped({**parts, "schema.json": text.encode()}))
