"""Findings of an audit, each with a stable code, and the report that holds them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from featx._display import TextTable, one_line
from featx._extras import require
from featx.metrics.report import ShownReport, check_fields, reading_report

__all__ = ["CHECKS", "COLUMNS", "AuditFinding", "AuditReport"]

# The codes are stable: none is given another meaning, and none is used again.
CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "FX001": "exact copies",
        "FX002": "exact copies in two parts: a leak",
        "FX003": "exact copies with different targets",
        "FX004": "exact copies in two groups",
        "FX011": "near-duplicates",
        "FX012": "near-duplicates in two parts: a leak",
        "FX013": "near-duplicates with different targets",
        "FX014": "near-duplicates in two groups",
        "FX021": "labels that are probably wrong",
        "FX022": "labels that are probably missing",
        "FX023": "labels that are probably too many",
        "FX024": "numbers far from what is predicted",
        "FX031": "outliers",
        "FX041": "classes that blend into each other",
        "FX042": "rare classes or labels",
        "FX043": "classes or labels of one part only",
        "FX051": "samples that cannot be read",
        "FX052": "tiny pictures",
        "FX053": "pictures of one colour",
        "FX054": "dark pictures",
        "FX055": "blurred pictures",
        "FX061": "texts without a word",
        "FX062": "texts far longer than what is read of them",
        "FX071": "silent sounds",
        "FX072": "sounds cut off at full scale",
        "FX073": "sounds far shorter than others",
        "FX081": "shortcuts: a plain fact predicts the target",
    }
)

# The columns of findings on disk, and their types.
COLUMNS: Mapping[str, type] = MappingProxyType(
    {"id": str, "code": str, "score": float, "related": str, "suggested": str, "message": str}
)

# Findings of a code that a table shows.
_SHOWN = 5
# Characters of a cell of a table.
_WIDE = 72


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """Something that may be wrong with a sample, a class or the whole.

    Attributes
    ----------
    code : str
        A key of ``CHECKS``.
    id : str
        The sample concerned; of classes and of the whole ''.
    score : float
        How sure or how strong it is, from 0 to 1; it compares findings of one code.
    message : str
        One sentence.
    related : tuple of str
        Ids of the samples, or names of the classes, that it is compared with.
    suggested : str
        What to do: "remove", "group", another target, or '' where that is for a person to say.

    Examples
    --------
    >>> found = AuditFinding("FX001", "b.jpg", 1.0, "the same bytes as a.jpg", ("a.jpg",), "group")
    >>> AuditFinding.from_dict(found.to_dict()) == found
    True
    """

    code: str
    id: str
    score: float
    message: str
    related: tuple[str, ...] = ()
    suggested: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON values, in the order of ``COLUMNS``."""
        return {name: getattr(self, name) for name in COLUMNS} | {"related": list(self.related)}

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> AuditFinding:
        """Return the finding whose ``to_dict`` gave ``table``; raise BadLabels where none did."""
        with reading_report("audit"):
            values = {one.name: table[one.name] for one in fields(cls)}
            found = cls(**values | {"related": tuple(values["related"])})
            check_fields(found)
            if found.code not in CHECKS or not all(isinstance(name, str) for name in found.related):
                raise ValueError(f"code {found.code!r:.20} of {found.related!r:.40}")
            return found


@dataclass(frozen=True, slots=True, repr=False)
class AuditReport(ShownReport):
    """The findings of an audit, in the order of codes, the strongest of each first.

    Attributes
    ----------
    task : str
    n : int
        Samples that were looked at, those that cannot be read included.
    backbone : str
        The name of the backbone whose rows were compared; '' where rows were given.
    findings : tuple of AuditFinding
    skipped : tuple of str
        What was not looked at, and why.

    Examples
    --------
    >>> found = AuditFinding("FX053", "a.jpg", 1.0, "a.jpg has one colour")
    >>> report = AuditReport("classification", 9, "featx-image-nano", (found,))
    >>> report.counts
    {'FX053': 1}
    >>> AuditReport.from_dict(report.to_dict()) == report
    True
    """

    task: str
    n: int
    backbone: str
    findings: tuple[AuditFinding, ...]
    skipped: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of findings of each code that has some."""
        return dict(Counter(found.code for found in self.findings))

    def of(self, *codes: str) -> list[AuditFinding]:
        """Return the findings of some codes, in their order."""
        return [found for found in self.findings if found.code in codes]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        table = {one.name: getattr(self, one.name) for one in fields(self)}
        return table | {
            "findings": [found.to_dict() for found in self.findings],
            "skipped": list(self.skipped),
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> AuditReport:
        """Return the report whose ``to_dict`` gave ``table``; raise BadLabels where none did."""
        with reading_report("audit"):
            values = {one.name: table[one.name] for one in fields(cls)}
            found = tuple(map(AuditFinding.from_dict, values["findings"]))
            skipped = tuple(map(str, values["skipped"]))
            report = cls(**values | {"findings": found, "skipped": skipped})
            check_fields(report)
            return report

    def records(self, *, as_text: bool = False) -> list[dict[str, Any]]:
        """Return a record of ``COLUMNS`` for each finding; where ``as_text``, related ids are a JSON list."""
        records = [found.to_dict() for found in self.findings]
        if as_text:
            for record in records:
                record["related"] = json.dumps(record["related"], ensure_ascii=False)
        return records

    def to_frame(self) -> Any:
        """Return the findings as a pandas DataFrame; raise MissingExtra without pandas."""
        pandas = require("pandas")
        return pandas.DataFrame([found.to_dict() for found in self.findings], columns=list(COLUMNS))

    @property
    def summary(self) -> str:
        """The numbers of samples and of findings, in one line."""
        where = f" ({self.backbone})" if self.backbone else ""
        if not self.findings:
            return f"{_counted(self.n, 'sample')}{where}: nothing found."
        samples = len({found.id for found in self.findings if found.id})
        found = _counted(len(self.findings), "finding")
        return f"{_counted(self.n, 'sample')}{where}: {found}, of {_counted(samples, 'sample')}."

    def format_table(self) -> str:
        """Return the report as lines of text: all counts, and the first findings of each code."""
        # Where nothing was found there is no table.
        return ShownReport.format_table(self).strip()

    def _score_lines(self) -> list[str]:
        return [self.summary]

    def _tables(self) -> list[TextTable]:
        if not self.findings:
            return []
        counts = self.counts
        summary = [(code, CHECKS[code], str(counts[code])) for code in CHECKS if code in counts]
        tables = [TextTable(("code", "what", "findings"), summary)]
        for code in (code for code in CHECKS if code in counts):
            shown = self.of(code)[:_SHOWN]
            rows = [(code, f"{found.score:.2f}", _cut(found.message)) for found in shown]
            tables.append(TextTable(("", "score", "the first"), rows))
        return tables

    def _notes(self) -> list[str]:
        return [f"Not looked at: {text}" for text in self.skipped]


def _counted(n: int, noun: str) -> str:
    return f"1 {noun}" if n == 1 else f"{n} {noun}s"


def _cut(text: str) -> str:
    plain = one_line(text)
    return plain if len(plain) <= _WIDE else f"{plain[: _WIDE - 1]}…"
