"""Samples that hold hardly anything: tiny, blank, dark and blurred pictures, empty texts, silent sounds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from featx._typing import Doubles, FloatArray, Mask
from featx.audit.data import AuditData
from featx.audit.findings import AuditFinding
from featx.embedding.rows import Reject

__all__ = ["poor_contents", "unreadable"]

# Pixels of the short side that are few, and few beside those of most pictures.
_TINY, _TINY_SHARE = 16, 0.1
# Grey levels from 0 to 1 between the darkest and the brightest hundredth of a picture.
_BLANK = 0.02
# The grey level below which 99 % of a dark picture are.
_DARK = 0.2
# Sharpness of a picture whose edges are blurred by more than 2 of 256 pixels; of photos it is 0.8 to 1.4.
_BLURRED = 0.33
# How much more than what is read, or than most texts have, is far too long.
_LONGER, _LONGEST = 1.2, 20.0
# Decibels below full scale.
_SILENT = -60.0
# The share of samples that stay at the peak.
_CLIPPED = 0.001
# A sound is short beside most.
_SHORT = 0.1

Numbers = Mapping[str, FloatArray]
# Which samples, how strongly, and what is said of each after its id.
_Check = Callable[[Numbers, float], tuple[Mask, Doubles, Callable[[int], str]]]


def unreadable(rejects: Sequence[Reject], wordless: Collection[str] = ()) -> list[AuditFinding]:
    """Return a finding for each sample that could not be read; of ``wordless`` it is a text without a word."""
    return [
        AuditFinding(
            "FX061" if reject.id in wordless else "FX051",
            reject.id,
            1.0,
            f"{reject.id:.200}: {reject.reason}",
            suggested="remove",
        )
        for reject in rejects
    ]


def poor_contents(
    data: AuditData, words_read: float = float("inf"), names: Sequence[str] = ()
) -> list[AuditFinding]:
    """Return the samples that hold hardly anything, or more than is read of them.

    Parameters
    ----------
    data : AuditData
        With facts.
    words_read : float, default=inf
        How many words of a text the backbone reads at most.
    names : sequence of str, default=()
        What each of the contents is called, where a sample has several: "photo", "photo 2".
    """
    if data.facts is None:
        return []
    numbers: Numbers = data.facts.numbers
    findings = []
    for code, (fact, check) in _CHECKS.items():
        if fact in numbers and np.isfinite(numbers[fact]).any():
            mask, scores, describe = check(numbers, words_read)
            order = np.flatnonzero(mask)
            for index in order[np.argsort(-scores[order], kind="stable")].tolist():
                name, score = data.ids[index], round(float(np.clip(scores[index], 0, 1)), 6)
                where = f"{name:.200}: {names[index]:.60}" if names else f"{name:.200}"
                findings.append(AuditFinding(code, name, score, f"{where}: {describe(index)}"))
    return findings


def _tiny(numbers: Numbers, _: float) -> tuple[Mask, Doubles, Callable[[int], str]]:
    short = np.minimum(numbers["width"], numbers["height"]).astype(np.float64)
    least = max(_TINY, _TINY_SHARE * float(np.nanmedian(short)))
    width, height = numbers["width"], numbers["height"]
    return short < least, 1 - short / least, lambda i: f"{width[i]:.0f} × {height[i]:.0f} pixels"


def _blank(numbers: Numbers, _: float) -> tuple[Mask, Doubles, Callable[[int], str]]:
    span = numbers["span"].astype(np.float64)
    bright = numbers["brightness"]
    return (
        span < _BLANK,
        1 - span,
        lambda i: f"one grey level, {255 * bright[i]:.0f} of 255, nearly everywhere",
    )


def _dark(numbers: Numbers, _: float) -> tuple[Mask, Doubles, Callable[[int], str]]:
    high = numbers["highlights"].astype(np.float64)
    mask = (high < _DARK) & (numbers["span"] >= _BLANK)
    return mask, 1 - high / _DARK, lambda i: f"99 % of it is below grey level {255 * high[i]:.0f}"


def _blurred(numbers: Numbers, _: float) -> tuple[Mask, Doubles, Callable[[int], str]]:
    sharp = numbers["sharpness"].astype(np.float64)
    mask = (sharp < _BLURRED) & (numbers["span"] >= _BLANK)
    # See ImageFacts.
    blur = np.sqrt(0.5) / np.maximum(sharp, 1e-6)
    return (
        mask,
        1 - sharp / _BLURRED,
        lambda i: f"its sharpest edges are blurred by about {blur[i]:.0f} of 256 pixels",
    )


def _wordless(numbers: Numbers, _: float) -> tuple[Mask, Doubles, Callable[[int], str]]:
    words, size = numbers["words"], numbers["characters"]
    return words == 0, np.ones(len(words)), lambda i: f"{size[i]:.0f} characters and no word"


def _too_long(numbers: Numbers, words_read: float) -> tuple[Mask, Doubles, Callable[[int], str]]:
    words = numbers["words"].astype(np.float64)
    if np.isfinite(words_read):
        return (
            words > _LONGER * words_read,
            1 - words_read / np.maximum(words, 1),
            lambda i: f"{words[i]:.0f} words, of which the backbone reads at most {words_read:.0f}",
        )
    usual = max(1.0, float(np.nanmedian(words)))
    mask = words > _LONGEST * usual
    return (
        mask,
        1 - usual / np.maximum(words, 1),
        lambda i: f"{words[i]:.0f} words; most have {usual:.0f}",
    )


def _silent(numbers: Numbers, _: float) -> tuple[Mask, Doubles, Callable[[int], str]]:
    level = numbers["level"].astype(np.float64)
    return level < _SILENT, -level / 120, lambda i: f"{-level[i]:.0f} dB below full scale"


def _clipped(numbers: Numbers, _: float) -> tuple[Mask, Doubles, Callable[[int], str]]:
    share = numbers["clipped"].astype(np.float64)
    return (
        share > _CLIPPED,
        np.minimum(1, 10 * share),
        lambda i: f"{100 * share[i]:.1f} % of it is cut off at its peak",
    )


def _short(numbers: Numbers, _: float) -> tuple[Mask, Doubles, Callable[[int], str]]:
    seconds = numbers["seconds"].astype(np.float64)
    usual = float(np.nanmedian(seconds))
    mask = seconds < _SHORT * usual
    return (
        mask,
        1 - seconds / max(usual, 1e-9),
        lambda i: f"{seconds[i]:.3f} s; most have {usual:.2f} s",
    )


# By code: a fact that it needs, and the check.
_CHECKS: Mapping[str, tuple[str, _Check]] = MappingProxyType(
    {
        "FX052": ("width", _tiny),
        "FX053": ("span", _blank),
        "FX054": ("highlights", _dark),
        "FX055": ("sharpness", _blurred),
        "FX061": ("words", _wordless),
        "FX062": ("words", _too_long),
        "FX071": ("level", _silent),
        "FX072": ("clipped", _clipped),
        "FX073": ("seconds", _short),
    }
)
