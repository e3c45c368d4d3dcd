"""Claims about real backbones on real photos."""

import numpy as np
import pytest

from featx.backbones.backbone import Backbone
from featx.embedding.engine import Engine
from featx.reading import read_samples

pytestmark = pytest.mark.slow


def cosines(a, b):
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return (a * b).sum(axis=1) / lengths


@pytest.mark.parametrize("name", ["featx-image-nano", "mobilenetv1-0.25-128", "mobilenetv2-1.0"])
def test_rows_of_drafted_jpegs_stay_within_cosine_0_999_of_the_exact_ones(
    shared_models, shared_data, name
):
    samples = read_samples(shared_data / "cats_dogs", split="test")
    drafted = Engine().embed(samples, Backbone(name))
    exact = Engine().embed(samples, Backbone(name, options={"draft": 0}))
    assert cosines(drafted.embeddings, exact.embeddings).min() > 0.999


@pytest.mark.parametrize("name", ["mobilenetv2-1.0", "vit-tiny-patch16-224"])
def test_a_row_of_a_real_backbone_does_not_depend_on_its_batch(shared_models, shared_data, name):
    samples = read_samples(shared_data / "brain_mri", split="test")[:12]
    alone = Engine(batch_size=1).embed(samples, Backbone(name)).embeddings
    together = Engine(batch_size=12).embed(samples, Backbone(name)).embeddings
    scale = np.abs(alone).max()
    np.testing.assert_allclose(together, alone, atol=2e-5 * scale)
