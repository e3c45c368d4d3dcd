"""Small labelled sets for a first look: pictures, sentences and sounds that featx makes, and real scans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from featx.sources import Sample

__all__ = [
    "SETS",
    "SHAPES",
    "SOUNDS",
    "TOPICS",
    "LabelledSet",
    "draw",
    "load_digits",
    "load_drawings",
    "make_sentences",
    "make_sounds",
    "play",
]

Picture = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float64]

# Pixels of a side of a drawing.
_SIDE = 64
# The rate of a sound in Hz.
_RATE = 16_000


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """A small labelled set: a few samples a class to learn from, more to measure on."""

    text: str
    train: tuple[Sample, ...]
    test: tuple[Sample, ...]


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


def load_drawings(*, shots: int = 10, tests: int = 40, seed: int = 0) -> LabelledSet:
    """Return synthetic pictures of seven shapes, 64 x 64, of varying position, size, angle and colour."""
    rng = np.random.default_rng(seed)
    samples = [
        [Sample(f"{label}-{i}", draw(label, rng), label) for label in SHAPES]
        for i in range(shots + tests)
    ]
    return LabelledSet(
        f"{len(SHAPES)} shapes that featx draws itself (synthetic)",
        tuple(sample for few in samples[:shots] for sample in few),
        tuple(sample for many in samples[shots:] for sample in many),
    )


def draw(label: str, rng: np.random.Generator) -> Picture:
    """Return one picture of a shape; shape (64, 64, 3), uint8."""
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
    """Return two colours that can be told apart."""
    while True:
        paint, paper = rng.uniform(0, 255, (2, 3))
        if np.abs(paint - paper).sum() > 250:
            return paint, paper


def load_digits(*, shots: int = 10, tests: int = 30, seed: int = 0) -> LabelledSet:
    """Return handwritten digits, real scans of 8 x 8 that come with scikit-learn, enlarged to 64 x 64.

    They are from the UCI repository (Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", 1998).
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
    return LabelledSet(text, tuple(train), tuple(test))


# A topic's words to learn from, and others of the same topic to measure on.
TOPICS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = MappingProxyType(
    {
        "food": (["soup", "bread", "cheese", "apple"], ["pasta", "rice", "cake", "salad"]),
        "money": (["bank", "loan", "salary", "price"], ["debt", "invoice", "savings", "tax"]),
        "sport": (
            ["football", "tennis", "race", "goal"],
            ["basketball", "swimming", "match", "team"],
        ),
        "travel": (
            ["train", "hotel", "airport", "ticket"],
            ["flight", "luggage", "passport", "bus"],
        ),
        "weather": (["rain", "sun", "cloud", "storm"], ["snow", "wind", "fog", "thunder"]),
    }
)
_TEMPLATES = (
    "Yesterday we talked about the {} for an hour.",
    "The {} was better than last year.",
    "Nobody told me anything about the {}.",
    "I read a long article on the {} this morning.",
    "Could you say something about the {}, please?",
)


def make_sentences(*, shots: int = 10, seed: int = 0) -> LabelledSet:
    """Return synthetic sentences on five topics; those to measure on have words that were not learned."""
    rng = np.random.default_rng(seed)
    train: list[Sample] = []
    test: list[Sample] = []
    for topic, (learned, others) in TOPICS.items():
        known = [template.format(word) for template in _TEMPLATES for word in learned]
        chosen = [known[i] for i in rng.permutation(len(known))[:shots].tolist()]
        unknown = [template.format(word) for template in _TEMPLATES for word in others]
        train += [Sample(f"{topic}-{i}", text, topic) for i, text in enumerate(chosen)]
        test += [Sample(f"{topic}-{i}-new", text, topic) for i, text in enumerate(unknown)]
    text = f"sentences on {len(TOPICS)} topics that featx composes itself (synthetic), of words not learned"
    return LabelledSet(text, tuple(train), tuple(test))


# Each sound is a wave of time in seconds and pitch in Hz, of half a second.
SOUNDS: Mapping[str, Callable[[Plane, float, np.random.Generator], Plane]] = MappingProxyType(
    {
        "clicks": lambda t, f, rng: np.where(
            np.sin(2 * np.pi * (6 + f / 200) * t) > 0.995, 1.0, 0.0
        ),
        "fall": lambda t, f, rng: np.sin(2 * np.pi * f * (2 * t - 1.5 * t**2)),
        "hiss": lambda t, f, rng: 0.4 * rng.normal(size=len(t)),
        "rise": lambda t, f, rng: np.sin(2 * np.pi * f * (0.5 * t + 1.5 * t**2)),
        "tone": lambda t, f, rng: np.sin(2 * np.pi * f * t),
        "trill": lambda t, f, rng: np.sin(2 * np.pi * f * t) * (np.sin(2 * np.pi * 12 * t) > 0),
    }
)


def make_sounds(*, shots: int = 10, tests: int = 30, seed: int = 0) -> LabelledSet:
    """Return synthetic sounds of six kinds, different in pitch, loudness, beginning and noise."""
    rng = np.random.default_rng(seed)
    samples = [
        [Sample(f"{label}-{i}", (play(label, rng), _RATE), label) for label in SOUNDS]
        for i in range(shots + tests)
    ]
    return LabelledSet(
        f"{len(SOUNDS)} kinds of sound that featx makes itself (synthetic)",
        tuple(sample for few in samples[:shots] for sample in few),
        tuple(sample for many in samples[shots:] for sample in many),
    )


def play(label: str, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return one sound, of 0.8 s at 16 kHz; shape (12800,), float32 within -1 and 1."""
    t = np.arange(_RATE // 2) / _RATE
    wave = SOUNDS[label](t, rng.uniform(300, 1500), rng) * rng.uniform(0.1, 0.6)
    sound = rng.normal(0, 0.01, _RATE * 8 // 10)
    start = int(rng.integers(0, len(sound) - len(wave)))
    sound[start : start + len(wave)] += wave
    return sound.clip(-1, 1).astype(np.float32)


SETS: Mapping[str, Sequence[Callable[..., LabelledSet]]] = MappingProxyType(
    {
        "image": (load_drawings, load_digits),
        "text": (make_sentences,),
        "audio": (make_sounds,),
    }
)
