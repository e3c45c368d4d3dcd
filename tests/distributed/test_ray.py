"""Shards by Ray: the bytes of one process, whatever is lost on the way.

Ray is not among the development dependencies, it takes a quarter of a gigabyte: ``pip install 'featx[ray]'``.
"""

import os
import signal
from pathlib import Path

import pytest

import featx
from featx.errors import BadSample, BadSource, ClusterFailed, FeatxWarning
from featx.tables.shards import Shard
from tests.support.commands import refusal, run
from tests.support.ray_shards import (
    MARKS,
    SHARDS,
    TEXTS,
    contents,
    expected,
    extract,
    words_of,
    workers_of,
)

pytestmark = MARKS


@pytest.fixture(scope="module")
def two_cores():
    """This program is connected to a cluster of two cores."""
    from featx.distributed.cluster import connected

    with connected("local", 2) as ray:
        yield ray


def test_the_command_makes_the_bytes_of_one_process(material, two_cores, tmp_path):
    made = run("extract", material, "-o", tmp_path / "rows", *words_of(SHARDS), "--engine", "ray")
    assert made.exit_code == 0, made.output
    assert "2999 rows" in made.stderr
    assert "1 rejected" in made.stderr
    assert contents(tmp_path / "rows") == expected(material)
    missing = tmp_path / "rows" / Shard(3, SHARDS).name
    missing.unlink()
    again = run("extract", material, "-o", tmp_path / "rows", *words_of(SHARDS), "--engine", "ray")
    assert "11 of 12 shards were there" in again.stderr
    assert contents(tmp_path / "rows") == expected(material)


def test_the_library_gives_rejects_and_progress(material, two_cores, tmp_path):
    done = []
    written = extract(material, tmp_path / "rows", done.append)
    assert written.rows == 2999
    assert [reject.id for reject in written.rejects] == ["17"]
    assert sorted(done) == [250] * 12
    assert contents(tmp_path / "rows") == expected(material)


def test_a_data_set_of_ray_gives_the_same_rows_in_its_order(material, two_cores, tmp_path):
    rows = [{"id": str(i), "text": t, "label": str(i % 3), "n": i} for i, t in enumerate(TEXTS)]
    data = two_cores.data.from_items(rows, override_num_blocks=7)
    with pytest.warns(FeatxWarning, match="column 'n' of the data set"):
        written = extract(data, tmp_path / "rows")
    assert written.rows == 2999
    assert contents(tmp_path / "rows") == expected(material)
    with pytest.raises(BadSource, match=r"expected a column bytes, image, .*found columns n"):
        extract(two_cores.data.from_items([{"n": 1}]), tmp_path / "others")


def test_a_data_set_of_files_gives_their_rows(photos, two_cores, tmp_path):
    data = two_cores.data.read_binary_files(str(photos / "dark"), include_paths=True)
    written = extract(data, tmp_path / "rows", shards=2, backbone="featx-image-nano")
    assert written.rows == 3
    rows = featx.read_rows(tmp_path / "rows")
    paths = sorted((photos / "dark").iterdir())
    one = featx.FeatureExtractor().transform(paths)
    for name, row in zip(rows.ids, rows.embeddings, strict=True):
        assert row.tolist() == one[paths.index(Path(name))].tolist()


def test_a_sample_that_cannot_be_read_is_told_as_in_one_process(material, two_cores, tmp_path):
    words = ["extract", material, "-o", tmp_path / "rows", "--shards", 4, "--engine", "ray"]
    failed = run(*words, "--on-error", "fail")
    assert refusal(failed).startswith("17: text: has no tokens")
    from featx.distributed import extract as by_ray

    with pytest.raises(BadSample, match=r"^17: "):
        by_ray(material, tmp_path / "rows", backbone="featx-text-nano", shards=4)
    assert not list((tmp_path / "rows").glob("_making*"))


def test_a_worker_that_is_killed_costs_time_only(material, two_cores, tmp_path):
    killed = []

    def kill(done):
        if not killed:
            killed.extend(workers_of(os.getpid())[:1])
            os.kill(killed[0], signal.SIGKILL)

    assert extract(material, tmp_path / "rows", kill).rows == 2999
    assert killed
    assert contents(tmp_path / "rows") == expected(material)


def test_another_version_of_featx_is_refused(two_cores):
    from featx.distributed.pipeline import ShardActor
    from featx.distributed.worker import ShardOutcome

    row = {"place": 0, "number": 1, "total": 2, "first": 0, "ends": ""}
    outcome = ShardOutcome.from_json(ShardActor("0.0.1", b"", [])(row)["outcome"])
    with pytest.raises(ClusterFailed, match=r"node .*job was started by 0\.0\.1"):
        outcome.check()


def test_a_cluster_of_featx_reports_nothing_and_has_no_dashboard(two_cores):
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    [node] = two_cores.nodes()
    assert node["Resources"]["CPU"] == 2
    # it is where the dashboard would be told
    from ray._private.worker import global_worker

    assert not global_worker.node.webui_url
