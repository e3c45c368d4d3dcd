"""``featx serve``: what it cannot serve, it says before it listens."""

import numpy as np
import pytest
from click.testing import CliRunner

import featx
from featx.cli import main


def test_the_command_refuses_in_words_what_it_cannot_serve(tmp_path):
    pictures = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    shade = featx.fit(pictures, ["dark"] * 3 + ["light"] * 3)
    path = featx.save(shade, tmp_path / "shade.featx")
    (tmp_path / "b").mkdir()
    twin = featx.save(shade, tmp_path / "b" / "shade.featx")
    packed = featx.save(shade, tmp_path / "shade.featx.zip")
    for arguments, words in (
        ([tmp_path / "none.featx"], "nothing is there"),
        ([path, twin], "has the name shade already"),
        ([path, packed], "has the name shade already"),
        ([path, "--queue", "-1"], "--queue -1: expected 0 or more"),
        ([path, "--host", "256.0.0.1"], "cannot be listened on"),
    ):
        result = CliRunner().invoke(main, ["serve", *map(str, arguments)])
        assert result.exit_code == 1, result.output
        assert words in result.output


@pytest.mark.parametrize("empty", ["", " ", "\t"])
def test_an_empty_token_is_refused_and_never_an_open_door(tmp_path, empty, monkeypatch):
    monkeypatch.delenv("FEATX_TOKEN", raising=False)
    given = CliRunner().invoke(main, ["serve", str(tmp_path), "--token", empty])
    monkeypatch.setenv("FEATX_TOKEN", empty)
    found = CliRunner().invoke(main, ["serve", str(tmp_path)])
    for result in (given, found):
        assert result.exit_code == 1, result.output
        assert "--token or FEATX_TOKEN: found an empty token" in result.output


def test_a_host_that_is_none_is_refused(tmp_path):
    shade = featx.fit(
        [np.full((9, 9, 3), value, np.uint8) for value in (0, 1, 254, 255)], list("aabb")
    )
    path = featx.save(shade, tmp_path / "shade.featx")
    for name in ("http://a.example", "a.example:80"):
        result = CliRunner().invoke(main, ["serve", str(path), "--allow-host", name])
        assert result.exit_code == 1, result.output
        assert "expected the name of a host" in result.output


def test_links_that_lead_in_a_circle_are_refused_in_words(tmp_path):
    link = tmp_path / "l.featx"
    link.symlink_to(link)
    result = CliRunner().invoke(main, ["serve", str(link)])
    assert result.exit_code == 1
    assert "symbolic links lead in a circle" in result.output
