"""``featx serve``: what it cannot serve, it says before it listens."""

import numpy as np
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
        ([tmp_path / "none.featx"], "not a featx classifier"),
        ([path, twin], "has the name shade already"),
        ([path, packed], "has the name shade already"),
        ([path, "--queue", "-1"], "--queue -1: expected 0 or more"),
        ([path, "--host", "256.0.0.1"], "cannot be listened on"),
    ):
        result = CliRunner().invoke(main, ["serve", *map(str, arguments)])
        assert result.exit_code == 1, result.output
        assert words in result.output
