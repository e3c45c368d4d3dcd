"""The clips of the repositories, of what espeak-ng said and of what is drawn."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr

from recipes.audio_nano.calls import draw_calls
from recipes.audio_nano.clips import ClipWriter, cut, trim
from recipes.audio_nano.repositories import HELD_OUT, REPOSITORIES, SoundRepository
from recipes.audio_nano.settings import RATE

__all__ = ["collect", "read_sound"]

# How much faster or slower a copy of a word is at most, as a logarithm.
WARP = 0.2


def read_sound(path: Path) -> np.ndarray:
    """Return a file as float32 samples at 16 kHz, its channels mixed by their mean."""
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    resampled: np.ndarray = soxr.resample(sound.mean(1), rate, RATE)
    return resampled.astype(np.float32)


def copies(sound: np.ndarray, count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield a word, and ``count`` copies at another speed and pitch."""
    word = trim(sound)
    yield word
    for _ in range(count):
        factor = float(np.exp(rng.uniform(-WARP, WARP)))
        yield soxr.resample(word, RATE, RATE * factor).astype(np.float32)


def read_repository(
    repository: SoundRepository, sources: Path, clips: ClipWriter, rng: np.random.Generator
) -> None:
    """Add the clips of one repository; words that are held out are left out."""
    folder = sources / repository.name
    for path in sorted(folder.glob(repository.files)):
        word = path.parent.name
        if repository.kind != "words":
            for piece in cut(trim(read_sound(path)), repository.pieces, rng):
                clips.add(piece, repository.kind)
        elif word.replace(" ", "_").split("_in")[0] not in HELD_OUT:
            for sound in copies(read_sound(path), repository.warped, rng):
                clips.add(sound, repository.kind, f"{repository.name} {word}")


def collect(sources: Path, spoken: Path, work: Path, calls: int = 450) -> None:
    """Write the clips of WORK, and print how many of each kind.

    Parameters
    ----------
    sources : Path
        A checkout of each repository as owner/name.
    spoken : Path
        What ``calls.speak`` wrote.
    work : Path
    calls : int, default=450
        Kinds of calls that are drawn.
    """
    rng = np.random.default_rng(0)
    clips = ClipWriter()
    for repository in REPOSITORIES:
        read_repository(repository, sources, clips, rng)
    for path in sorted(spoken.glob("*/*.wav")):
        clips.add(trim(read_sound(path)), "words", f"espeak-ng {path.parent.name}")
    for kind, sound in draw_calls(rng, calls):
        clips.add(sound, "calls", kind)
    clips.save(work)
    print(*(f"{kind}: {count}" for kind, count in Counter(clips.kinds).items()), sep="\n")
