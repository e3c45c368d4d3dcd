"""Classifiers to serve, and a client of their server."""

import threading

import numpy as np
import pytest
from starlette.testclient import TestClient

import featx
from featx.heads import TemperatureScaling, TrainedHead
from featx.server import create_app
from tests.support.serving import PICTURES


@pytest.fixture(scope="package")
def shade():
    """A classifier of dark and light pictures."""
    return featx.fit(featx.make_samples(PICTURES, ["dark", "light"] * 6))


@pytest.fixture(scope="package")
def order():
    """Another classifier on the same backbone: it says one and two."""
    return featx.fit(featx.make_samples(PICTURES, ["one", "two"] * 6), head="centroid")


@pytest.fixture(scope="module")
def client(shade, order):
    with TestClient(create_app({"shade": shade, "order": order})) as client:
        yield client


class BlockedScorer:
    """A scorer whose answers wait for a sign; what is around it is real."""

    n_outputs = 1
    scaling = None

    def __init__(self, dim):
        self.dim = dim
        self.begun, self.go = threading.Semaphore(0), threading.Event()

    def scores(self, rows):
        self.begun.release()
        assert self.go.wait(20)
        return np.ones((len(rows), 1))


@pytest.fixture
def slow(shade):
    """A classifier that answers once its scorer is told to, and that scorer."""
    scorer = BlockedScorer(shade.head.dim)
    head = TrainedHead("blocked", ("slow",), scorer, TemperatureScaling(1.0))
    yield featx.Classifier.from_card(shade.card, head), scorer
    scorer.go.set()
