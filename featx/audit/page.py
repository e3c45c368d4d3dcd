"""The page of an audit: each kind of finding with the samples concerned, in one file that opens from disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from featx.audit.findings import CHECKS, AuditFinding, AuditReport
from featx.inputs.showing import SampleView
from featx.modalities import Settings
from featx.modalities.showing import Budget
from featx.pages.document import Page, PageSection, notes, paragraphs, tiles
from featx.pages.markup import Child, element
from featx.pages.media import cards
from featx.pages.tables import html_table
from featx.sources import Sample

__all__ = ["audit_page"]

# Findings of a code that are shown, of all codes together, and related samples of each.
_OF_CODE, _SHOWN, _RELATED = 24, 120, 2


def audit_page(
    report: AuditReport,
    samples: Sequence[Sample] = (),
    settings: Settings | SampleView | None = None,
    *,
    title: str = "Audit",
    most: int = _SHOWN,
) -> str:
    """Return a report as one HTML document.

    Parameters
    ----------
    report : AuditReport
    samples : sequence of Sample, default=()
        The samples that were audited, to be shown.
    settings : Settings or SampleView, default=None
        How a card reads them, or how records are shown; None: nothing is shown of them.
    title : str, default="Audit"
    most : int, default=120
        Findings that are shown with their samples.

    Examples
    --------
    >>> "nothing found" in audit_page(AuditReport("classification", 9, "", ()))
    True
    """
    by_id = {sample.id: sample for sample in samples}
    budget, sections = Budget(), []
    view = settings if isinstance(settings, SampleView) else SampleView({}, settings)
    counts = report.counts
    share = max(1, min(_OF_CODE, most // max(1, len(counts))))
    for code in counts:
        found = report.of(code)
        shown = found[:share]
        parts: list[Child] = [_lead(found, len(shown))]
        items = [list(_card(one, by_id, view, budget)) for one in shown]
        parts.append(cards(items, view.style if any(one.id for one in shown) else "texts"))
        sections.append(PageSection(f"{code} {CHECKS[code]}", parts))
    rows = [(code, CHECKS[code], counts[code]) for code in counts]
    table = html_table("Findings by code", ("code", "what", "findings"), rows) if rows else None
    said = [*(f"Not looked at: {text}" for text in report.skipped), *budget.remarks()]
    lead: list[Child] = [report.summary, _tiles(report), table, notes(said) if said else None]
    return Page(title, [one for one in lead if one is not None], sections).to_html()


def _tiles(report: AuditReport) -> Child:
    """Return the main figures: leaks, copies and wrong targets."""
    leaks = report.of("FX002", "FX012")
    wrong = report.of("FX021", "FX022", "FX023", "FX024")
    poor = [found for found in report.findings if found.code[:4] in ("FX05", "FX06", "FX07")]
    return tiles(
        [
            ("leaks", f"{len(leaks):,}", f"{len(report.of('FX002')):,} of equal bytes"),
            ("probably wrong targets", f"{len(wrong):,}", f"of {report.n:,} samples"),
            ("poor samples", f"{len(poor):,}", "broken, blank, empty, silent …"),
        ]
    )


def _lead(found: Sequence[AuditFinding], shown: int) -> str:
    more = f" The {shown:,} strongest are shown." if shown < len(found) else ""
    return f"{len(found):,} {'finding' if len(found) == 1 else 'findings'}.{more}"


def _card(
    found: AuditFinding, by_id: dict[str, Sample], view: SampleView, budget: Budget
) -> Iterator[Child]:
    """Give the sample of a finding and those that it is compared with, then what is said of them."""
    for name in (found.id, *found.related[:_RELATED]):
        if view.modalities and name in by_id:
            yield view.show(by_id[name], budget)
            label = by_id[name].label
            said = f"{name:.120}" if label is None else f"{name:.120}: {label:.60}"
            yield element("p", {"class": "soft"}, element("bdi", {}, said))
    todo = f" Suggested: {found.suggested:.60}." if found.suggested else ""
    yield paragraphs([f"{found.score:.2f}: {found.message:.400}.{todo}"])
