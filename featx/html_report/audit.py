"""What may be wrong with the samples of a page: copies, leaks from the training, labels that are doubtful."""

from __future__ import annotations

import warnings

import numpy as np

from featx.audit.auditing import audit_rows, without_chance_copies
from featx.audit.findings import CHECKS, AuditReport
from featx.embedding.rows import Rows
from featx.errors import FeatxError, FeatxWarning
from featx.html_report.evidence import Evidence
from featx.inputs.joint import joint_blocks
from featx.pages.document import PageSection, notes
from featx.pages.markup import Child, shorten_text
from featx.pages.tables import html_table

__all__ = ["audit_section"]

# Rows that are looked at, in about the time of a fit: of more some, drawn by chance.
_MOST_ROWS = 10_000
# Findings of one code that are shown, and characters of one.
_OF_CODE, _LONGEST = 6, 300
# What stands before the id of a training sample, which may have that of a sample that is measured.
_TRAINING = "training sample "


def audit_section(evidence: Evidence, audit: AuditReport | bool) -> PageSection:
    """Return what an audit of the samples found.

    Parameters
    ----------
    audit : AuditReport or bool
        One that was made; True makes one of the rows, with those that the predictor keeps of its training.
    """
    title = "What may be wrong with the samples"
    if audit is False:
        return PageSection(title, [])
    if isinstance(audit, AuditReport):
        return PageSection(title, _parts(audit))
    rows, parts = _rows(evidence)
    if rows is None:
        return PageSection(title, [])
    groups, index = evidence.design.groups, evidence.row_index
    # A predictor may keep the rows of its samples in an order of their own.
    own = groups[index].tolist() if groups is not None and index is not None else None
    own = own if own is not None and len(own) == len(rows) else None
    n, some = len(rows), _some(len(rows), evidence.in_training, parts)
    if len(some) < n:
        rows, parts = _subset(rows, some), [parts[i] for i in some]
        own = None if own is None else [own[i] for i in some]
    try:
        with warnings.catch_warnings():
            # what there is to say is among the findings
            warnings.simplefilter("ignore", FeatxWarning)
            report = audit_rows(
                rows,
                task=evidence.predictor.task_name,
                parts=parts,
                groups=own,
                blocks=joint_blocks(evidence.predictor.inputs),
            )
            report = without_chance_copies(report, evidence.predictor.inputs)
    except FeatxError as error:
        return PageSection(title, [f"Not looked at: {error}"])
    said = [] if evidence.in_training else [_said(parts.count("train"))]
    if len(some) < n:
        said.append(
            f"Looked at are {len(some):,} of {n:,} rows, drawn by chance; of the others nothing is told. "
            "featx audit looks at all."
        )
    return PageSection(title, _parts(report, *said))


def _some(n: int, in_training: bool, parts: list[str | None]) -> list[int]:
    """Return the rows that are looked at, in order: those that are measured before those of the training."""
    rng = np.random.default_rng(0)
    drawn = rng.permutation(n).tolist()
    if not in_training:
        drawn.sort(key=lambda i: parts[i] == "train")
    return sorted(drawn[:_MOST_ROWS])


def _subset(rows: Rows, some: list[int]) -> Rows:
    return Rows(
        tuple(rows.ids[i] for i in some),
        tuple(rows.labels[i] for i in some),
        rows.embeddings[some],
        rows.fingerprint,
        digests=tuple(rows.digests[i] for i in some),
    )


def _said(n: int) -> str:
    if not n:
        return "The predictor keeps no rows of its training: whether samples are copies of those is not known."
    return f"Compared with {n:,} training samples of which the predictor keeps the rows."


def _rows(evidence: Evidence) -> tuple[Rows | None, list[str | None]]:
    """Return the rows that are known, those of the training behind those that are measured, and their parts."""
    if evidence.rows is None or evidence.row_index is None or not len(evidence.rows):
        return None, []
    index = evidence.row_index.tolist()
    ids = [evidence.ids[i] for i in index]
    targets = [evidence.targets[i] for i in index]
    digests = [evidence.digests[i] for i in index]
    parts: list[str | None] = [None if evidence.in_training else "test"] * len(index)
    tables = [np.asarray(evidence.rows, np.float32)]
    kept = None if evidence.in_training else evidence.predictor.samples
    if kept is not None and kept.rows is not None and kept.kept is not None:
        own = kept.kept
        ids += [f"{_TRAINING}{name}" for name in kept.ids[own].tolist()]
        targets += kept.targets[own].tolist()
        digests += kept.digests[own].tolist()
        parts += ["train"] * len(own)
        tables.append(np.asarray(kept.rows, np.float32))
    rows = np.ascontiguousarray(np.concatenate(tables))
    fingerprint = evidence.predictor.fingerprint
    return Rows(tuple(ids), tuple(targets), rows, fingerprint, digests=tuple(digests)), parts


def _parts(report: AuditReport, *where: str) -> list[Child]:
    said = [report.summary, *where, *(f"Not looked at: {text}." for text in report.skipped)]
    said.append(
        "featx audit looks at the contents of a whole data set, and shows all that it finds."
    )
    parts: list[Child] = [notes(said)]
    if not report.findings:
        return parts
    counts = report.counts
    table = [(f"{code} {CHECKS[code]}", counts[code]) for code in counts]
    parts.append(html_table("Findings", ("what", "number"), table))
    rows = [
        (f"{one.code} {shorten_text(one.id, _LONGEST)}".strip(), _line(one.message), one.score)
        for code in counts
        for one in report.of(code)[:_OF_CODE]
    ]
    title = f"The strongest findings, at most {_OF_CODE} of each kind"
    parts.append(html_table(title, ("sample", "finding", "score"), rows))
    return parts


def _line(text: str) -> str:
    return shorten_text(text, _LONGEST)
