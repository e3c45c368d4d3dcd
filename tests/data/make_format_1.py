"""Made ``format-1.featx`` beside it, so that later versions of featx are tested to read it. Run once."""

from pathlib import Path

import numpy as np

from featx.catalog import Card
from featx.persistence.artifact import save
from featx.predictor import Classifier
from featx.training import fit_head

CARD = """
name = "a-backbone-that-nobody-has"
modality = "image"
dim = 4
[graph]
sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
[image]
resize = 8
crop = 8
"""

if __name__ == "__main__":
    rows = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    labels = np.where(rows[:, 0] > 0, "ja", "nein")
    classifier = Classifier(Card.from_toml(CARD), fit_head(rows, labels).head, {"n": 30})
    save(classifier, Path(__file__).with_name("format-1.featx"), overwrite=True)
    print(classifier.head.predict_proba(np.eye(4, dtype=np.float32)[:2]).tolist())
