"""A message names the file it is about once, however deep the library was that stumbled over it."""

import os

import pytest

from tests.support.commands import FEATX, run
from tests.support.unwritable import without_rights


@pytest.fixture
def broken(shades, tmp_path):
    """A folder with files of every kind that a command reads, none of which is what its name says."""
    root = tmp_path / "broken things"
    root.mkdir()
    for name in (
        *("a.onnx", "a.featx", "a.featx.zip", "a.csv", "a.jsonl", "a.parquet", "a.tar", "a.tar.gz"),
        *("a.toml", "a.npz", "a.png", "a.txt", "a.wav"),
    ):
        (root / name).write_bytes(b"\xff\xfe\x00 nothing of the kind \x00\n" * 3)
    (root / "a.wav").write_text("no sound")
    (root / "folder.featx").mkdir()
    (root / "folder.onnx").mkdir()
    (root / "folder.csv").mkdir()
    return root


def cases(root, classifier):
    names = sorted(path.name for path in root.iterdir())
    for name in (*names, "absent.onnx", "absent.featx", "absent.csv"):
        path = root / name
        yield ["inspect", path]
        yield ["predict", path, classifier]
        yield ["predict", classifier, path]
        yield ["evaluate", classifier, path]
        yield ["fit", path, "-o", root / "new.featx"]
        yield ["extract", path, "-o", "-"]
        yield ["bundle", path]
        yield ["export", path, "--to", root / "new.onnx"]
        if name.endswith(".onnx"):
            yield ["backbones", "layers", path]
            yield ["backbones", "add", path, "--name", "x"]
    yield ["fit", root, "--config", root / "a.toml", "-o", root / "new.featx"]


@pytest.mark.filterwarnings("default::featx.errors.FeatxWarning")
def test_no_message_names_its_file_twice(broken, shades, own_directory):
    classifier = shades / "shade.featx"
    refused = 0
    for words in cases(broken, classifier):
        result = run(*words)
        assert result.exit_code != 0, words
        assert result.exception is None or isinstance(result.exception, SystemExit), words
        for line in result.stderr.splitlines():
            for path in map(str, words):
                if os.sep in path and path != str(broken):
                    assert line.count(path) <= 1, line
        refused += 1
    assert refused > 100


@pytest.mark.slow
def test_nor_where_the_right_to_read_is_missing(broken, shades):
    for name, words in [
        ("a.csv", ["predict", shades / "shade.featx", broken / "a.csv"]),
        ("a.parquet", ["extract", broken / "a.parquet", "-o", "-"]),
        ("a.tar", ["extract", broken / "a.tar", "-o", "-"]),
        ("a.featx.zip", ["inspect", broken / "a.featx.zip"]),
        ("a.onnx", ["backbones", "layers", broken / "a.onnx"]),
        ("a.toml", ["fit", broken, "--config", broken / "a.toml", "-o", broken / "new.featx"]),
    ]:
        (broken / name).chmod(0)
        answer = without_rights(
            ["env", "PYTHONWARNINGS=ignore", *_without_reading(), *FEATX, *words]
        )
        assert answer.returncode != 0
        assert "Traceback" not in answer.stderr
        assert answer.stderr.count(str(broken / name)) == 1, answer.stderr


def _without_reading():
    return (
        ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    )
