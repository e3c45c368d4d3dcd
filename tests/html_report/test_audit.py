"""What a page says of copies, leaks and doubtful labels among the samples."""

from dataclasses import replace

import numpy as np
import pytest

import featx
from featx.audit.findings import AuditFinding, AuditReport
from featx.html_report.audit import audit_section
from featx.html_report.evidence import evidence_of_samples
from featx.pages.document import Page
from tests.support.pages import HOSTILE, assert_page
from tests.support.reports import shade_classifier, shade_classifier_without_rows, shades


def text_of(samples=None, **options):
    options = featx.ReportOptions(examples=0, **options)
    return assert_page(featx.report(shade_classifier(), samples, options=options).html).text


@pytest.mark.slow
def test_copies_of_training_samples_and_among_those_that_are_measured_are_found(recwarn):
    new, old = shades(30, seed=1), shades(60)[7]
    copy = replace(new[3], id="again")
    samples = [*new, replace(old, id="known before"), copy]
    text = text_of(samples)
    assert "is the same as known before, which is in test" in text
    assert "training sample photo 0-7" in text
    assert "FX001 again" in text
    assert "Compared with 60 training samples of which the predictor keeps the rows." in text


def test_labels_that_are_wrong_are_doubted():
    text = text_of(shades(60, seed=1))
    assert "FX021 labels that are probably wrong" in text


def test_without_data_the_training_samples_are_looked_at():
    text = text_of()
    assert "What may be wrong with the samples" in text
    assert "Compared with" not in text
    assert "FX021" in text


def test_nothing_is_looked_at_where_that_is_not_wanted():
    assert "What may be wrong" not in text_of(shades(20, seed=1), audit=False)


def test_an_audit_that_was_made_is_shown_as_it_is():
    findings = tuple(
        AuditFinding("FX053", f"{text}x", 0.5, f"{text} has one colour") for text in HOSTILE[:4]
    )
    text = text_of(shades(20, seed=1), audit=AuditReport("classification", 9, "", findings, ("x",)))
    assert "9 samples: 4 findings" in text
    assert "<script>alert(1)</script> has one colour" in text
    assert "Not looked at: x." in text


@pytest.mark.slow
def test_of_very_many_rows_some_are_looked_at_and_that_is_said():
    rng, n = np.random.default_rng(0), 10_400
    rows = rng.standard_normal((n, 4)).astype(np.float32)
    measured = evidence_of_samples(shade_classifier_without_rows(), shades(20, seed=1))
    many = replace(
        measured,
        ids=tuple(map(str, range(n))),
        targets=("dark",) * n,
        rows=rows,
        row_index=np.arange(n),
        digests=tuple(map(str, range(n))),
    )
    page = Page("Audit", [], [audit_section(many, audit=True)]).to_html()
    assert "Looked at are 10,000 of 10,400 rows, drawn by chance" in assert_page(page).text


@pytest.mark.slow
def test_where_no_rows_are_kept_that_is_said():
    predictor = shade_classifier_without_rows()
    html = featx.report(predictor, shades(20, seed=1), options=featx.ReportOptions(examples=0)).html
    assert "The predictor keeps no rows of its training" in assert_page(html).text
