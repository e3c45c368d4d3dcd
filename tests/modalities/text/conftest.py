"""What the tests of texts share."""

import pytest

from featx.backbones.backbone import Backbone


@pytest.fixture
def minilm(shared_models):
    return Backbone("all-minilm-l6-v2")
