"""The page of an audit shows samples and findings, holds whatever ids there are, and stays small."""

import numpy as np
import pytest

from featx import AuditFinding, AuditReport, Sample
from featx.audit.findings import CHECKS
from featx.audit.page import audit_page
from featx.catalog import get_card
from tests.support.pictures import encode, photo

IMAGES = get_card("featx-image-nano").input
HOSTILE = "<script>alert(1)</script>&\"' .jpg"


def report_of(*findings, n=9):
    return AuditReport("classification", n, "featx-image-nano", findings, ("a reason <b>",))


def test_samples_are_shown_beside_those_that_they_are_compared_with():
    samples = [Sample(name, encode(photo(seed=i), "PNG"), "cat") for i, name in enumerate("ab")]
    found = AuditFinding("FX012", "b", 0.75, "b is nearly the same as a", ("a",), "group")
    page = audit_page(report_of(found), samples, IMAGES)
    assert page.count("data:image/jpeg") == 2
    assert "FX012 near-duplicates in two parts: a leak" in page
    assert "0.75: b is nearly the same as a. Suggested: group." in page
    assert "a reason &lt;b&gt;" in page


def test_no_id_and_no_label_becomes_markup():
    samples = [Sample(HOSTILE, encode(photo(), "PNG"), HOSTILE)]
    found = AuditFinding("FX021", HOSTILE, 1.0, f"{HOSTILE} is odd", (HOSTILE,), HOSTILE)
    page = audit_page(report_of(found), samples, IMAGES)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_thousands_of_findings_make_a_page_below_2_mb():
    samples = [Sample(f"s{i}", encode(photo(seed=i), "JPEG"), "cat") for i in range(30)]
    findings = [
        AuditFinding(code, f"s{i % 30}", 0.5, "x" * 5000, tuple(f"s{j}" for j in range(20)))
        for code in CHECKS
        for i in range(300)
    ]
    page = audit_page(report_of(*findings), samples, IMAGES)
    assert len(page.encode()) < 2_000_000
    assert "The 4 strongest are shown." in page


def test_samples_that_are_gone_and_findings_on_classes_are_borne(tmp_path):
    samples = [Sample("gone", tmp_path / "gone.jpg", "cat")]
    classes = AuditFinding("FX041", "", 0.6, "cat and dog blend", ("cat", "dog"))
    broken = AuditFinding("FX051", "gone", 1.0, "gone: file not found", (), "remove")
    page = audit_page(report_of(classes, broken), samples, IMAGES)
    assert "cat and dog blend" in page
    assert "could not be read again" in page


@pytest.mark.parametrize("modality", ["text", "audio"])
def test_texts_and_sounds_are_shown_as_such(modality):
    pytest.importorskip("soundfile")
    card = get_card({"text": "featx-text-nano", "audio": "featx-audio-mel"}[modality])
    data = {"text": "to be < or not", "audio": (np.zeros(800, np.float32), 16_000)}[modality]
    found = AuditFinding("FX071" if modality == "audio" else "FX031", "a", 0.5, "a is odd")
    page = audit_page(report_of(found), [Sample("a", data, "x")], card.input)
    assert ("to be &lt; or not" if modality == "text" else "data:audio/") in page
