"""Samples in a page: thumbnails, texts and players, within a bounded size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from featx.errors import FeatxError
from featx.modalities import Settings
from featx.modalities.remarks import collected
from featx.pages.markup import Child, element, shorten_text
from featx.pages.media import picture, player, quotation
from featx.sources import Sample

__all__ = ["CARDS", "Budget", "show_sample"]

# Characters of base64 of a page's pictures and sounds, so that with all else it has less than 2 MB.
_MOST_MEDIA = 1_400_000
# The most bytes of a thumbnail, and of a text in characters.
_THUMBNAIL, _TEXT = 4800, 400
# Characters of an id.
_NAME = 200
CARDS: Mapping[str, str] = MappingProxyType(
    {"image": "pictures", "text": "texts", "audio": "sounds"}
)
"""The names of cards of samples by modality."""


@dataclass(slots=True)
class Budget:
    """The size that the media of a page may still take, and what is left out for it.

    Attributes
    ----------
    left : int
        Characters of base64.
    missing : int
        Media that had no place.
    unreadable : int
        Samples that cannot be read now.
    """

    left: int = _MOST_MEDIA
    missing: int = 0
    unreadable: int = 0

    def take(self, content: bytes) -> bool:
        """Return whether there is a place for a picture or a sound, and take it."""
        size = len(content) * 4 // 3 + 60
        if size > self.left:
            self.missing += 1
            return False
        self.left -= size
        return True

    def remarks(self) -> list[str]:
        """Return what was left out, in sentences."""
        said = []
        if self.missing:
            said.append(
                f"{self.missing:,} pictures or sounds are left out, so that the page stays below 2 MB."
            )
        if self.unreadable:
            said.append(f"{self.unreadable:,} samples could not be read again and are not shown.")
        return said


def show_sample(sample: Sample | None, settings: Settings, budget: Budget) -> Child:
    """Return a thumbnail, a text or a player of a sample; None where it is not at hand or has no place.

    Parameters
    ----------
    sample : Sample or None
    settings : Settings
        How a card reads it.
    budget : Budget
    """
    show = _SHOWN.get(settings.modality)
    if sample is None or show is None:
        return None
    try:
        # The reader of the backbone has remarked on it already.
        with collected():
            return show(sample, settings, budget)
    except (FeatxError, OSError):
        budget.unreadable += 1
        return None


def _thumbnail(sample: Sample, settings: Any, budget: Budget) -> Child:
    from featx.modalities.image.thumbnails import thumbnail

    content = thumbnail(sample.data, most_bytes=_THUMBNAIL, settings=settings)
    return picture(content, shorten_text(sample.id, _NAME)) if budget.take(content) else None


def _text(sample: Sample, settings: Any, budget: Budget) -> Child:
    from featx.modalities.text.baseline import load_text

    return quotation(load_text(sample.data), _TEXT)


def _player(sample: Sample, settings: Any, budget: Budget) -> Child:
    from featx.modalities.audio.clips import sound_clip

    clip = sound_clip(sample.data, rate=settings.rate)
    if not budget.take(clip.content):
        return None
    drawn = player(clip.content, shorten_text(sample.id, _NAME), clip.kind)
    if clip.whole:
        return drawn
    first = element("p", {"class": "soft"}, f"the first {clip.seconds:g} s")
    return element("div", {}, drawn, first)


_SHOWN: Mapping[str, Callable[[Sample, Any, Budget], Child]] = MappingProxyType(
    {"image": _thumbnail, "text": _text, "audio": _player}
)
