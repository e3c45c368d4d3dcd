"""Autotune: parts and whole are measured, and the settings that are remembered change no row."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from featx.backbones.backbone import Backbone
from featx.cli import main
from featx.embedding.autotune import AutotuneResult, Cores, MeasuredRate, autotune, count_cores
from featx.embedding.engine import Engine, count_workers
from featx.embedding.run_settings import (
    RunSettings,
    forget,
    remember_settings,
    remembered_settings,
    settings_file,
)
from featx.errors import BadOption, BadSource
from featx.sources import make_samples


@pytest.fixture(autouse=True)
def own_data(own_directory):
    """Settings of these tests are seen by no other."""


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
    embed = Backbone.embed_items

    def watched(self, items, batch_size=None):
        seen.append(len(items))
        return embed(self, items, batch_size)

    monkeypatch.setattr(Backbone, "embed_items", watched)
    return seen


def test_every_batch_size_is_tried_and_the_best_settings_are_among_them(backbone, samples):
    found = autotune(samples, backbone, batches=(1, 2), seconds=0.01)
    assert set(found.infer_by_batch) == {1, 2, backbone.batch_size}
    tried = {(measured.batch_size, measured.workers) for measured in found.rates}
    assert {(size, found.cores.usable) for size in (1, 2, backbone.batch_size)} <= tried
    assert (found.best.batch_size, found.best.workers) in tried
    assert found.default == RunSettings(backbone.batch_size, found.cores.usable, found.cores.usable)
    # The best was measured anew, a moment after the others.
    assert found.rate(found.best) >= 0.8 * found.rate(found.default)


def test_the_roofline_is_cores_over_what_decoding_and_inference_take():
    settings = RunSettings(4, 2, 2)
    found = AutotuneResult(
        backbone="x",
        provider="cpu",
        samples=10,
        cores=Cores(host=8, affinity=4, usable=2),
        decode=0.002,
        infer_by_batch={1: 0.009, 4: 0.008},
        rates=(MeasuredRate(4, 2, 190.0),),
        default=settings,
        best=settings,
    )
    assert found.roofline == pytest.approx(200)
    assert found.to_dict()["roofline"] == pytest.approx(200)
    assert json.loads(json.dumps(found.to_dict()))["rate"] == 190


def test_the_cores_are_no_more_than_the_host_has():
    cores = count_cores()
    assert 1 <= cores.usable <= cores.affinity <= cores.host


def test_nothing_to_measure_with_is_refused(backbone, samples):
    with pytest.raises(BadSource, match="no samples"):
        autotune([], backbone)
    with pytest.raises(BadOption, match=r"batch sizes \[0\]"):
        autotune(samples, backbone, batches=(0,))


def test_remembered_settings_are_used_unless_options_say_otherwise_and_change_no_row(
    backbone, samples, batches
):
    plain = Engine().embed(samples, backbone)
    assert max(batches) <= backbone.chunk_size
    batches.clear()
    remember_settings(backbone.cache_key, RunSettings(batch_size=9, workers=1, cores=1))
    tuned = Engine().embed(samples, backbone)
    assert batches == [9]
    np.testing.assert_allclose(tuned.embeddings, plain.embeddings, atol=1e-5)
    batches.clear()
    Engine(batch_size=3).embed(samples, backbone)
    assert batches == [3, 3, 3]
    other = Backbone("featx-image-nano", options={"resize": 120})
    batches.clear()
    Engine().embed(samples, other)
    assert max(batches) <= backbone.chunk_size


def test_remembered_workers_count_only_where_there_are_the_cores_they_were_measured_on():
    usable = count_cores().usable
    fitting, other = (RunSettings(2, workers=3, cores=cores) for cores in (usable, usable + 1))
    assert count_workers(None, fitting) == 3
    assert count_workers(None, other) == count_workers(None) == usable
    assert count_workers(5, fitting) == 5


def test_settings_are_of_one_backbone_on_one_host_and_can_be_forgotten(monkeypatch):
    remember_settings("a" * 64, RunSettings(8, 2, 2))
    remember_settings("b" * 64, RunSettings(1, 3, 4))
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
def test_a_damaged_file_of_settings_is_ignored(text, backbone, samples):
    remember_settings(backbone.cache_key, RunSettings(8, 2, 2))
    settings_file().write_text(text, encoding="latin-1")
    assert remembered_settings(backbone.cache_key) is None
    assert len(Engine().embed(samples, backbone)) == 9


@pytest.mark.parametrize("wrong", [0, -1, True, "4", None, 2.0])
def test_settings_that_make_no_sense_are_none(wrong):
    remember_settings("a" * 64, RunSettings(8, 2, 2))
    table = json.loads(settings_file().read_text())
    for entry in table.values():
        entry["batch_size"] = wrong
    settings_file().write_text(json.dumps(table))
    assert remembered_settings("a" * 64) is None


@pytest.mark.slow
def test_bench_prints_the_best_settings_and_remembers_them_when_asked(photos):
    words = ["bench", "featx-image-nano", str(photos), "--seconds", "0.01"]
    shown = CliRunner().invoke(main, words)
    assert shown.exit_code == 0, shown.output
    for part in ("cores", "decode", "infer", "roofline", "best: batches of"):
        assert part in shown.output
    assert not settings_file().exists()
    result = CliRunner().invoke(main, [*words, "--json", "--remember"])
    assert result.exit_code == 0, result.output
    best = json.loads(result.stdout)["best"]
    kept = remembered_settings(Backbone("featx-image-nano").cache_key)
    assert kept == RunSettings(**best)
    assert CliRunner().invoke(main, ["bench", "--forget"]).exit_code == 0
    assert not settings_file().exists()


@pytest.mark.slow
def test_bench_makes_its_own_samples_where_it_is_given_none():
    result = CliRunner().invoke(main, ["bench", "--seconds", "0.01", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["backbone"] == "featx-image-nano"
