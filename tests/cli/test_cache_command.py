"""The cache as the command shows and empties it."""

import pytest

from tests.support.commands import FEATX, run
from tests.support.unwritable import without_rights


@pytest.fixture
def cache(shades, tmp_path, monkeypatch):
    folder = tmp_path / "my cache"
    monkeypatch.setenv("FEATX_CACHE_DIR", str(folder))
    run("extract", shades / "my photos", "-o", tmp_path / "x.npz")
    return folder


def test_the_cache_is_counted_and_emptied(cache):
    assert f"path   {cache / 'rows.sqlite'}\nrows   6\n" in run("cache", "info").stdout
    result = run("cache", "clear", "--yes")
    assert result.stderr.startswith("removed 6 rows and ")
    assert "rows   0" in run("cache", "info").stdout


def test_a_cache_that_cannot_be_emptied_is_no_success(cache):
    cache.chmod(0o500)
    answer = without_rights([*FEATX, "cache", "clear", "--yes"])
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].endswith("cannot be written: permission denied")
    assert "removed" not in answer.stderr
    cache.chmod(0o700)
    assert "rows   6" in run("cache", "info").stdout


def test_settings_are_forgotten_aloud(own_directory):
    assert "forgot all settings" in run("bench", "--forget").stderr
    assert run("bench", "--forget", "--remember").exit_code == 2
