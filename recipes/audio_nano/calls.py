"""Sounds that are drawn: calls like those of birds, in kinds whose members vary, and spoken words."""

import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from recipes.audio_nano.settings import RATE

__all__ = ["Call", "draw_calls", "speak"]

# What espeak-ng says in English, in many voices.
DIGITS = "zero one two three four five six seven eight nine".split()
WORDS = """apple bread chair door eagle fish garden hammer island jacket kitchen lemon mountain night
ocean pencil queen river school table umbrella village window yellow zebra above below cat dog bird
tree house happy bed off on go stop left right up down yes no follow learn visual ball bear bell blue
boat book box boy bus cake car city clock cloud coat coffee cold corn cow cup dance day deep desk dream
drum dust ear earth egg face farm fast fire flag flower foot fork fox friend frog fruit gate ghost girl
glass gold grass green hand hat heart hill horse ice ink iron joke juice jump key king kite knife lake
lamp leaf light lion lock long love lunch magic map market milk mirror money moon mouse mouth music nail
name neck nest nose oil open orange paint paper park peace phone piano picture pig pilot pink plane
plant play pocket point pool potato power prince print puzzle rabbit radio rain red ring road robot rock
roof room rope rose round sail salt sand science scissors sea seed shape sheep ship shirt shoe shop short
silver sing sister sky sleep smile smoke snake snow soap sock soft sound soup south space spoon spring
square stamp star steam stone story straw street strong student sugar summer sun sweet swim sword tail
tall tape tea teacher tent thank thin think thread throat thumb thunder ticket tiger time tomato tooth
top town toy train truck trumpet turtle twelve twenty uncle under valley violin voice volcano wagon walk
wall warm wash watch water wave weather wheel white wind wine wing winter wolf woman wood wool word work
world worm write yard year young zoo eleven thirteen hundred thousand seventy eighty ninety sixteen
fifteen forty""".split()
ENGLISH = (
    "en-us en-gb en-gb-scotland en-gb-x-rp en-029 en-us-nyc en-gb-x-gbclan en-gb-x-gbcwmd".split()
)
VOICES = [f"{sex}{k}" for sex, n in (("m", 8), ("f", 5)) for k in range(1, n + 1)] + [
    "adam", "anika", "boris", "croak", "grandma", "grandpa", "klatt3", "linda", "steph", "whisper"
]  # fmt: skip


def sentences(languages: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield each text with its language ("" is any English) and its word's name."""
    for texts, count in ((DIGITS, 110), (WORDS, 14)):
        yield from ((text, "", text) for text in texts for _ in range(count))
    for language in languages:
        yield from ((str(n), language, f"{language} {n}") for n in range(21) for _ in range(2))


def speak(spoken: Path) -> None:
    """Write SPOKEN/<word>/*.wav: what espeak-ng says. Arabic is left out: it is measured."""
    listed = subprocess.run(["espeak-ng", "--voices"], capture_output=True, text=True, check=True)
    languages = sorted({line.split()[1] for line in listed.stdout.splitlines()[1:]})
    languages = [name for name in languages if not name.startswith(("en", "ar"))]
    draw = random.Random(1)
    for k, (text, language, word) in enumerate(sentences(languages)):
        voice = f"{language or draw.choice(ENGLISH)}+{draw.choice(VOICES)}"
        speed, pitch = str(draw.randint(105, 230)), str(draw.randint(10, 95))
        path = spoken / word / f"{k}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        order = ["espeak-ng", "-v", voice, "-s", speed, "-p", pitch, "-w", str(path), text]
        subprocess.run(order, check=True)


@dataclass(frozen=True)
class Call:
    """A harmonic sound whose pitch follows a curve, with noise around a pitch.

    Seconds, hertz, octaves (``curve``), and shares from 0 to 1.
    """

    seconds: float
    pitch: float
    curve: np.ndarray
    harmonics: np.ndarray
    vibrato: float
    vibrato_rate: float
    tremolo: float
    tremolo_rate: float
    noise: float
    noise_pitch: float
    noise_width: float
    attack: float
    release: float

    def wave(self, rng: np.random.Generator) -> np.ndarray:
        """Return the samples, with faint noise over all."""
        n = int(RATE * self.seconds)
        u = np.linspace(0, 1, n)
        octaves = np.interp(u, np.linspace(0, 1, len(self.curve)), self.curve)
        turns = 2 * np.pi * u * self.seconds
        pitch = self.pitch * 2**octaves * (1 + self.vibrato * np.sin(self.vibrato_rate * turns))
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        tones = sum(
            gain * np.sin(k * phase) * (pitch * k < 7600)
            for k, gain in enumerate(self.harmonics, 1)
        )
        tones = tones / (np.abs(tones).max() + 1e-9)
        around = (np.fft.rfftfreq(n, 1 / RATE) - self.noise_pitch) / self.noise_width
        hiss = np.fft.irfft(np.fft.rfft(rng.normal(size=n)) * np.exp(-0.5 * around**2), n)
        sound = tones * (1 - self.noise) + 0.3 * self.noise * hiss / (hiss.std() + 1e-9)
        swell = np.minimum(1, np.minimum(u / self.attack, (1 - u) / self.release))
        sound *= (1 - self.tremolo * (0.5 + 0.5 * np.sin(self.tremolo_rate * turns))) * swell
        faint = rng.normal(0, np.abs(sound).max() * 10 ** rng.uniform(-3, -1.5), n)
        heard: np.ndarray = (sound + faint).astype(np.float32)
        return heard


def new_call(rng: np.random.Generator) -> Call:
    """Return a call of a new kind."""
    sometimes = rng.choice
    return Call(
        seconds=float(np.exp(rng.uniform(np.log(0.03), np.log(0.5)))),
        pitch=float(np.exp(rng.uniform(np.log(250), np.log(5500)))),
        curve=rng.normal(0, 0.5, rng.integers(2, 5)),
        harmonics=np.abs(rng.normal(size=rng.integers(1, 9))),
        vibrato=sometimes([0, 0, rng.uniform(0, 0.08)]),
        vibrato_rate=rng.uniform(10, 80),
        tremolo=sometimes([0, rng.uniform(0, 1)]),
        tremolo_rate=rng.uniform(15, 120),
        noise=sometimes([0, rng.uniform(0, 1), rng.uniform(0, 0.3)]),
        noise_pitch=rng.uniform(500, 7000),
        noise_width=rng.uniform(200, 2500),
        attack=rng.uniform(0.02, 0.4),
        release=rng.uniform(0.02, 0.5),
    )


def vary(call: Call, rng: np.random.Generator) -> Call:
    """Return another call of the same kind."""
    return replace(
        call,
        seconds=call.seconds * np.exp(rng.normal(0, 0.1)),
        pitch=call.pitch * np.exp(rng.normal(0, 0.05)),
        curve=call.curve + rng.normal(0, 0.05, len(call.curve)),
        harmonics=call.harmonics * np.exp(rng.normal(0, 0.25, len(call.harmonics))),
        noise=float(np.clip(call.noise + rng.normal(0, 0.03), 0, 1)),
    )


def draw_calls(
    rng: np.random.Generator, kinds: int = 450, members: int = 10
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name of a kind and the samples of a call, ``members`` of each kind."""
    for kind in range(kinds):
        call = new_call(rng)
        for _ in range(members):
            yield f"call {kind}", vary(call, rng).wave(rng)
