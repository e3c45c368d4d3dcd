"""A folder of pictures with a small graph becomes a backbone, whose card makes the recipe's tensors."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from featx.backbones.adding import add_backbone
from featx.backbones.backbone import Backbone
from featx.errors import BadModelFolder, BadOption
from featx.hub.folder import ModelFolder
from featx.hub.image import read_image_recipe
from featx.modalities.image.settings import ImageSettings
from tests.support import hub_nets
from tests.support.hub_images import CASES, odd_pictures, write_folder

HUB = Path(__file__).parents[3] / "shared" / "hub"


@pytest.fixture(autouse=True)
def directory(own_directory):
    """What is added lands in a model directory of the test's own."""


def with_graph(folder, files):
    write_folder(folder, files)
    hub_nets.save_maps(folder / "model.onnx")
    return folder


@pytest.mark.parametrize(
    "case", ["Bit dinov2", "DINOv3ViT crop", "MobileViT", "timm border crop", "open_clip sides"]
)
def test_the_card_that_is_added_makes_the_tensors_of_the_recipe(case, tmp_path):
    folder = with_graph(tmp_path / "net", CASES[case])
    card = add_backbone(folder, pooling="mean", tap="last_hidden_state")
    recipe = read_image_recipe(ModelFolder(folder), {})
    wanted = ImageSettings.from_table(recipe.table())
    pictures = list(odd_pictures().values())
    for picture in pictures:
        np.testing.assert_array_equal(card.input.read(picture), wanted.read(picture))
    rows = Backbone("net").embed(pictures)
    assert rows.shape == (12, hub_nets.DIM)
    assert np.isfinite(rows).all()
    text = card.path.read_text(encoding="utf-8")
    for name, setting in recipe.settings.items():
        [line] = [line for line in text.splitlines() if line.startswith(f"{name} = ")]
        assert line.endswith(f"  # {setting.origin}")


def test_a_published_folder_is_added_with_nothing_typed_or_with_what_resolves_it(tmp_path):
    name = "mobilenetv2-squash-160-homemade"
    if not (HUB / name).is_dir():
        pytest.skip("needs the published configurations")
    folder = tmp_path / "homemade"
    shutil.copytree(HUB / name, folder)
    folder.chmod(0o755)
    hub_nets.save_maps(folder / "model.onnx")
    with pytest.raises(BadModelFolder, match="say crop=160"):
        add_backbone(folder, pooling="mean")
    card = add_backbone(folder, pooling="mean", options={"crop": 160})
    assert (card.input.resize, card.input.crop) == ((160, 160), 160)
    assert "crop = 160  # given" in card.path.read_text(encoding="utf-8")


def test_an_entry_of_pictures_that_there_is_not_is_refused(tmp_path):
    folder = with_graph(tmp_path / "net", CASES["ViT"])
    with pytest.raises(BadOption, match="unknown key 'crp'"):
        add_backbone(folder, pooling="mean", options={"crp": 3})
