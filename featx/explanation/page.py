"""A page of explanations: each sample drawn with the values of its places, and said in words."""

from __future__ import annotations

from collections.abc import Sequence

from featx.explanation.explanation import Explanation
from featx.pages.document import Page, PageSection, facts
from featx.pages.markup import Child, Markup, element, shorten_text
from featx.pages.tables import html_table

__all__ = ["MOST_SHOWN", "describe_parts", "explanation_section", "explanations_page"]

# Samples of a page: two hundred heat maps take about 4 MB.
MOST_SHOWN = 200
_NAME = 120
# Places of the table below a drawing.
_PLACES = 6


def describe_parts(found: Explanation) -> str:
    """Return in a sentence what a score is made of, or how it was looked into.

    Examples
    --------
    >>> from featx import Explanation, LabelPrediction, ScorePart
    >>> prediction = LabelPrediction("a", "cat", 0.75, (("cat", 0.75),))
    >>> parts = (ScorePart(1.5, (0, 4)), ScorePart(-0.5, (5, 8)))
    >>> describe_parts(Explanation("a", "text", "exact", "cat", None, 1.2, 0.2, parts, (8,), prediction))
    'score 1.2 = 0.2 without the sample + 1.5 for it - 0.5 against it'
    """
    if found.bias is None:
        return (
            f"score {found.score:.4g}; each {'input' if found.inputs else 'place'} shows what the score of "
            f"{found.heading} loses where it is hidden{f': {found.reason}' if found.reason else ''}"
        )
    return (
        f"score {found.score:.4g} = {found.bias:.4g} without the sample + {found.positive:.4g} for it - "
        f"{-found.negative:.4g} against it"
    )


def explanation_section(
    found: Explanation, drawing: Markup, named: Sequence[tuple[str, float]]
) -> PageSection:
    """Return the part of a page that shows one explanation.

    Parameters
    ----------
    found : Explanation
    drawing : Markup
        The sample with the values of its places.
    named : sequence of (str, float)
        Its places in words with their values; none where the drawing tells them.
    """
    largest = sorted(named, key=lambda pair: -abs(pair[1]))[:_PLACES]
    parts: list[Child] = [
        facts(
            [
                ("explained", found.heading),
                ("says", _said(found)),
                ("made of", describe_parts(found)),
            ]
        ),
        element("div", {}, drawing),
    ]
    if largest:
        parts.append(
            html_table(
                "Places that count most",
                ("place", "adds to the score"),
                [(shorten_text(name, _NAME), value) for name, value in largest],
            )
        )
    if found.neighbours:
        parts.append(
            html_table(
                "Nearest training samples",
                ("sample", "is", "distance"),
                [(shorten_text(n.id, _NAME), n.target, n.distance) for n in found.neighbours],
            )
        )
    return PageSection(shorten_text(found.id, _NAME), parts)


def explanations_page(title: str, sections: list[PageSection], left_out: int = 0) -> str:
    """Return a page of explanations as HTML that needs no other file.

    Parameters
    ----------
    left_out : int, default=0
        Samples that the page does not show.

    Examples
    --------
    >>> "<h2" in explanations_page("a.featx", [PageSection("a.jpg", ["One."])])
    True
    """
    lead = ["Blue speaks for the answer, orange against it; the darkest counts most in its sample."]
    if left_out:
        lead.append(f"{left_out:,} more samples are not shown.")
    return Page(title, lead, sections).to_html()


def _said(found: Explanation) -> str:
    """Return the prediction in a few words."""
    table = found.prediction.to_dict(digits=4)
    if "label" in table:
        return f"{table['label']}, {table['probability']:.1%}"
    if "labels" in table:
        return ", ".join(table["labels"]) or "no label"
    numbers = table.get("values") or {"value": table}
    return ", ".join(
        f"{name} {one['value']:g} ({one['low']:g} to {one['high']:g})"
        for name, one in numbers.items()
    )
