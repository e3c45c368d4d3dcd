"""The rows of samples in two dimensions, to see what lies beside what."""

from __future__ import annotations

import numpy as np

from featx.html_report.evidence import Evidence
from featx.html_report.view import TaskView
from featx.inputs.comparing import RowSpace
from featx.inputs.joint import joint_blocks
from featx.pages.axes import Axis
from featx.pages.charts import Point, scatter_chart
from featx.pages.markup import Markup

__all__ = ["projection_chart"]

# Dots that are drawn; each takes about 150 bytes of the page.
_MOST = 1200


def projection_chart(evidence: Evidence, view: TaskView) -> Markup | None:
    """Return the first two principal components of the rows; None where no rows are known.

    Each dot tells which sample it is, and what it is and was taken for, where one points at it.
    """
    rows, index = evidence.rows, evidence.row_index
    if rows is None or index is None or len(rows) < 3 or rows.shape[1] < 2:
        return None
    if not np.isfinite(rows).all() or not np.ptp(rows, axis=0).any():
        return None
    from sklearn.decomposition import PCA

    rows = RowSpace.of(rows, joint_blocks(evidence.predictor.inputs)).apply(rows)

    n = len(rows)
    if n > _MOST:
        chosen = np.sort(np.random.default_rng(0).choice(n, _MOST, replace=False))
        rows, index = rows[chosen], index[chosen]
    model = PCA(2, random_state=0)
    places = model.fit_transform(np.asarray(rows, np.float64))
    series, names = view.colors(evidence, index)
    points = [
        Point(float(x), float(y), _title(evidence, int(i), names[own] if names else ""), own)
        for (x, y), i, own in zip(places, index, series, strict=True)
    ]
    share = float(model.explained_variance_ratio_.sum())
    drawn = f"{_MOST:,} of {n:,} rows, drawn by chance" if n > _MOST else f"{n:,} rows"
    return scatter_chart(
        "Rows in two dimensions",
        points,
        Axis("first principal component"),
        Axis("second"),
        names=names,
        note=f"{drawn}. These two hold {share:.0%} of the variance: what lies together here may lie apart "
        "in others.",
    )


def _title(evidence: Evidence, index: int, name: str) -> str:
    target = evidence.targets[index]
    said = target if target[:1] not in ("[", "{") else name
    return f"{evidence.ids[index]}: {said}"
