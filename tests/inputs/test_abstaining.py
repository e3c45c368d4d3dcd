"""Sets, thresholds, what is new, and groups: of several inputs as of one."""

from __future__ import annotations

import numpy as np
import pytest

import featx
from featx.cli import main
from featx.explanation.neighbours import NeighbourSearch
from featx.export import export
from tests.support.goods import draw_goods, write_goods

pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")
INPUTS = {"photo": "image", "caption": "text", "price": "number", "brand": "category"}


@pytest.fixture(scope="module")
def predictor():
    return featx.fit(draw_goods(60), target="sold", inputs=INPUTS, head="ridge", baseline=False)


def share_of_new(predictor, rows):
    careful = predictor.with_abstention(novelty=0.05)
    records = careful.predict_samples(careful.make_samples(rows))
    return float(np.mean([one.certainty.novel for one in records]))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::featx.errors.FeatxWarning")
def test_a_sample_is_new_by_any_of_its_inputs_whatever_their_scales(predictor):
    known = draw_goods(30, seed=3)
    assert share_of_new(predictor, known) <= 0.15
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3)).astype(np.uint8)
    foreign = "Die Straßenbahn fährt heute leider nicht mehr"
    for change in ({"price": 1e6}, {"photo": noise}, {"caption": foreign}):
        assert share_of_new(predictor, [{**row, **change} for row in known]) > 0.8, change


def test_a_training_sample_is_at_distance_0_of_itself_and_a_saved_one_says_the_same(
    predictor, tmp_path
):
    goods = draw_goods(60)
    loaded = featx.load(featx.save(predictor, tmp_path / "goods.featx"))
    answers = []
    for one in (predictor, loaded):
        careful = one.with_abstention(0.9, novelty=0.1)
        found = careful.predict_samples(careful.make_samples(goods[:12]))
        answers.append([(p.certainty.set, p.certainty.novelty, p.certainty.novel) for p in found])
    assert answers[0] == answers[1]
    search = NeighbourSearch(loaded, 1)
    near = search.near(predictor.embed(goods[3:4]).embeddings[0])
    assert (near[0].id, near[0].target, near[0].distance) == ("3", "yes", 0.0)


@pytest.mark.filterwarnings("ignore::featx.errors.FeatxWarning")
def test_an_exported_graph_says_what_is_new_as_the_predictor_does(tmp_path):
    inputs = {"price": "number", "brand": "category"}
    goods = draw_goods(60)
    fitted = featx.fit(goods, target="sold", inputs=inputs, head="ridge", baseline=False)
    careful = fitted.with_abstention(0.9, novelty=0.1)
    checked = export(careful, tmp_path / "goods.onnx", samples=[*goods, {**goods[0], "price": 1e6}])
    assert checked.n == 61
    assert checked.worst < 1e-4


@pytest.mark.slow
def test_an_error_is_held_and_groups_are_kept_apart_on_the_command_line(tmp_path, capsys):
    table = write_goods(tmp_path, 60)
    inputs = ["--input", "price:number", "--input", "photo:image"]
    args = ["fit", str(table), "--label-column", "sold", "--group-column", "seller", *inputs]
    main(
        [*args, "--target-error", "0.3", "--head", "ridge", "-o", str(tmp_path / "m.featx")],
        standalone_mode=False,
    )
    assert "as it would seem without groups" in capsys.readouterr().out
    main(
        ["predict", str(tmp_path / "m.featx"), str(table), "--coverage", "0.9", "--abstain"],
        standalone_mode=False,
    )
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 60
    assert '"set": ["' in lines[0]
    assert '"answered"' in lines[0]
