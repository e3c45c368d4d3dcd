"""Explanations as pages: bounded, and nothing that a sample holds can run in them."""

import numpy as np
import pytest

import featx
from featx import Explanation, LabelPrediction, Neighbour, NumberPrediction, ScorePart
from featx.explanation.page import describe, explanation_section, explanations_page
from featx.pages.document import PageSection
from featx.pages.markup import element

HOSTILE = "<script>alert('x')</script>\u202e"
LABEL = LabelPrediction("a", HOSTILE, 0.75, ((HOSTILE, 0.75),))
NUMBER = NumberPrediction("a", {"value": (3.0, 2.5, 3.5)})


def explanation(prediction=LABEL, **more):
    values = {
        "id": HOSTILE,
        "modality": "text",
        "method": "exact",
        "target": HOSTILE,
        "against": None,
        "score": 1.2,
        "bias": 0.2,
        "parts": (ScorePart(1.5, (0, 4)), ScorePart(-0.5, None)),
        "extent": (8,),
        "prediction": prediction,
    }
    return Explanation(**{**values, **more})


def page_of(found, text=None):
    drawing = element("p", {}, "drawn")
    return explanations_page(HOSTILE, [explanation_section(found, drawing, text)])


@pytest.mark.parametrize("modality", ["text", "image", "audio"])
def test_nothing_that_a_sample_is_called_or_holds_can_run(modality):
    near = (Neighbour(HOSTILE, HOSTILE, 0.5),)
    places = {"text": (0, 4), "image": (0, 0, 4, 4), "audio": (0.5, 1.0)}
    found = explanation(
        modality=modality,
        reason=HOSTILE,
        neighbours=near,
        parts=(ScorePart(1.0, places[modality]),),
    )
    html = page_of(found, HOSTILE if modality == "text" else None)
    assert "<script" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (explanation(), "score 1.2 = 0.2 without the sample + 1.5 for"),
        (
            explanation(method="occlusion", bias=None, reason="a kernel"),
            "where it is hidden: a kernel",
        ),
    ],
)
def test_what_a_score_is_made_of_is_said(found, words):
    assert words in describe(found)


def test_a_number_and_several_labels_are_said_as_they_are():
    assert "value 3 (2.5 to 3.5)" in page_of(explanation(NUMBER))
    several = featx.LabelSetsPrediction("a", ("red", "round"), (("red", 0.7), ("round", 0.6)))
    assert "red, round" in page_of(explanation(several))


def test_what_a_page_leaves_out_is_said():
    html = explanations_page("many", [PageSection("one", ["x"])], left_out=1234)
    assert "1,234 more samples are not shown." in html


def test_parts_are_ranked_whichever_way_they_speak():
    parts = tuple(ScorePart(value, (k, k + 1)) for k, value in enumerate((0.1, -3.0, 2.0)))
    found = explanation(parts=parts)
    assert [part.value for part in found.ranked()] == [-3.0, 2.0, 0.1]
    assert (found.positive, found.negative) == (pytest.approx(2.1), -3.0)
    assert np.isclose(found.total, -0.7)
    assert "-3" in found._repr_html_()
