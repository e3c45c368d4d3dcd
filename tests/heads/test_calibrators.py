import json
import math

import numpy as np
import pytest

from featx.errors import BadArtifact
from featx.heads import CALIBRATORS, TemperatureScaling, read_calibrator
from featx.heads.label_calibration import LabelCalibration
from featx.heads.number_scaling import NumberScaling


def test_every_calibrator_goes_to_json_and_back(rng):
    scores, y = rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    numbers = NumberScaling((1.0, 2.0, 0.0), (3.0, 4.0, 1.0), (0.5, 0.25, 0.0), log=True)
    labels = LabelCalibration((1.0, 2.0, 3.0), (0.0, -1.0, 0.0), (0.5, 0.25, 0.1))
    fitted_ones = [numbers, labels, TemperatureScaling.fit(scores, y)]
    assert {type(one) for one in fitted_ones} == set(CALIBRATORS.values())
    for fitted in fitted_ones:
        again = read_calibrator(json.loads(json.dumps(fitted.to_dict())))
        np.testing.assert_array_equal(again.apply(scores), fitted.apply(scores))


def test_every_calibrator_gives_rows_that_add_up_to_one_and_keeps_the_first_class(rng):
    scores, y = rng.normal(size=(40, 3)) * 50, rng.integers(0, 3, 40)
    kinds = [kind for kind in CALIBRATORS.values() if hasattr(kind, "fit")]
    assert TemperatureScaling in kinds
    for kind in kinds:
        probabilities = kind.fit(scores, y).apply(scores)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        np.testing.assert_array_equal(probabilities.argmax(axis=1), scores.argmax(axis=1))


@pytest.mark.parametrize("temperature", [0, -1.0, math.nan, math.inf, True, "1", None, [1]])
def test_a_temperature_that_is_no_positive_number_is_refused(temperature):
    with pytest.raises(BadArtifact, match="expected a positive number"):
        read_calibrator({"method": "temperature", "temperature": temperature})


@pytest.mark.parametrize("values", [{}, {"method": "magic"}, {"method": ["temperature"]}])
def test_a_calibration_that_nobody_knows_is_refused(values):
    with pytest.raises(BadArtifact, match="expected one of temperature"):
        read_calibrator(values)


def test_weights_count_like_repeated_samples(rng):
    scores, y = rng.normal(size=(60, 3)), rng.integers(0, 3, 60)
    weights = np.where(y == 0, 2.0, 1.0)
    repeated = np.concatenate([np.arange(60), np.flatnonzero(y == 0)])
    weighted = TemperatureScaling.fit(scores, y, weights).temperature
    assert weighted == pytest.approx(
        TemperatureScaling.fit(scores[repeated], y[repeated]).temperature, rel=0.02
    )


def test_a_million_scores_have_the_temperature_of_a_part_of_them_even_beside_an_enormous_one(rng):
    scores = 4 * rng.normal(size=(2100, 480))
    probabilities = np.exp(scores / 2)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    y = (probabilities.cumsum(axis=1) > rng.uniform(size=(2100, 1))).argmax(axis=1)
    fitted = TemperatureScaling.fit(scores, y).temperature
    assert fitted == pytest.approx(2, rel=0.05)
    halves = [TemperatureScaling.fit(scores[k::2], y[k::2]).temperature for k in range(2)]
    assert fitted == pytest.approx(np.mean(halves), rel=0.01)
    scores[0, y[0]] = -1e60
    assert TemperatureScaling.fit(scores, y).temperature == pytest.approx(fitted, rel=0.02)
