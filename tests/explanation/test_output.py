"""Explanations as pages: bounded, and nothing that a sample holds can run in them."""

import numpy as np
import pytest

import featx
from featx import Explanation, LabelPrediction, Neighbour, NumberPrediction, ScorePart
from featx.explanation.page import describe_parts, explanation_section, explanations_page
from featx.modalities import shown_samples
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


def page_of(found):
    drawing = element("p", {}, "drawn")
    return explanations_page(HOSTILE, [explanation_section(found, drawing, [(HOSTILE, 1.0)])])


def test_nothing_that_a_sample_is_called_or_holds_can_run():
    near = (Neighbour(HOSTILE, HOSTILE, 0.5),)
    html = page_of(explanation(reason=HOSTILE, neighbours=near))
    assert "<script" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (explanation(), "score 1.2 = 0.2 without the sample + 1.5 for it - 0.5 against it"),
        (
            explanation(method="occlusion", bias=None, reason="a kernel"),
            "where it is hidden: a kernel",
        ),
    ],
)
def test_what_a_score_is_made_of_is_said(found, words):
    assert words in describe_parts(found)


def test_a_number_and_several_labels_are_said_as_they_are():
    assert "value 3 (2.5 to 3.5)" in page_of(explanation(NUMBER))
    several = featx.LabelSetsPrediction("a", ("red", "round"), (("red", 0.7), ("round", 0.6)))
    assert "red, round" in page_of(explanation(several))


@pytest.mark.parametrize(
    ("modality", "content", "places", "expected"),
    [
        (
            "text",
            "unhappy dog",
            [((0, 2), 1.0), ((2, 7), 0.5), ((8, 11), -1.0), (None, 0.25)],
            [("unhappy", 1.5), ("dog", -1.0), ("around the text", 0.25)],
        ),
        (
            "image",
            None,
            [((0.0, 1.6, 9.5, 8.0), 1.0), (None, 0.5)],
            [("0 to 10 across, 2 to 8 down", 1.0), ("beside the picture", 0.5)],
        ),
        (
            "audio",
            None,
            [((0.0, 0.125), 1.0), (None, 0.5)],
            [("0.00 to 0.12 s", 1.0), ("beside the sound", 0.5)],
        ),
    ],
)
def test_places_are_named_for_people(modality, content, places, expected):
    assert list(shown_samples(modality, None).name_places(content, places)) == expected


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
