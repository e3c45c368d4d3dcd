"""Clusters that come and go: a node that is lost, an interrupt, none at all.

Ray is not among the development dependencies, it takes a quarter of a gigabyte: ``pip install 'featx[ray]'``.
"""

import os
import signal
import time

import pytest

import featx
from featx.errors import ClusterFailed
from featx.tables.shards import Shard
from tests.support.commands import ROOT, refusal, run, start
from tests.support.ray_shards import (
    MARKS,
    SHARDS,
    EndsWorkers,
    contents,
    expected,
    extract,
    words_of,
)

pytestmark = MARKS


def test_a_node_that_is_lost_costs_time_only(material, tmp_path):
    from featx.distributed.cluster import load_ray

    ray = load_ray()
    from ray.cluster_utils import Cluster

    quick = {"health_check_period_ms": 500, "health_check_failure_threshold": 3}
    node = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "_system_config": quick})
    lost = []

    def lose(done):
        if not lost:
            [process] = second.all_processes["raylet"]
            lost.append(process.process.pid)
            os.kill(lost[0], signal.SIGKILL)

    try:
        second = cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
        ray.init(address=cluster.address, logging_level="critical", log_to_driver=False)
        assert ray.cluster_resources()["CPU"] == 2
        assert extract(material, tmp_path / "rows", lose).rows == 2999
        assert lost
        assert contents(tmp_path / "rows") == expected(material)
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_interrupted_it_ends_soon_with_whole_shards_and_goes_on(material, tmp_path):
    words = ["extract", material, "-o", "rows", *words_of(SHARDS), "--engine", "ray", "--jobs", 2]
    process = start(*words, folder=tmp_path, start_new_session=True)
    while len(list(tmp_path.glob("rows/part-*"))) < 3 and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert said.strip() == b"Interrupted."
    left = contents(tmp_path / "rows")
    whole = expected(material)
    assert left
    assert all(whole[name] == content for name, content in left.items())
    process = start(*words, folder=tmp_path)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert b"of 12 shards were there" in said
    assert len(said.splitlines()) == 1
    assert contents(tmp_path / "rows") == whole


def test_where_nothing_is_missing_no_cluster_is_started(material, tmp_path):
    import shutil

    shutil.copytree(material.parent / "rows", tmp_path / "rows")
    began = time.perf_counter()
    made = run("extract", material, "-o", tmp_path / "rows", *words_of(SHARDS), "--engine", "ray")
    assert "12 of 12 shards were there" in made.stderr
    assert time.perf_counter() - began < 60
    import ray

    assert not ray.is_initialized()


def test_an_address_where_no_cluster_is_is_refused_in_words(material, tmp_path):
    words = ["--engine", "ray", "--address", "127.0.0.1:9"]
    failed = run("extract", material, "-o", tmp_path / "rows", *words_of(SHARDS), *words)
    assert refusal(failed).startswith("--address 127.0.0.1:9: no cluster of Ray answers there")


def test_a_cluster_that_is_there_is_used_with_paths_of_the_command(material, tmp_path):
    """Its workers were started in another folder, and relative paths are those of the command all the same."""
    from featx.distributed.cluster import load_ray

    load_ray()
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 2, "object_store_memory": 100 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    words = ["extract", material.name, "-o", tmp_path / "rows", *words_of(SHARDS)]
    try:
        process = start(
            *words, "--engine", "ray", "--address", cluster.address, folder=material.parent
        )
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        assert len(said.splitlines()) == 1
        assert contents(tmp_path / "rows") == expected(material)
    finally:
        cluster.shutdown()


def test_a_sample_that_ends_every_worker_ends_the_job_in_words(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    samples = [featx.Sample(str(i), f"text {i}") for i in range(40)]
    samples[15] = featx.Sample("15", EndsWorkers(os.getpid()))
    with pytest.raises(
        ClusterFailed, match=r"part-00001-of-00004.*: 4 workers were lost"
    ) as caught:
        extract(samples, tmp_path / "rows", shards=4)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert not list((tmp_path / "rows").glob(".*"))
    assert not (tmp_path / "rows" / Shard(1, 4).name).exists()
