"""The engine: order, rejects, the cache that changes nothing, and an end that comes when asked for."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from featx.backbones.backbone import Backbone
from featx.catalog import get_card
from featx.embedding.cache import RowCache
from featx.embedding.engine import BaselineEmbedder, Engine, count_workers
from featx.embedding.run_settings import RunSettings, remember_settings
from featx.errors import BadOption, BadSample
from featx.sources import Sample, make_samples


@pytest.fixture
def backbone():
    return Backbone("featx-image-nano")


@pytest.fixture
def samples(rng):
    pictures = [rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(23)]
    return make_samples(pictures, [str(k % 3) for k in range(23)])


class Counting:
    """A backbone that counts what it is asked to embed."""

    def __init__(self, backbone):
        self.backbone = backbone
        self.fingerprint, self.cache_key = backbone.fingerprint, backbone.cache_key
        self.dim, self.reader = backbone.dim, backbone.reader
        self.chunk_size, self.batch_size = backbone.chunk_size, backbone.batch_size
        self.items, self.calls = 0, []

    def embed_items(self, items, batch_size=None):
        self.items += len(items)
        self.calls.append((len(items), batch_size))
        return self.backbone.embed_items(items, batch_size)


def test_rows_come_in_the_order_of_their_samples(backbone, samples):
    one = Engine(n_jobs=1, batch_size=1).embed(samples, backbone)
    many = Engine(n_jobs=5, batch_size=2).embed(samples, backbone)
    assert one.ids == many.ids == tuple(sample.id for sample in samples)
    assert one.labels == many.labels == tuple(sample.label for sample in samples)
    np.testing.assert_allclose(one.embeddings, many.embeddings, atol=1e-5)


@pytest.mark.parametrize(
    ("said", "takes"), [(None, (4, 2)), (1, (4, 1)), (3, (3, 3)), (4, (4, 4)), (9, (9, 9))]
)
def test_a_worker_takes_a_few_samples_whatever_goes_through_the_graph_together(
    backbone, samples, said, takes
):
    counting = Counting(backbone)
    Engine(n_jobs=2, batch_size=said).embed(samples, counting)
    assert max(counting.calls) == takes
    assert {size for _, size in counting.calls} == {takes[1]}
    assert counting.items == len(samples)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "workers"),
    [*((n, workers) for n in (5, 23, 64) for workers in (1, 2, 7)), (461, 2)],
)
def test_the_last_samples_are_dealt_so_that_no_worker_waits_long_for_another(
    backbone, samples, n, workers
):
    counting = Counting(backbone)
    many = [samples[k % len(samples)] for k in range(n)]
    rows = Engine(n_jobs=workers).embed(many, counting)
    assert len(rows.ids) == n
    sizes = [size for size, _ in counting.calls]
    assert max(sizes) <= backbone.chunk_size
    until = [0.0] * workers  # list scheduling, each sample taking a second
    for size in sorted(sizes, reverse=True):
        until[until.index(min(until))] += size
    assert max(until) - min(until) <= backbone.batch_size


def test_a_worker_alone_takes_whole_chunks_and_what_is_left(backbone, samples):
    counting = Counting(backbone)
    many = [samples[k % len(samples)] for k in range(11)]
    Engine(n_jobs=1).embed(many, counting)
    assert [size for size, _ in counting.calls] == [4, 4, 3]


def test_a_remembered_batch_is_the_one_that_the_graph_is_given(backbone, samples, own_directory):
    remember_settings(backbone.cache_key, RunSettings(batch_size=8, workers=1, cores=1))
    counting = Counting(backbone)
    Engine().embed(samples, counting)
    assert {size for _, size in counting.calls} == {8}
    assert max(counting.calls) == (8, 8)


def test_no_samples_give_an_empty_table_of_the_right_width(backbone):
    rows = Engine().embed([], backbone)
    assert rows.embeddings.shape == (0, 384)
    assert rows.fingerprint == backbone.fingerprint


def test_what_cannot_be_read_is_rejected_in_its_order_and_the_rest_is_kept(backbone, samples):
    bad = {3: b"no image", 4: b"", 17: "absent.jpg"}
    mixed = [Sample(s.id, bad.get(k, s.data), s.label) for k, s in enumerate(samples)]
    rows = Engine(on_error="skip", batch_size=4).embed(mixed, backbone)
    assert [reject.id for reject in rows.rejects] == [mixed[k].id for k in bad]
    assert rows.ids == tuple(s.id for k, s in enumerate(mixed) if k not in bad)
    assert "not an image" in rows.rejects[0].reason
    assert "empty" in rows.rejects[1].reason
    with pytest.raises(BadSample, match=f"^{mixed[3].id}: not an image.*on_error='skip'"):
        Engine(on_error="fail").embed(mixed, backbone)


def test_rows_are_equal_with_and_without_the_cache_and_paid_for_once(backbone, samples, tmp_path):
    counting = Counting(backbone)
    plain = Engine().embed(samples, backbone)
    cold = Engine(cache=tmp_path / "rows.sqlite").embed(samples, counting)
    assert counting.items == len(samples)
    warm = Engine(cache=tmp_path / "rows.sqlite").embed(samples[::-1], counting)
    assert counting.items == len(samples)
    np.testing.assert_allclose(cold.embeddings, plain.embeddings, atol=1e-5)
    np.testing.assert_array_equal(warm.embeddings[::-1], cold.embeddings)


def test_another_preprocessing_is_another_row_in_the_cache(backbone, samples, tmp_path):
    store = RowCache(tmp_path / "rows.sqlite")
    Engine(cache=store).embed(samples, backbone)
    other = Counting(Backbone("featx-image-nano", options={"resize": 120}))
    Engine(cache=store).embed(samples, other)
    assert other.items == len(samples)


def test_what_was_embedded_before_a_failure_is_kept(backbone, samples, tmp_path):
    store = RowCache(tmp_path / "rows.sqlite")
    with pytest.raises(BadSample):
        Engine(cache=store, n_jobs=1).embed([*samples, Sample("bad", b"x")], backbone)
    again = Counting(backbone)
    Engine(cache=store).embed(samples, again)
    assert again.items < len(samples)


def test_memory_is_bounded_samples_are_taken_as_rows_are_given(backbone, samples):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield samples[taken % len(samples)]

    blocks = Engine(n_jobs=2, batch_size=2).stream(endless(), backbone)
    next(blocks)
    blocks.close()
    assert taken <= 2 * (4 + 2) * 4  # workers; chunks in flight and seen ahead; samples a chunk


def test_a_stream_that_is_left_leaves_no_thread_behind(backbone, samples):
    blocks = Engine(n_jobs=3).stream(iter(samples * 20), backbone)
    next(blocks)
    blocks.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("featx")]


def test_progress_counts_every_sample_once(backbone, samples):
    seen = []
    Engine(on_error="skip", progress=seen.append).embed([*samples, Sample("bad", b"x")], backbone)
    assert sum(seen) == len(samples) + 1


def test_the_baseline_is_a_few_pixels(samples):
    rows = Engine().embed(samples, BaselineEmbedder(get_card("featx-image-nano").input))
    assert rows.embeddings.shape == (23, 16 * 16 * 3)
    assert 0 <= rows.embeddings.min() <= rows.embeddings.max() <= 1


def test_workers_are_counted_as_joblib_counts():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert 1 <= count_workers(None) <= cores
    assert count_workers(-1) == count_workers(None)
    assert count_workers(3) == 3
    with pytest.raises(BadOption, match="n_jobs = 0"):
        count_workers(0)


@pytest.mark.parametrize("option", [{"batch_size": 0}, {"on_error": "ignore"}, {"n_jobs": 0}])
def test_options_that_cannot_be_are_refused(backbone, samples, option):
    with pytest.raises(BadOption):
        Engine(**option).embed(samples, backbone)


# -- the whole process ---------------------------------------------------------------------------


@pytest.fixture
def many_photos(tmp_path, rng):
    """Photos enough that an extraction can be met in the middle: one file under many names."""
    root = tmp_path / "many photos"
    root.mkdir()
    for k in range(240):
        pixels = rng.integers(0, 256, (240, 240, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"{k:03}.png", compress_level=0)
    return root


def start(photos, output, cache):
    command = [sys.executable, "-m", "featx", "extract", str(photos), "-o", str(output)]
    environment = {**os.environ, "FEATX_CACHE_DIR": str(cache)}
    return subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )


def finish(process):
    _, words = process.communicate(timeout=120)
    assert process.returncode == 0, words


def wait_for_rows(cache, process, rows=64):
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if (cache / "rows.sqlite").exists() and RowCache(cache / "rows.sqlite").info().rows >= rows:
            return
        time.sleep(0.02)


@pytest.mark.slow
def test_an_extraction_killed_in_the_middle_ends_with_the_same_bytes(many_photos, tmp_path):
    whole = tmp_path / "whole.npz"
    finish(start(many_photos, whole, tmp_path / "other cache"))
    cache, output = tmp_path / "cache", tmp_path / "out" / "rows.npz"
    output.parent.mkdir()
    process = start(many_photos, output, cache)
    wait_for_rows(cache, process)
    process.kill()
    process.communicate()
    assert not output.exists()
    held = RowCache(cache / "rows.sqlite").info().rows
    assert 0 < held <= 240
    finish(start(many_photos, output, cache))
    assert output.read_bytes() == whole.read_bytes()
    assert [path.name for path in output.parent.iterdir()] == ["rows.npz"]
    assert RowCache(cache / "rows.sqlite").info().rows == 240


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a POSIX signal")
def test_ctrl_c_ends_an_extraction_and_leaves_nothing_half_written(many_photos, tmp_path):
    cache, output = tmp_path / "cache", tmp_path / "out" / "rows.npz"
    output.parent.mkdir()
    process = start(many_photos, output, cache)
    wait_for_rows(cache, process)
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=30)
    assert process.returncode == 130, words
    assert b"Traceback" not in words
    assert list(output.parent.iterdir()) == []
