"""What the tests of texts share."""

import os

import pytest

from featx.backbones.backbone import Backbone
from tests.conftest import HERE, SHARED


@pytest.fixture(scope="session")
def opened_minilm():
    with pytest.MonkeyPatch.context() as patch:
        folders = [str(HERE / "cards"), str(SHARED / "models")]
        patch.setenv("FEATX_MODELS", os.pathsep.join(folders))
        return Backbone("all-minilm-l6-v2")


@pytest.fixture
def minilm(shared_models, request):
    """A real backbone of texts, opened once."""
    return request.getfixturevalue("opened_minilm")
