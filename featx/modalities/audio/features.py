"""Front ends: what the graphs of Whisper, AST and CLAP hear instead of samples."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from featx._typing import FloatArray
from featx.errors import BadCard
from featx.modalities import shown
from featx.modalities.audio.spectra import Bands, Doubles, FrameSpectrum, band_power, hann
from featx.modalities.audio.windows import SoundWindow

__all__ = [
    "CLAP_FLOOR",
    "FRONT_ENDS",
    "KALDI_FLOOR",
    "WHISPER_FLOOR",
    "WHISPER_RANGE",
    "FrontEnd",
    "Parameters",
    "check_features",
    "check_whole",
    "clap_spectrum",
    "decibels",
]

# bounds of entries that are whole numbers, and of those that are any
_COUNTS = {"mels": (1, 1024), "n_fft": (4, 1 << 14), "frame_hop": (1, 1 << 20)}
_NUMBERS = {"low": (0, 1e7), "high": (1, 1e7), "mean": (-1e6, 1e6), "std": (1e-6, 1e6)}
# values of the features of a window, and of its spectra: 128 MB
_LARGEST = 1 << 24

# Whisper: Hz; power; powers of ten below the loudest
_WHISPER_HIGH, WHISPER_FLOOR, WHISPER_RANGE = 8000.0, 1e-10, 8.0
# Kaldi: milliseconds of a frame and from one to the next; Hz; the part of a sample taken from the next; power
_KALDI_FRAME, _KALDI_HOP, _KALDI_LOW, _KALDI_EMPHASIS = 25, 10, 20.0, 0.97
KALDI_FLOOR = float(np.finfo(np.float32).eps)
# CLAP: power
CLAP_FLOOR = 1e-10


class Parameters(NamedTuple):
    """What front ends take of the ``[audio]`` table of a card; ``AudioSettings`` says what each means."""

    rate: int
    window: int
    mels: int
    n_fft: int
    frame_hop: int
    low: float
    high: float
    mean: float
    std: float
    fuse: bool


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """One way to make features of a window.

    Attributes
    ----------
    feed : str
        What graphs call their input.
    defaults : mapping of str to object
        The entries of the ``[audio]`` table that it takes, each as it is where a card does not say.
    compute : callable
        Takes a window and parameters, and returns features, float32, of one shape for all windows of
        a card.
    spectrum : callable
        Takes parameters, and returns how frames become power in bands, on which the features rest.
    frame : callable
        Takes parameters, and returns the samples of a frame, and from one frame to the next.
    time_axis : int
        The axis of the features that is time.
    centred : bool
        Whether frames stand around their samples, the sound mirrored at its ends; otherwise a short
        sound's features are filled up, rather than its samples.
    """

    feed: str
    defaults: Mapping[str, Any]
    compute: Callable[[SoundWindow, Parameters], FloatArray]
    spectrum: Callable[[Parameters], FrameSpectrum]
    frame: Callable[[Parameters], tuple[int, int]]
    time_axis: int
    centred: bool = True


def check_whole(name: str, value: Any, least: int, most: int) -> None:
    """Raise BadCard where an entry of an ``[audio]`` table is no whole number within its bounds."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not least <= value <= most:
        raise BadCard(
            f"[audio] {name} = {shown(value)}: expected a whole number from {least} to {most}"
        )


def check_features(settings: Any) -> None:
    """Raise BadCard where an ``[audio]`` table holds what its front end cannot use, or not enough."""
    front = FRONT_ENDS.get(settings.features)
    taken: Collection[str] = front.defaults if front else ()
    for name in (*_COUNTS, *_NUMBERS, "fuse"):
        value = getattr(settings, name)
        if name in taken:
            _check_parameter(name, value)
        elif value is not None:
            raise BadCard(
                f"[audio] {name} = {shown(value)}: features = {settings.features!r} takes none; leave it out"
            )
    if front:
        _check_lengths(front, settings)


def _check_parameter(name: str, value: Any) -> None:
    if name in _COUNTS:
        check_whole(name, value, *_COUNTS[name])
    elif name in _NUMBERS:
        least, most = _NUMBERS[name]
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not least <= value <= most
        ):
            raise BadCard(
                f"[audio] {name} = {shown(value)}: expected a number from {least:g} to {most:g}"
            )
    elif not isinstance(value, bool):
        raise BadCard(f"[audio] {name} = {shown(value)}: expected true or false")


def _check_lengths(front: FrontEnd, settings: Any) -> None:
    """Raise BadCard where windows are too short for a frame, too large, or of several lengths."""
    named, window = f"features = {settings.features!r}", settings.window
    if not window or settings.tail == "short":
        entry = "tail = 'short'" if window else "window = 0"
        raise BadCard(
            f"[audio] {entry}: {named} are of windows of one length; expected samples, and tail pad or drop"
        )
    parameters: Parameters = settings.parameters
    if "low" in front.defaults and parameters.high - parameters.low < 1:
        raise BadCard(
            f"[audio] low = {parameters.low:g}, high = {parameters.high:g}: expected at least 1 Hz between them"
        )
    length, hop = front.frame(parameters)
    # a sound is mirrored by half a frame
    least = length // 2 + 1 if front.centred else length
    if window < max(least, hop):
        raise BadCard(
            f"[audio] window = {window}: expected at least {max(least, hop)} samples for {named}"
        )
    if window // hop * (parameters.mels + length) > _LARGEST:
        raise BadCard(
            f"[audio] window = {window}, {hop} samples from frame to frame: expected at most {_LARGEST} values "
            "of all frames"
        )
    if not front.centred and settings.align != "start":
        raise BadCard(
            f"[audio] align = {settings.align!r}: {named} are filled up at their end; expected start"
        )


def _given_frame(parameters: Parameters) -> tuple[int, int]:
    return parameters.n_fft, parameters.frame_hop


def _kaldi_frame(parameters: Parameters) -> tuple[int, int]:
    return parameters.rate * _KALDI_FRAME // 1000, parameters.rate * _KALDI_HOP // 1000


def _centred(parameters: Parameters, bands: Bands) -> FrameSpectrum:
    """Return frames that stand around their samples, the sound mirrored at its ends."""
    n_fft = parameters.n_fft
    return FrameSpectrum(hann(n_fft, periodic=True), parameters.frame_hop, bands, n_fft // 2)


def _whisper_spectrum(parameters: Parameters) -> FrameSpectrum:
    ends = 0.0, _WHISPER_HIGH
    bands = Bands(parameters.mels, parameters.n_fft, parameters.rate, *ends, "slaney")
    return _centred(parameters, bands)


def _whisper(window: SoundWindow, parameters: Parameters) -> FloatArray:
    """Return log-mel features as Whisper takes them; shape (mels, window // frame_hop)."""
    spectrum = _whisper_spectrum(parameters)
    power = band_power(_mirrored(window.samples, spectrum), spectrum)[:-1]
    levels = np.log10(np.maximum(power, WHISPER_FLOOR))
    levels = np.maximum(levels, levels.max() - WHISPER_RANGE)
    return np.ascontiguousarray((levels.T + 4) / 4, np.float32)


def _ast_spectrum(parameters: Parameters) -> FrameSpectrum:
    length, hop = _kaldi_frame(parameters)
    n_fft = 1 << (length - 1).bit_length()
    bands = Bands(parameters.mels, n_fft, parameters.rate, _KALDI_LOW, parameters.rate / 2, "kaldi")
    return FrameSpectrum(hann(length, periodic=False), hop, bands, prepare=_emphasised)


def _ast(window: SoundWindow, parameters: Parameters) -> FloatArray:
    """Return Kaldi's filter banks as AST takes them, zeros after the sound; shape (frames, mels)."""
    spectrum = _ast_spectrum(parameters)
    power = band_power(window.samples[window.first : window.last], spectrum)
    levels = np.zeros((spectrum.frames_in(parameters.window), parameters.mels))
    levels[: len(power)] = np.log(np.maximum(power, KALDI_FLOOR))
    return ((levels - parameters.mean) / (2 * parameters.std)).astype(np.float32)


def _emphasised(frames: Doubles) -> Doubles:
    """Return frames without their mean, and each sample without most of the one before it."""
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    return frames - _KALDI_EMPHASIS * before


def clap_spectrum(parameters: Parameters) -> FrameSpectrum:
    """Return CLAP's frames and filters: HTK's for the models that fuse, Slaney's for the others."""
    scale = "htk" if parameters.fuse else "slaney"
    ends = parameters.low, parameters.high
    bands = Bands(parameters.mels, parameters.n_fft, parameters.rate, *ends, scale)
    return _centred(parameters, bands)


def _clap(window: SoundWindow, parameters: Parameters) -> FloatArray:
    """Return CLAP's spectra in decibels; shape (1, 1 + window // frame_hop, mels), or 4 alike to be fused."""
    spectrum = clap_spectrum(parameters)
    power = band_power(_mirrored(window.samples, spectrum), spectrum)
    return np.repeat(decibels(power)[None], 4 if parameters.fuse else 1, axis=0)


def _mirrored(sound: FloatArray, spectrum: FrameSpectrum) -> FloatArray:
    return np.pad(sound, spectrum.mirrored, mode="reflect")


def decibels(power: Doubles) -> FloatArray:
    """Return power in decibels, float32, at least -100.

    >>> decibels(np.array([1.0, 0.0])).tolist()
    [0.0, -100.0]
    """
    return (10 * np.log10(np.maximum(power, CLAP_FLOOR))).astype(np.float32)


FRONT_ENDS: Mapping[str, FrontEnd] = MappingProxyType(
    {
        "whisper": FrontEnd(
            "input_features",
            {"rate": 16_000, "window": 480_000, "mels": 80, "n_fft": 400, "frame_hop": 160},
            _whisper,
            _whisper_spectrum,
            _given_frame,
            time_axis=1,
        ),
        # A window is as long as 1024 frames, and the next begins with the frame after them.
        "ast": FrontEnd(
            "input_values",
            {
                "rate": 16_000,
                "window": 164_080,
                "hop": 163_840,
                "mels": 128,
                "mean": -4.2677393,
                "std": 4.5689974,
            },
            _ast,
            _ast_spectrum,
            _kaldi_frame,
            time_axis=0,
            centred=False,
        ),
        "clap": FrontEnd(
            "input_features",
            {
                "rate": 48_000,
                "window": 480_000,
                "pad": "repeat-whole",
                "mels": 64,
                "n_fft": 1024,
                "frame_hop": 480,
                "low": 0.0,
                "high": 14_000.0,
                "fuse": True,
            },
            _clap,
            clap_spectrum,
            _given_frame,
            time_axis=1,
        ),
    }
)
