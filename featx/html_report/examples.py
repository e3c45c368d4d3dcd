"""Samples that are worth looking at: with thumbnails, texts or players, within a bounded size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from featx.errors import FeatxError
from featx.html_report.details import SampleDetails
from featx.html_report.evidence import Evidence
from featx.html_report.view import ExampleGroup, TaskView
from featx.modalities.remarks import collected
from featx.pages.document import notes, subsection
from featx.pages.markup import Child, element
from featx.pages.media import cards, picture, player, quotation
from featx.sources import Sample

__all__ = ["Budget", "example_parts", "show_sample"]

# Characters of base64 of a page's pictures and sounds, so that with all else it has less than 2 MB.
_MOST_MEDIA = 1_400_000
# The most bytes of a thumbnail, and of a text in characters.
_THUMBNAIL, _TEXT = 4800, 400


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
    _shown: dict[str, Child] = field(default_factory=dict)

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


def example_parts(
    evidence: Evidence,
    view: TaskView,
    most: int,
    budget: Budget,
    details: SampleDetails,
) -> list[Child]:
    """Return the groups of samples that are worth looking at, each sample once.

    Parameters
    ----------
    most : int
        Samples of all groups together.
    budget : Budget
    details : SampleDetails
        Gives further lines on a sample, by its index.
    """
    groups, parts = view.examples(evidence), list[Child]()
    if not groups or most < 1:
        return []
    shown: set[int] = set()
    kind = evidence.predictor.card.modality
    for number, group in enumerate(groups):
        # what one group leaves goes to the next
        room = math.ceil((most - len(shown)) / (len(groups) - number))
        chosen = [i for i in group.indices.tolist() if i not in shown][:room]
        shown |= set(chosen)
        if not chosen:
            continue
        items = [
            [
                show_sample(evidence, evidence.samples.get(evidence.ids[i]), budget),
                element("p", {"class": "soft"}, element("bdi", {}, evidence.ids[i])),
                *view.caption(evidence, i),
                *details(i),
            ]
            for i in chosen
        ]
        more = _more(group, len(chosen))
        style = {"image": "pictures", "text": "texts", "audio": "sounds"}.get(kind, "texts")
        parts.append(subsection(group.title, group.lead + more, cards(items, style)))
    said = [*budget.remarks(), *details.remarks()]
    if not evidence.samples:
        said.insert(0, "The samples are not at hand, so that their ids alone are shown.")
    return [notes(said), *parts] if said else parts


def _more(group: ExampleGroup, shown: int) -> str:
    return f" Shown are {shown:,}." if shown < len(group.indices) else ""


def show_sample(evidence: Evidence, sample: Sample | None, budget: Budget) -> Child:
    """Return a thumbnail, a text or a player of a sample; None where it is not at hand or has no place."""
    if sample is None:
        return None
    show = _SHOWN.get(evidence.predictor.card.modality)
    if show is None:
        return None
    try:
        # The reader of the backbone has remarked on it already.
        with collected():
            return show(evidence, sample, budget)
    except (FeatxError, OSError):
        budget.unreadable += 1
        return None


def _thumbnail(evidence: Evidence, sample: Sample, budget: Budget) -> Child:
    from featx.modalities.image.thumbnails import thumbnail

    settings = evidence.predictor.card.input
    content = thumbnail(sample.data, most_bytes=_THUMBNAIL, settings=settings)  # type: ignore[arg-type]
    return picture(content, sample.id) if budget.take(content) else None


def _text(evidence: Evidence, sample: Sample, budget: Budget) -> Child:
    from featx.modalities.text.baseline import load_text

    return quotation(load_text(sample.data), _TEXT)


def _player(evidence: Evidence, sample: Sample, budget: Budget) -> Child:
    from featx.modalities.audio.clips import sound_clip

    clip = sound_clip(sample.data, rate=evidence.predictor.card.input.rate)  # type: ignore[attr-defined]
    if not budget.take(clip.content):
        return None
    drawn = player(clip.content, sample.id, clip.kind)
    if clip.whole:
        return drawn
    first = element("p", {"class": "soft"}, f"the first {clip.seconds:g} s")
    return element("div", {}, drawn, first)


_SHOWN: dict[str, Callable[[Evidence, Sample, Budget], Child]] = {
    "image": _thumbnail,
    "text": _text,
    "audio": _player,
}
