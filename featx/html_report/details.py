"""Further lines on samples that are shown: what speaks for their answer, and the nearest training samples."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from featx.embedding.engine import Engine
from featx.errors import FeatxError, FeatxWarning, NoExactSum
from featx.explanation.explaining import Explainer, ExplanationOptions
from featx.explanation.explanation import Explanation, Neighbour
from featx.explanation.neighbours import NeighbourSearch
from featx.explanation.output import open_shown
from featx.explanation.page import describe_parts
from featx.explanation.record_page import draw_record
from featx.html_report.evidence import Evidence
from featx.inputs.showing import SampleView
from featx.modalities.remarks import collected
from featx.modalities.showing import Budget
from featx.pages.markup import Child, Markup, element, shorten_text
from featx.sources import Sample

__all__ = ["Explain", "SampleDetails"]

Explain = Literal["auto", "occlusion", "none"]
"""Which samples are explained: where scores are exact sums, all by hiding their parts, or none."""

# Training samples that are named, and samples that are explained.
_NEAREST, _MOST = 3, 24
# Characters that are kept free for the thumbnail or the player of each example.
_RESERVED = {"image": 6500, "audio": 22_000}
# Characters of an id.
_NAME = 60


class SampleDetails:
    """The remarks on a sample besides its answer.

    Parameters
    ----------
    evidence : Evidence
    explain : {"auto", "occlusion", "none"}
        "auto" explains where scores are exact sums over places, which costs about a prediction a sample.
    budget : Budget
        The room that drawings share with thumbnails and players.
    examples : int
        Samples that are shown.
    training : mapping of str to Sample, default={}
        Training samples by id, to show those that are near.
    """

    def __init__(
        self,
        evidence: Evidence,
        explain: Explain,
        budget: Budget,
        examples: int,
        training: Mapping[str, Sample] = MappingProxyType({}),
    ) -> None:
        self._evidence, self._training = evidence, training
        self._said: dict[str, None] = {}
        self._budget, self._waiting, self._count = budget, examples, 0
        self._pictures = _NEAREST * _MOST
        self._view = SampleView.of(evidence.predictor.inputs)
        self._reserved = sum(_RESERVED.get(kind, 0) for kind in self._view.modalities)
        if self._view.columns:
            # Of photos and sounds together something is left for tables.
            self._reserved = min(self._reserved, budget.left // (examples + 1))
        self._search = self._neighbours()
        self._place = {} if evidence.row_index is None else _places(evidence.row_index.tolist())
        self._explainer = self._made(explain) if evidence.samples and examples else None

    def remarks(self) -> list[str]:
        """Return what is not shown, and why."""
        return list(self._said)

    def __call__(self, index: int) -> list[Child]:
        """Return the lines on one sample."""
        self._waiting -= 1
        return [self._nearest(index), self._explained(index)]

    def _neighbours(self) -> NeighbourSearch | None:
        kept = self._evidence.predictor.samples
        if kept is None or kept.rows is None or self._evidence.rows is None:
            return None
        # one more: a training sample is its own neighbour
        return NeighbourSearch(self._evidence.predictor, _NEAREST + 1)

    def _nearest(self, index: int) -> Child:
        rows = self._evidence.rows
        if self._search is None or rows is None or index not in self._place:
            return None
        found = self._search.near(rows[self._place[index]])
        own = self._evidence.ids[index] if self._evidence.in_training else None
        near = [one for one in found if one.id != own][:_NEAREST]
        if not near:
            return None
        items = [element("li", {}, self._shown(one.id), _named(one)) for one in near]
        summary = element("summary", {}, "Nearest training samples")
        return element("details", {}, summary, element("ul", {"class": "notes"}, *items))

    def _shown(self, name: str) -> Child:
        """Return a training sample as examples are shown while there is room; no sound, which is large."""
        sample = self._training.get(name)
        room = self._budget.left - self._reserved * (self._waiting + 1)
        if "audio" in self._view.modalities or sample is None or room < 0 or self._pictures == 0:
            return None
        self._pictures -= 1
        return self._view.show(sample, self._budget)

    def _made(self, explain: Explain) -> Explainer | None:
        if explain == "none":
            return None
        options = ExplanationOptions(method="exact" if explain == "auto" else "occlusion", top_k=1)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FeatxWarning)
                return Explainer(self._evidence.predictor, options, engine=Engine(on_error="skip"))
        except NoExactSum as error:
            self._said[
                f"Samples are not explained: {error.reason}, so that scores are no exact sums over their "
                "parts; explain='occlusion' hides their parts, which takes many predictions a sample."
            ] = None
            return None

    def _explained(self, index: int) -> Child:
        sample = self._evidence.samples.get(self._evidence.ids[index])
        if self._explainer is None or sample is None or self._count == _MOST:
            return None
        self._count += 1
        try:
            with collected(), warnings.catch_warnings():
                warnings.simplefilter("ignore", FeatxWarning)
                [found] = self._of_sample(index).stream([sample])
                return self._drawn(sample, found) if isinstance(found, Explanation) else None
        except (FeatxError, OSError):
            self._said["Some samples could not be read again and are not explained."] = None
            return None

    def _of_sample(self, index: int) -> Explainer:
        """Return what explains a sample: of one that is wrong, the answer against the label that it has."""
        explainer, evidence = self._explainer, self._evidence
        assert explainer is not None
        classes, target = evidence.predictor.head.classes, evidence.targets[index]
        # Of two classes the score is the difference anyway; of several labels a sample it has no rival.
        if evidence.predictor.task_name != "classification" or len(classes) < 3:
            return explainer
        answer = classes[int(evidence.outputs[index].argmax())]
        if target == answer or target not in classes:
            return explainer
        return explainer.between(answer, target)

    def _drawn(self, sample: Sample, found: Explanation) -> Child:
        drawing = self._drawing(sample, found)
        if len(drawing.html) > self._budget.left - self._reserved * self._waiting:
            self._said["Some explanations are left out, so that the page stays below 2 MB."] = None
            return None
        self._budget.left -= len(drawing.html)
        summary = element("summary", {}, f"What speaks for {found.heading}")
        return element("details", {}, summary, drawing, element("p", {}, describe_parts(found)))

    def _drawing(self, sample: Sample, found: Explanation) -> Markup:
        predictor = self._evidence.predictor
        if found.inputs:
            return draw_record(predictor, sample, found, contents=False)
        shown, content = open_shown(predictor, sample)
        title = f"{shorten_text(found.id, _NAME)}: {found.heading}"
        return shown.draw(content, found.places, found.extent, title)


def _named(one: Neighbour) -> Child:
    name = element("bdi", {}, shorten_text(one.id, _NAME))
    return element("span", {}, name, f": {one.target} ({one.distance:.3f})")


def _places(index: Sequence[int]) -> Mapping[int, int]:
    return {i: place for place, i in enumerate(index)}
