"""A first look at featx, on pictures that it draws itself and on scans that come with scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from featx.backbone import Backbone
from featx.engine import Baseline, Embedder, Engine
from featx.evaluation import Report, evaluate_predictions
from featx.heads import HEADS
from featx.samples import Sample
from featx.tuning import Recipe, fit_choice, tune

__all__ = ["SHAPES", "Contest", "Labelled", "draw", "load_digits", "load_drawings", "run_demo"]

Picture = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float64]

_SIDE = 64  # pixels of a drawing


@dataclass(frozen=True, slots=True)
class Labelled:
    """A small labelled set: a few samples a class to learn from, more to measure on."""

    text: str
    train: tuple[Sample, ...]
    test: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Contest:
    """The same head on frozen features and on raw pixels, measured on the same samples."""

    data: Labelled
    shots: int  # training samples a class
    features: Report
    pixels: Report


# Each shape is where |x|, |y| and the radius, in units of its size, say that there is paint.
SHAPES: Mapping[str, Callable[[Plane, Plane], npt.NDArray[np.bool_]]] = MappingProxyType(
    {
        "checks": lambda x, y: (
            (np.sin(7 * x) * np.sin(7 * y) > 0) & (np.maximum(abs(x), abs(y)) < 1)
        ),
        "cross": lambda x, y: (
            (np.minimum(abs(x), abs(y)) < 0.28) & (np.maximum(abs(x), abs(y)) < 1)
        ),
        "disc": lambda x, y: np.hypot(x, y) < 0.9,
        "ring": lambda x, y: abs(np.hypot(x, y) - 0.75) < 0.2,
        "square": lambda x, y: np.maximum(abs(x), abs(y)) < 0.8,
        "stripes": lambda x, y: (np.sin(9 * x) > 0) & (np.maximum(abs(x), abs(y)) < 1),
        "triangle": lambda x, y: (y < 0.6) & (y > 2 * abs(x) - 1),
    }
)


def run_demo(
    backbone: Backbone, engine: Engine | None = None, *, seed: int = 0
) -> Iterator[Contest]:
    """Train and measure on each set, one after the other, as soon as each is done."""
    engine = engine or Engine()
    for data in (load_drawings(seed=seed), load_digits(seed=seed)):
        yield _contest(data, backbone, engine, seed)


def load_drawings(*, shots: int = 10, tests: int = 40, seed: int = 0) -> Labelled:
    """Synthetic pictures of the seven shapes, 64 x 64, different in place, size, angle, colour and noise."""
    rng = np.random.default_rng(seed)
    samples = [
        [Sample(f"{label}-{i}", draw(label, rng), label) for label in SHAPES]
        for i in range(shots + tests)
    ]
    return Labelled(
        f"{len(SHAPES)} shapes that featx draws itself (synthetic)",
        tuple(sample for few in samples[:shots] for sample in few),
        tuple(sample for many in samples[shots:] for sample in many),
    )


def draw(label: str, rng: np.random.Generator) -> Picture:
    """One picture of a shape; shape (64, 64, 3), uint8."""
    grid = np.linspace(-1, 1, _SIDE)
    x, y = np.meshgrid(grid - rng.uniform(-0.35, 0.35), grid - rng.uniform(-0.35, 0.35))
    size, angle = rng.uniform(0.35, 0.65), rng.uniform(-0.4, 0.4)
    across = (np.cos(angle) * x + np.sin(angle) * y) / size
    down = (np.cos(angle) * y - np.sin(angle) * x) / size
    paint, paper = _two_colours(rng)
    mask = SHAPES[label](across, down)[..., None]
    picture = np.where(mask, paint, paper) + rng.normal(0, 20, (_SIDE, _SIDE, 3))
    return picture.clip(0, 255).astype(np.uint8)


def _two_colours(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Two colours that can be told apart."""
    while True:
        paint, paper = rng.uniform(0, 255, (2, 3))
        if np.abs(paint - paper).sum() > 250:
            return paint, paper


def load_digits(*, shots: int = 10, tests: int = 30, seed: int = 0) -> Labelled:
    """Handwritten digits, real scans of 8 x 8 that come with scikit-learn, enlarged to 64 x 64.

    From the UCI repository (Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", 1998).
    """
    from sklearn.datasets import load_digits as load

    data = load()
    rng = np.random.default_rng(seed)
    train: list[Sample] = []
    test: list[Sample] = []
    for digit in range(10):
        members = rng.permutation(np.flatnonzero(data.target == digit))[: shots + tests]
        for i in members.tolist():
            grey = np.kron(data.images[i] * (255 / 16), np.ones((8, 8)))
            sample = Sample(str(i), np.repeat(grey[..., None], 3, 2).astype(np.uint8), str(digit))
            (train if len(train) < (digit + 1) * shots else test).append(sample)
    text = "10 handwritten digits, real scans of 8 x 8 pixels, from scikit-learn"
    return Labelled(text, tuple(train), tuple(test))


def _contest(data: Labelled, backbone: Backbone, engine: Engine, seed: int) -> Contest:
    pixels = _measure(data, Baseline(backbone.card.input), replace(engine, progress=None), seed)
    features = _measure(data, backbone, engine, seed)
    shots = len(data.train) // len({sample.label for sample in data.train})
    return Contest(data, shots, features, pixels)


def _measure(data: Labelled, embedder: Embedder, engine: Engine, seed: int) -> Report:
    train, test = engine.embed(data.train, embedder), engine.embed(data.test, embedder)
    labels = np.asarray([str(label) for label in train.labels])
    recipe = Recipe(seed=seed, n_jobs=engine.n_jobs)
    choice = tune([HEADS["logistic"]], train.embeddings, labels, recipe=recipe, repeats=3)
    head = fit_choice(choice, train.embeddings, labels)
    return evaluate_predictions(
        list(map(str, test.labels)),
        head.predict(test.embeddings),
        head.predict_proba(test.embeddings),
        classes=head.classes,
        seed=seed,
    )
