"""Three backbones of which one suits what pictures show."""

import os

import pytest

from tests.support import tiny_backbones as tiny


@pytest.fixture
def three_backbones(tmp_path, monkeypatch):
    """A model directory with ``colors``, ``brightness`` and ``pixels``."""
    folder = tmp_path / "models"
    for add in (tiny.add_colors, tiny.add_brightness, tiny.add_pixels):
        add(folder)
    monkeypatch.setenv("FEATX_MODELS", os.fspath(folder))
    return folder
