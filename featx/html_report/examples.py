"""Samples that are worth looking at: with thumbnails, texts or players, within a bounded size."""

from __future__ import annotations

import math

from featx.html_report.details import SampleDetails
from featx.html_report.evidence import Evidence
from featx.html_report.view import ExampleGroup, TaskView
from featx.inputs.showing import SampleView
from featx.modalities.showing import Budget
from featx.pages.document import notes, subsection
from featx.pages.markup import Child, element, shorten_text
from featx.pages.media import cards

__all__ = ["example_parts"]

# Characters of an id.
_NAME = 200


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
    sample_view = SampleView.of(evidence.predictor.inputs)
    for number, group in enumerate(groups):
        # what one group leaves goes to the next
        room = math.ceil((most - len(shown)) / (len(groups) - number))
        chosen = [i for i in group.indices.tolist() if i not in shown][:room]
        shown |= set(chosen)
        if not chosen:
            continue
        items = [
            [
                sample_view.show(evidence.samples.get(evidence.ids[i]), budget),
                element(
                    "p", {"class": "soft"}, element("bdi", {}, shorten_text(evidence.ids[i], _NAME))
                ),
                *view.caption(evidence, i),
                *details(i),
            ]
            for i in chosen
        ]
        more = _more(group, len(chosen))
        parts.append(subsection(group.title, group.lead + more, cards(items, sample_view.style)))
    said = [*budget.remarks(), *details.remarks()]
    if not evidence.samples:
        said.insert(0, "The samples are not at hand, so that their ids alone are shown.")
    return [notes(said), *parts] if said else parts


def _more(group: ExampleGroup, shown: int) -> str:
    return f" Shown are {shown:,}." if shown < len(group.indices) else ""
