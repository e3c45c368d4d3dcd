"""Texts, and the shards that one process makes of them."""

import pytest

from tests.support.ray_shards import make_material


@pytest.fixture(scope="session")
def material(tmp_path_factory):
    pytest.importorskip("pyarrow")
    return make_material(tmp_path_factory.mktemp("material"))
