"""A worker without a cluster: the shards of one process, and refusals in words where a node is another."""

import copy
import shutil
from dataclasses import replace

import numpy as np
import pytest

import featx
from featx.distributed.attempts import new_marker
from featx.distributed.worker import (
    Job,
    ShardOutcome,
    Worker,
    ends_of,
    library_versions,
    open_job,
)
from featx.errors import BadSample, ClusterFailed, FeatxWarning, UnknownBackbone
from featx.storage.address import to_path
from featx.tables.shard_plan import ShardPlan, make_shards
from featx.tables.shards import Shard, ShardFolder

pytest.importorskip("pyarrow")

TEXTS = ["cats and dogs", "", "a boat", "the sea", "cats again"]


@pytest.fixture
def backbone():
    return featx.Backbone("featx-text-nano")


@pytest.fixture
def plan(tmp_path, backbone):
    return plan_in(tmp_path / "rows", backbone)


def plan_in(path, backbone, texts=TEXTS):
    folder = ShardFolder(
        path, 2, fingerprint=backbone.fingerprint, dim=backbone.dim, dtype="float32", columns={}
    )
    folder.open()
    samples = [featx.Sample(str(place), text) for place, text in enumerate(texts)]
    return ShardPlan(folder, samples, (Shard(0, 2), Shard(1, 2)))


@pytest.fixture
def job(plan, backbone):
    engine = featx.Engine(n_jobs=1, batch_size=backbone.batch_size, on_error="skip")
    return open_job(backbone, plan.folder, engine, new_marker(plan.folder.path).name)


def make(job, plan, number=0, ends=None):
    shard = Shard(number, 2)
    return Worker(job, "n1").make(shard, plan.samples_of(shard), ends)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_worker_writes_the_bytes_that_one_process_writes(job, plan, backbone, tmp_path):
    outcomes = [make(job, plan, number) for number in (1, 0)]
    local = plan_in(tmp_path / "local", backbone)
    engine = featx.Engine(on_error="skip")
    done = dict(make_shards(local, local.wanted, backbone, engine))
    assert contents(plan.folder.path) == contents(tmp_path / "local")
    assert local.total(done) == plan.total({Shard(o.number, 2): o.written for o in outcomes})
    assert [reject.id for reject in local.total(done).rejects] == ["1"]


def test_an_outcome_travels_as_text(job, plan):
    outcome = make(job, plan)
    assert ShardOutcome.from_json(outcome.to_json()) == outcome
    assert outcome.check().rows == 1


def test_a_sample_that_cannot_be_read_fails_as_it_does_in_one_process(job, plan):
    outcome = make(replace(job, engine=replace(job.engine, on_error="fail")), plan)
    with pytest.raises(BadSample, match=r"^1: text: has no tokens"):
        outcome.check()
    assert not list(plan.folder.path.glob("part-*"))


def test_a_shard_that_is_there_is_not_made_again(job, plan):
    first = make(job, plan)
    before = (plan.folder.path / Shard(0, 2).name).stat().st_mtime_ns
    assert make(job, plan) == first
    assert (plan.folder.path / Shard(0, 2).name).stat().st_mtime_ns == before


def test_weights_that_a_node_lacks_are_named_with_the_node(job, plan, tmp_path):
    card = replace(job.card, graph=replace(job.card.graph, sha256="0" * 64))
    with pytest.raises(ClusterFailed, match=r"node n1: .*featx-text-nano"):
        make(replace(job, card=card), plan).check()


def test_another_fingerprint_is_refused(job, plan):
    with pytest.raises(ClusterFailed, match="install the same featx on every node"):
        make(replace(job, fingerprint="f" * 64), plan).check()


def test_a_node_that_gives_other_rows_is_refused(job, plan):
    canary = tuple(-value for value in job.canary)
    with pytest.raises(ClusterFailed, match="gives another row of the built-in sample"):
        make(replace(job, canary=canary), plan).check()
    nothing = (float("nan"), *job.canary[1:])
    with pytest.raises(ClusterFailed, match="gives another row"):
        make(replace(job, canary=nothing), plan).check()


def test_a_node_that_does_not_see_the_folder_says_so(job, plan):
    shutil.rmtree(plan.folder.path / job.marker)
    with pytest.raises(ClusterFailed, match="node n1 does not see this folder of shards"):
        make(job, plan).check()


def test_a_node_that_sees_other_files_makes_no_rejects_of_them(backbone, tmp_path):
    """With on_error="skip" they would be missing files, and the rows incomplete in silence."""
    paths = [tmp_path / f"{name}.txt" for name in "abcd"]
    for path in paths:
        path.write_text("some words")
    plan = plan_in(tmp_path / "rows", backbone, paths)
    engine = featx.Engine(n_jobs=1, on_error="skip")
    job = open_job(backbone, plan.folder, engine, new_marker(plan.folder.path).name)
    ends = plan.folder.digest(ends_of(plan.samples_of(Shard(0, 2))))
    paths[1].unlink()
    with pytest.raises(ClusterFailed, match=r"does not see '0'.*shared file system"):
        make(job, plan, ends=ends).check()


def test_a_shard_over_which_workers_are_lost_is_given_up(job, plan):
    """A sample that ends the process would do so for ever: a worker that comes back is told how often."""
    attempts = plan.folder.path / job.marker / "00000"
    attempts.mkdir()
    for lost in "abcd":
        (attempts / lost).touch()
    with pytest.raises(ClusterFailed, match=r"part-00000-of-00002.*4 workers were lost.*shard=0/2"):
        make(job, plan).check()
    (attempts / "a").unlink()
    assert make(job, plan).check().rows == 1
    assert len(list(attempts.iterdir())) == 3


def test_other_libraries_on_a_node_are_said_once(job, plan):
    worker = Worker(replace(job, versions=library_versions() | {"numpy": "1.0"}), "n1")
    with pytest.warns(FeatxWarning, match=r"node n1 has numpy .* instead of 1\.0"):
        worker.make(Shard(0, 2), plan.samples_of(Shard(0, 2))).check()
    assert worker.make(Shard(1, 2), plan.samples_of(Shard(1, 2))).remarks == ()


def test_what_nobody_expected_is_told_in_one_line_with_the_node(job, plan):
    class Broken:
        def __iter__(self):
            raise MemoryError("of\nseveral lines")

    outcome = Worker(job, "n1").make(Shard(0, 2), Broken())
    with pytest.raises(ClusterFailed, match=r"on node n1: MemoryError: of several lines$"):
        outcome.check()


def test_an_error_made_of_a_name_comes_back_as_a_failure_of_the_cluster():
    error = UnknownBackbone("a", ["b"])
    with pytest.raises(ClusterFailed, match="no backbone named 'a'"):
        ShardOutcome.of_failure(0, error).check()


def test_what_an_earlier_job_counted_is_forgotten(tmp_path):
    first = new_marker(tmp_path)
    (first / "00000").mkdir()
    (first / "00000" / "lost").touch()
    second = new_marker(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [second.name]
    assert not (second / "00000").exists()


def test_a_job_is_sent_whole(job):
    """What is sent to workers is read back equal; Ray writes it as pickle does."""
    again = copy.deepcopy(job)
    assert isinstance(again, Job)
    assert again == job
    np.testing.assert_array_equal(again.canary, job.canary)


def test_workers_write_to_an_object_store_what_they_write_to_a_folder(backbone, plan, tmp_path):
    """The store is one of this process; lost workers are counted there and forgotten at the end."""
    memory = pytest.importorskip("fsspec").filesystem("memory")
    path = to_path("memory://box/rows")
    there = plan_in(path, backbone)
    engine = featx.Engine(n_jobs=1, batch_size=backbone.batch_size, on_error="skip")
    for _ in range(2):
        job = open_job(backbone, there.folder, engine, new_marker(path).name)
    assert {make(job, there, number).check().rows for number in (0, 1)} == {1, 3}
    attempts = path / job.marker / "00000"
    for lost in "abcd":
        memory.pipe_file(f"/box/rows/{job.marker}/00000/{lost}", b"")
    memory.rm_file("/box/rows/part-00000-of-00002.parquet")
    with pytest.raises(ClusterFailed, match=r"memory://box/rows/part-00000.*4 workers were lost"):
        make(job, there).check()
    assert attempts.is_dir()
    new_marker(path)
    assert not attempts.is_dir()
    assert make(job, there).kind == "ClusterFailed"
    memory.store.clear()
