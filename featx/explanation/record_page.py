"""Explanations of records: what each input adds, and each photo, text or sound with its places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from featx.backbones.backbone import open_backbone
from featx.explanation.explanation import Explanation, InputShare
from featx.inputs.input import Input
from featx.inputs.showing import SampleView, show_cell
from featx.modalities import shown_samples
from featx.modalities.showing import Budget
from featx.pages.document import subsection
from featx.pages.markup import Child, Markup, join, shorten_text
from featx.pages.tables import html_table
from featx.predictor import Predictor
from featx.sources import Sample

__all__ = ["draw_record"]

# Parts of an input that are listed, and characters of a name.
_PARTS, _NAME = 6, 120
# What adds less than this share of the largest is nothing, such as a block of weight 0.
_LEAST = 1e-6


def draw_record(
    predictor: Predictor, sample: Sample, found: Explanation, *, contents: bool = True
) -> Markup:
    """Return the inputs of a record with what each adds to a score, for a page.

    Parameters
    ----------
    predictor : Predictor
        Of several inputs.
    sample : Sample
        A record.
    found : Explanation
        Of that sample.
    contents : bool, default=True
        Whether a photo, text or sound is shown that has no places; False where it stands beside already.

    Raises
    ------
    BadSample
        A photo, text or sound of it cannot be read any more.
    """
    record = sample.data if isinstance(sample.data, Mapping) else {}
    rows = [(one.name, _said(record, one), one.value) for one in found.inputs]
    rows.sort(key=lambda row: -abs(row[2]))
    verb = "adds to the score" if found.method == "exact" else "the score loses without it"
    title = f"Inputs, by what {'each adds' if found.method == 'exact' else 'the score loses'}"
    parts: list[Child] = [html_table(title, ("input", "is", verb), rows)]
    by_name = {one.name: one for one in predictor.inputs}
    least = _LEAST * max([abs(one.value) for one in found.inputs], default=0.0)
    for share in found.inputs:
        if not by_name[share.name].has_backbone and abs(share.value) <= least:
            continue
        shown = _shown(by_name[share.name], share, sample, contents=contents)
        if shown:
            parts.append(subsection(f"{share.name}: {share.value:.4g}", *shown))
    return join(parts)


def _said(record: Mapping[str, Any], share: InputShare) -> str:
    """Return the cell of an input, or its kind where it is a file or a text."""
    if share.kind in ("number", "category", "date", "vector"):
        return show_cell(record.get(share.name))
    return share.kind


def _shown(one: Input, share: InputShare, sample: Sample, *, contents: bool) -> list[Child]:
    """Return an input drawn with the values of its places, or as it is; and its largest parts."""
    shown: list[Child] = []
    named: Sequence[tuple[str, float]] = [
        (part.name, part.value) for part in share.parts if part.name is not None
    ]
    if share.places:
        [value] = _values(sample.data.get(one.columns[0]))
        reader = open_backbone(one.card).reader
        drawer, content = shown_samples(one.kind, reader), reader.load(value)
        shown.append(drawer.draw(content, share.places, share.extent, share.name))
        named = drawer.name_places(content, share.places)
    elif one.has_backbone and contents:
        shown.append(SampleView.of((one,)).show(sample, Budget()))
    if len(named) > 1:
        largest = sorted(named, key=lambda pair: -abs(pair[1]))[:_PARTS]
        shown.append(
            html_table(
                "Parts that count most",
                ("part", "adds to the score"),
                [(shorten_text(name, _NAME), value) for name, value in largest],
            )
        )
    if share.reason and one.has_backbone:
        shown.append(f"Told as a whole: {share.reason}.")
    return shown


def _values(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
