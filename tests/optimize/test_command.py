"""The command writes a card that is checked when it is read, or says what is missing."""

import pytest
from click.testing import CliRunner

from featx.catalog import Card, list_cards, user_directory
from featx.cli import main
from featx.errors import BadCard
from featx.storage.dirs import data_dir
from tests.support.optimize_nets import SMALL, folder

pytestmark = pytest.mark.usefixtures("own_directory", "parents")


def test_the_command_writes_the_card_and_prints_it(tmp_path):
    data = folder(tmp_path / "some data", 24)
    result = CliRunner().invoke(
        main, ["optimize", SMALL, "--calibrate", str(data), "--name", "mine", "--no-cache"]
    )
    assert result.exit_code == 0, result.output
    assert Card.from_toml(result.stdout).name == "mine"
    assert "2 of 2 layers in int8: cosine" in result.stderr
    assert "mine" in [card.name for card in list_cards()]
    assert (user_directory() / "mine" / "backbone.onnx").is_file()


def test_a_calibration_folder_that_is_not_there_or_empty_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    for name, words in (("none", "no such"), ("empty", "")):
        result = CliRunner().invoke(main, ["optimize", SMALL, "--calibrate", str(tmp_path / name)])
        assert result.exit_code == 1, result.output
        assert name in result.output
        assert words in result.output
        assert "Traceback" not in result.output
    assert not (data_dir() / "models" / f"{SMALL}-int8").exists()


@pytest.mark.filterwarnings("default::featx.FeatxWarning")
def test_a_broken_calibration_sample_is_named_or_left_out(tmp_path):
    data = folder(tmp_path / "photos", 18)
    (data / "05.png").write_bytes(b"not a picture")
    arguments = ["optimize", SMALL, "--calibrate", str(data), "--no-cache"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "05.png: not an image" in result.output
    result = CliRunner().invoke(main, [*arguments, "--on-error", "skip"])
    assert result.exit_code == 0, result.output
    assert "1 of 18 samples could not be read" in result.stderr


@pytest.mark.slow
def test_the_figures_of_a_card_are_checked_when_it_is_read(nano):
    text = nano.to_toml()
    for broken, words in (
        (text.replace('precision = "int8"', 'precision = "int7"'), "expected one of int8"),
        (
            text.replace("batch_bits = 0", 'batch_bits = "none"'),
            "batch_bits = 'none': expected int",
        ),
        (text.replace("batch_bits = 0\n", ""), "missing 'batch_bits'"),
        (text.replace("weight_bits = 7", "weight_bits = 6"), "weight_bits = 6: expected 7 or 8"),
        (text.replace("batch_bits = 0", "batch_bytes = 0"), "unknown key 'batch_bytes'"),
        (text.replace("float_layers = []", "float_layers = [1]"), "expected a list of names"),
    ):
        with pytest.raises(BadCard, match=r"\[optimized\]") as caught:
            Card.from_toml(broken)
        assert words in str(caught.value)
