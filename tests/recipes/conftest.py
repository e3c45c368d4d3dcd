"""What the tests of the recipes share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def checkout():
    """The folder that holds ``recipes`` and ``models``."""
    return Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def shipped(checkout):
    """The folder of the backbones that ship."""
    return checkout / "models"
