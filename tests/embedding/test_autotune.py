"""Calibration: parts and whole are measured, and the plan that is remembered changes no row."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from click.testing import CliRunner

from featx.backbones.backbone import Backbone
from featx.cli import main
from featx.embedding.autotune import AutotuneResult, Cores, Trial, autotune, count_cores
from featx.embedding.engine import Engine
from featx.embedding.run_settings import RunSettings, forget, place, remember, remembered_settings
from featx.errors import BadOption, BadSource
from featx.sources import make_samples


@pytest.fixture(autouse=True)
def own_data(own_shelf):
    """Plans of these tests are seen by no other."""


@pytest.fixture
def backbone():
    return Backbone("featx-image-nano")


@pytest.fixture
def samples(rng):
    return make_samples([rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(9)])


@pytest.fixture
def batches(monkeypatch):
    """The sizes of the batches that backbones are asked to embed."""
    seen = []
    embed = Backbone.embed

    def watched(self, items, batch_size=None):
        seen.append(len(items))
        return embed(self, items, batch_size)

    monkeypatch.setattr(Backbone, "embed", watched)
    return seen


def test_every_batch_size_is_tried_and_the_plan_is_one_of_the_trials(backbone, samples):
    found = autotune(samples, backbone, batches=(1, 2), seconds=0.01)
    assert set(found.infer_by_batch) == {1, 2, backbone.batch}
    tried = {(trial.batch_size, trial.workers) for trial in found.trials}
    assert {(size, found.cores.usable) for size in (1, 2, backbone.batch)} <= tried
    assert (found.plan.batch_size, found.plan.workers) in tried
    assert found.default == RunSettings(backbone.batch, found.cores.usable, found.cores.usable)
    assert found.rate(found.plan) >= found.rate(found.default)


def test_the_roofline_is_cores_over_what_decoding_and_inference_take():
    plan = RunSettings(4, 2, 2)
    found = AutotuneResult(
        backbone="x",
        provider="cpu",
        samples=10,
        cores=Cores(host=8, affinity=4, usable=2),
        decode=0.002,
        infer_by_batch={1: 0.009, 4: 0.008},
        trials=(Trial(4, 2, 190.0),),
        default=plan,
        plan=plan,
    )
    assert found.roofline == pytest.approx(200)
    assert found.to_json()["roofline"] == pytest.approx(200)
    assert json.loads(json.dumps(found.to_json()))["rate"] == 190


def test_the_cores_are_no_more_than_the_host_has():
    cores = count_cores()
    assert 1 <= cores.usable <= cores.affinity <= cores.host


def test_nothing_to_measure_with_is_refused(backbone, samples):
    with pytest.raises(BadSource, match="no samples"):
        autotune([], backbone)
    with pytest.raises(BadOption, match=r"batch sizes \[0\]"):
        autotune(samples, backbone, batches=(0,))


def test_a_remembered_plan_is_used_unless_options_say_otherwise_and_changes_no_row(
    backbone, samples, batches
):
    plain = Engine().embed(samples, backbone)
    assert max(batches) <= backbone.chunk
    batches.clear()
    remember(backbone.cache_key, RunSettings(batch_size=9, workers=1, cores=1))
    planned = Engine().embed(samples, backbone)
    assert batches == [9]
    np.testing.assert_allclose(planned.embeddings, plain.embeddings, atol=1e-5)
    batches.clear()
    Engine(batch_size=3).embed(samples, backbone)
    assert batches == [3, 3, 3]
    other = Backbone("featx-image-nano", options={"resize": 120})
    batches.clear()
    Engine().embed(samples, other)
    assert max(batches) <= backbone.chunk


def test_a_plan_counts_workers_only_where_there_are_the_cores_it_was_made_with(
    backbone, samples, monkeypatch
):
    started = []
    monkeypatch.setattr(
        "featx.embedding.engine.ThreadPoolExecutor",
        lambda n, **named: started.append(n) or ThreadPoolExecutor(n, **named),
    )
    usable = count_cores().usable
    for cores in (usable, usable + 1):
        remember(backbone.cache_key, RunSettings(batch_size=2, workers=3, cores=cores))
        Engine().embed(samples, backbone)
    Engine(n_jobs=5).embed(samples, backbone)
    assert started == [3, usable, 5]


def test_a_plan_is_of_one_backbone_on_one_host_and_can_be_forgotten(monkeypatch):
    remember("a" * 64, RunSettings(8, 2, 2))
    remember("b" * 64, RunSettings(1, 3, 4))
    assert remembered_settings("a" * 64) == RunSettings(8, 2, 2)
    assert remembered_settings("b" * 64) == RunSettings(1, 3, 4)
    assert remembered_settings("c" * 64) is None
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("platform.node", lambda: "another host")
        assert remembered_settings("a" * 64) is None
    forget()
    assert remembered_settings("a" * 64) is None
    forget()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 3}', "\xff"])
def test_a_damaged_file_of_plans_is_done_without(text, backbone, samples):
    remember(backbone.cache_key, RunSettings(8, 2, 2))
    place().write_text(text, encoding="latin-1")
    assert remembered_settings(backbone.cache_key) is None
    assert len(Engine().embed(samples, backbone)) == 9


@pytest.mark.parametrize("wrong", [0, -1, True, "4", None, 2.0])
def test_a_plan_that_makes_no_sense_is_none(wrong):
    remember("a" * 64, RunSettings(8, 2, 2))
    table = json.loads(place().read_text())
    for entry in table.values():
        entry["batch_size"] = wrong
    place().write_text(json.dumps(table))
    assert remembered_settings("a" * 64) is None


def test_bench_prints_the_plan_and_remembers_it_when_asked(photos):
    words = ["bench", "featx-image-nano", str(photos), "--seconds", "0.01"]
    shown = CliRunner().invoke(main, words)
    assert shown.exit_code == 0, shown.output
    for part in ("cores", "decode", "infer", "roofline", "plan: batches of"):
        assert part in shown.output
    assert not place().exists()
    result = CliRunner().invoke(main, [*words, "--json", "--remember"])
    assert result.exit_code == 0, result.output
    plan = json.loads(result.stdout)["plan"]
    kept = remembered_settings(Backbone("featx-image-nano").cache_key)
    assert kept == RunSettings(**plan)
    assert CliRunner().invoke(main, ["bench", "--forget"]).exit_code == 0
    assert not place().exists()


def test_bench_makes_its_own_samples_where_it_is_given_none():
    result = CliRunner().invoke(main, ["bench", "--seconds", "0.01", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["backbone"] == "featx-image-nano"
