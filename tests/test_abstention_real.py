"""Sets, errors and what is new on real sets: those beside the checkout, skipped where they are not."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import featx

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (DATA / "banking77").exists(), reason="no shared/data"),
    # trec6 has copies, and some of its test part stands in train
    pytest.mark.filterwarnings("ignore:.*contents are in several samples"),
    pytest.mark.filterwarnings("ignore:.*are among those that the classifier was trained on"),
]


def novelty_of(predictor, samples):
    """P-values, and the greatest probabilities."""
    known = list(predictor.with_abstention(novelty=0.01).predict_samples(samples))
    return np.array([one.certainty.novelty for one in known]), np.array(
        [one.probability for one in known]
    )


@pytest.mark.parametrize(
    ("usual", "others"), [("banking77", ("trec6", "sms_spam")), ("cats_dogs", ("flowers5",))]
)
def test_novelty_tells_samples_of_another_set_better_than_probability(usual, others):
    kind = "test.csv" if (DATA / usual / "test.csv").exists() else "test"
    train = kind.replace("test", "train")
    made = featx.fit(featx.read_samples(DATA / usual / train), baseline=False)
    own, own_sure = novelty_of(made, featx.read_samples(DATA / usual / kind))
    assert (own <= 0.01).mean() < 0.03
    for other in others:
        new, new_sure = novelty_of(made, featx.read_samples(DATA / other / kind))
        truth = np.arange(len(own) + len(new)) >= len(own)
        found = roc_auc_score(truth, -np.concatenate([own, new]))
        plain = roc_auc_score(truth, -np.concatenate([own_sure, new_sure]))
        assert found > 0.98
        assert found > plain


def test_a_target_error_is_held_on_a_test_part_and_sets_cover_it():
    made = featx.fit(
        featx.read_samples(DATA / "trec6" / "train.csv"), target_error=0.1, baseline=False
    )
    careful = made.with_abstention(0.9, abstain=False)
    report = featx.evaluate(careful, featx.read_samples(DATA / "trec6" / "test.csv"))
    assert 0.87 < report.answers.covered < 0.96
    given = featx.evaluate(made, featx.read_samples(DATA / "trec6" / "test.csv")).answers
    assert given.error < 0.1
    assert abs(given.answered - made.error_threshold.answered) < 0.07
