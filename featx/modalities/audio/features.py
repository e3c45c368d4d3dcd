"""Front ends: what the graphs of Whisper, AST and CLAP hear instead of samples."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from featx._typing import FloatArray
from featx.errors import BadCard
from featx.modalities import shown
from featx.modalities.audio.spectra import Bands, band_power, hann
from featx.modalities.audio.windows import Window

__all__ = ["FRONT_ENDS", "FrontEnd", "FrontEndSettings", "check_count", "check_features"]

Doubles = npt.NDArray[np.float64]

# entries of the table that are a front end's alone, and the bounds of those that are whole numbers
_PARAMETERS = ("mels", "n_fft", "frame_hop")
_COUNTS = {"mels": (1, 1024), "n_fft": (4, 1 << 14), "frame_hop": (1, 1 << 20)}
# values of the features of a window, and of its spectra: 128 MB
_LARGEST = 1 << 24

# Whisper: Hz; power; powers of ten below the loudest
_WHISPER_HIGH, _WHISPER_FLOOR, _WHISPER_RANGE = 8000.0, 1e-10, 8.0


class FrontEndSettings(Protocol):
    """What a front end takes of the ``[audio]`` table of a card; ``AudioSettings`` says what each means."""

    @property
    def rate(self) -> int:
        """Hz."""

    @property
    def window(self) -> int:
        """Samples of a window."""

    @property
    def mels(self) -> int | None:
        """Bands."""

    @property
    def n_fft(self) -> int | None:
        """Samples of a frame."""

    @property
    def frame_hop(self) -> int | None:
        """Samples from one frame to the next."""


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
        Takes a window and the settings, and returns features, float32, of one shape for all windows
        of a card.
    time_axis : int
        The axis of the features that is time.
    """

    feed: str
    defaults: Mapping[str, Any]
    compute: Callable[[Window, Any], FloatArray]
    time_axis: int


def _whisper(window: Window, settings: FrontEndSettings) -> FloatArray:
    """Return log-mel features as Whisper takes them; shape (mels, window // frame_hop)."""
    n_fft, hop = settings.n_fft or 0, settings.frame_hop or 0
    bands = Bands(settings.mels or 0, n_fft, settings.rate, 0.0, _WHISPER_HIGH, "slaney")
    sound = np.pad(window.samples, n_fft // 2, mode="reflect")
    power = band_power(sound, hann(n_fft, periodic=True), hop, bands)[:-1]
    levels = np.log10(np.maximum(power, _WHISPER_FLOOR))
    levels = np.maximum(levels, levels.max() - _WHISPER_RANGE)
    return np.ascontiguousarray((levels.T + 4) / 4, np.float32)


def check_count(name: str, value: Any, least: int, most: int) -> None:
    """Raise BadCard where an entry of an ``[audio]`` table is no whole number within its bounds."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not least <= value <= most:
        raise BadCard(
            f"[audio] {name} = {shown(value)}: expected a whole number from {least} to {most}"
        )


def check_features(settings: Any) -> None:
    """Raise BadCard where an ``[audio]`` table holds what its front end cannot use."""
    front = FRONT_ENDS.get(settings.features)
    taken: Collection[str] = front.defaults if front else ()
    for name in _PARAMETERS:
        value = getattr(settings, name)
        if name not in taken and value is not None:
            raise BadCard(
                f"[audio] {name} = {shown(value)}: features = {settings.features!r} takes none; leave it out"
            )
        if name in taken and name in _COUNTS:
            check_count(name, value, *_COUNTS[name])
    if front is None:
        return
    if not settings.window:
        raise BadCard(
            f"[audio] window = 0: features = {settings.features!r} are of windows of one length; "
            "expected samples"
        )
    if settings.tail == "short":
        raise BadCard(
            f"[audio] tail = 'short': features = {settings.features!r} are of windows of one length; "
            "expected pad or drop"
        )
    half, hop = (settings.n_fft or 0) // 2, settings.frame_hop or 1
    if settings.window <= half:
        raise BadCard(
            f"[audio] window = {settings.window}: expected more than half a frame, {half} samples"
        )
    size = settings.window // hop * (settings.mels + half)
    if hop > settings.window or size > _LARGEST:
        raise BadCard(
            f"[audio] frame_hop = {hop}: expected at most window = {settings.window}, and no more than "
            f"{_LARGEST} values of all frames"
        )


FRONT_ENDS: Mapping[str, FrontEnd] = MappingProxyType(
    {
        "whisper": FrontEnd(
            "input_features",
            {"rate": 16_000, "window": 480_000, "mels": 80, "n_fft": 400, "frame_hop": 160},
            _whisper,
            time_axis=-1,
        ),
    }
)
