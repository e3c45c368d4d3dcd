"""The sets of MAPIE, a peer, on given probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np


def mapie_size(shares: Any, codes: Any, method: str) -> str:
    """Return the mean size of MAPIE's sets over 20 of the splits, and how often they cover."""
    try:
        from mapie.classification import SplitConformalClassifier
    except ImportError:
        return ""
    from sklearn.linear_model import LogisticRegression

    # A classifier that gives these probabilities: of their logarithms.
    rows, sizes, hits = np.log(shares.astype(float) + 1e-30), [], []
    classes, first = np.unique(codes, return_index=True)
    given = LogisticRegression().fit(rows[first], classes)
    given.coef_, given.intercept_ = np.eye(shares.shape[1]), np.zeros(shares.shape[1])
    for turn in range(20):
        order = np.random.default_rng(turn).permutation(len(codes))
        peer = SplitConformalClassifier(given, 0.9, method, random_state=turn)
        peer.conformalize(rows[order[:1000]], codes[order[:1000]])
        members = peer.predict_set(rows[order[1000:]])[1][:, :, 0]
        sizes.append(members.sum(axis=1).mean())
        hits.append(members[np.arange(len(members)), codes[order[1000:]]].mean())
    return f"; MAPIE {np.mean(sizes):.2f}, covering {np.mean(hits):.3f}"
