"""Accuracy of featx-audio-mel on spoken digits: the official split, and each speaker held out.

Every clip is embedded alone, whole, at 16 kHz. The heads are a scaler with logistic regression and a
scaler with an RBF SVM, tuned by three-fold search on train/. Speakers held out: train/ alone, each
speaker in turn, the tuned head fitted on the others.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.svm import SVC

from recipes.common.heads import LOGISTIC_C, search_head
from recipes.common.sessions import open_session

__all__ = ["probe"]

RATE = 16000
# Shorter clips are padded with zeros to so many samples.
SHORTEST = 1600
HEADS = {
    "logistic": (LogisticRegression(max_iter=1000), {"logisticregression__C": LOGISTIC_C}),
    "svm": (SVC(), {"svc__C": [1.0, 3.0, 10.0, 30.0]}),
}


def embed_folder(session: Any, folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the embeddings, digits and speakers of all the clips in ``folder``; print the speed."""
    paths = sorted(folder.glob("*/*.wav"))
    rows, seconds = [], 0.0
    for path in paths:
        waveform, rate = soundfile.read(path, dtype="float32")
        waveform = soxr.resample(waveform, rate, RATE).astype(np.float32)
        waveform = np.pad(waveform, (0, max(0, SHORTEST - len(waveform))))
        start = time.perf_counter()
        rows.append(session.run(None, {"waveform": waveform[None]})[0][0])
        seconds += time.perf_counter() - start
    speed = len(paths) / seconds
    print(f"{folder.name}: {len(paths)} clips, {speed:.0f} a second in the graph, one thread")
    digits = np.array([path.parent.name for path in paths])
    speakers = np.array([path.stem.split("_")[1] for path in paths])
    return np.stack(rows), digits, speakers


def probe(graph: Path, fsdd: Path) -> None:
    """Print each head's accuracy on test/ and on each speaker held out of train/."""
    session = open_session(graph)
    x, y, speakers = embed_folder(session, fsdd / "train")
    x_test, y_test, _ = embed_folder(session, fsdd / "test")
    for name, (head, grid) in HEADS.items():
        search = search_head(head, grid, x, y)
        held_out = cross_val_score(
            search.best_estimator_, x, y, groups=speakers, cv=LeaveOneGroupOut()
        )
        by_speaker = ", ".join(
            f"{speaker} {score:.3f}"
            for speaker, score in zip(np.unique(speakers), held_out, strict=True)
        )
        print(
            f"{name}: test {search.score(x_test, y_test):.4f}; speakers held out "
            f"{held_out.mean():.4f} ({by_speaker}); {search.best_params_}"
        )
