"""Shards by Ray in an object store: the bytes of one process, also where a worker is lost on the way."""

import os
import signal

import pytest

from tests.support.commands import run
from tests.support.object_stores import moto_serving, s3_at
from tests.support.ray_shards import MARKS, SHARDS, expected, extract, words_of, workers_of

pytestmark = MARKS

PLACE = "s3://bucket/rows"


@pytest.fixture
def bucket(monkeypatch):
    with moto_serving() as url, s3_at(url, monkeypatch) as system:
        system.mkdir("bucket")
        yield system
        system.rm("bucket", recursive=True)


def objects(system):
    return {name.rpartition("/")[2]: system.cat_file(name) for name in system.find("bucket/rows")}


def test_the_command_makes_the_objects_of_one_process(material, bucket):
    from featx.distributed.cluster import connected

    words = ["extract", material, "-o", PLACE, *words_of(SHARDS), "--engine", "ray"]
    with connected("local", 2):
        made = run(*words)
        assert made.exit_code == 0, made.output
        assert "2999 rows" in made.stderr
        assert objects(bucket) == expected(material)
        bucket.rm_file("bucket/rows/part-00003-of-00012.parquet")
        assert "11 of 12 shards were there" in run(*words).stderr
        assert objects(bucket) == expected(material)


def test_a_worker_that_is_lost_costs_time_and_no_byte(material, bucket):
    from featx.distributed.cluster import connected

    killed = []

    def kill_one(count):
        if not killed:
            killed.append(workers_of(os.getpid())[0])
            os.kill(killed[0], signal.SIGKILL)

    with connected("local", 2):
        written = extract(material, PLACE, kill_one)
    assert written.rows == 2999
    assert killed
    assert objects(bucket) == expected(material)
