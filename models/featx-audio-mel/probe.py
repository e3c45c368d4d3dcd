"""Measure featx-audio-mel on the Free Spoken Digit Dataset: the official split, and each speaker
held out in turn.

    python probe.py backbone.onnx FSDD      FSDD holds train/<digit>/*.wav and test/<digit>/*.wav,
    named digit_speaker_number.wav

Every clip is embedded alone, whole, at 16 kHz (soxr). The heads are a scaler and logistic
regression, and a scaler and an RBF SVM,
tuned by 3-fold search on train/. Speakers held out: train/ alone, each speaker in turn, the tuned
head fitted on the others.
Needs onnxruntime, scikit-learn, soundfile and soxr.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile
import soxr
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

RATE = 16000
SHORTEST = 1600


def rows(
    session: onnxruntime.InferenceSession, folder: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings, digits and speakers of all the clips in ``folder``."""
    paths = sorted(folder.glob("*/*.wav"))
    table, seconds = [], 0.0
    for path in paths:
        wave, rate = soundfile.read(path, dtype="float32")
        wave = soxr.resample(wave, rate, RATE).astype(np.float32)
        wave = np.pad(wave, (0, max(0, SHORTEST - len(wave))))
        start = time.perf_counter()
        table.append(session.run(None, {"waveform": wave[None]})[0][0])
        seconds += time.perf_counter() - start
    print(
        f"{folder.name}: {len(paths)} clips, {len(paths) / seconds:.0f} a second in the graph, one thread"
    )
    return (
        np.stack(table),
        np.array([p.parent.name for p in paths]),
        np.array([p.stem.split("_")[1] for p in paths]),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("graph", type=Path)
    parser.add_argument("fsdd", type=Path)
    a = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(a.graph), options)
    x, y, speaker = rows(session, a.fsdd / "train")
    x_test, y_test, _ = rows(session, a.fsdd / "test")
    heads = {
        "logistic": (
            LogisticRegression(max_iter=1000),
            {"logisticregression__C": [0.001, 0.003, 0.01, 0.03, 0.1, 1]},
        ),
        "svm": (SVC(), {"svc__C": [1, 3, 10, 30]}),
    }
    for name, (head, grid) in heads.items():
        search = GridSearchCV(
            make_pipeline(StandardScaler(), head),
            grid,
            cv=StratifiedKFold(3, shuffle=True, random_state=0),
        )
        search.fit(x, y)
        held = cross_val_score(search.best_estimator_, x, y, groups=speaker, cv=LeaveOneGroupOut())
        each = ", ".join(
            f"{who} {score:.3f}" for who, score in zip(np.unique(speaker), held, strict=True)
        )
        print(
            f"{name}: test {search.score(x_test, y_test):.4f}; speakers held out {held.mean():.4f} ({each}); {search.best_params_}"
        )


if __name__ == "__main__":
    main()
