"""Options that are refused before anything is read, with Ray or without it."""

import sys

import pytest

from featx.distributed import extract
from featx.distributed.cluster import check_address
from featx.errors import BadOption, MissingExtra
from featx.tables.shards import number_of_shards
from tests.support.commands import refusal, run

pytest.importorskip("pyarrow")


@pytest.fixture
def no_ray(monkeypatch):
    """The tests run as where Ray is not installed."""
    monkeypatch.setitem(sys.modules, "ray", None)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("text\na cat\na dog\n")
    return path


def test_without_ray_the_command_names_the_extra(no_ray, table, tmp_path):
    words = ["extract", table, "-o", tmp_path / "rows", "--shards", 2, "--engine", "ray"]
    assert refusal(run(*words)) == "ray is not installed; run: pip install 'featx[ray]'"
    assert not (tmp_path / "rows").exists()


def test_without_ray_the_library_names_the_extra(no_ray, table, tmp_path):
    with pytest.raises(MissingExtra, match=r"featx\[ray\]"):
        extract(table, tmp_path / "rows", backbone="featx-text-nano", shards=2)
    assert not (tmp_path / "rows").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engine", "ray"], "expected --shards N or --shard-size COUNT"),
        (["--engine", "ray", "--shard", "0/2"], "expected --shards N or --shard-size COUNT"),
        (["--address", "auto", "--shards", 2], "expected --engine ray"),
        (["--engine", "spark", "--shards", 2], "'local', 'ray'"),
        (["--engine", "ray", "--shards", 2, "--provider", "cuda"], "--provider cuda: an actor"),
        (["--engine", "ray", "--shards", 2, "--address", "ray://head:10001"], "ray job submit"),
    ],
)
def test_options_that_make_no_sense_are_refused(table, tmp_path, words, said):
    result = run("extract", table, "-o", tmp_path / "rows", *words)
    assert result.exit_code != 0
    assert said in result.stderr
    assert not (tmp_path / "rows").exists()


@pytest.mark.parametrize(
    "numbers",
    [{}, {"shards": 1, "shard_size": 1}, {"shards": 0}, {"shard_size": 0}, {"shards": 1.5}],
)
def test_numbers_of_shards_that_make_no_sense_are_refused(tmp_path, numbers):
    with pytest.raises(BadOption, match="expected"):
        extract(["a"], tmp_path / "rows", backbone="featx-text-nano", **numbers)
    assert not (tmp_path / "rows").exists()


def test_the_address_is_the_one_that_is_named_then_that_of_the_environment(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert check_address(None) == "local"
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert check_address(None) == "10.0.0.1:6379"
    assert check_address("auto") == "auto"


def test_an_absurd_number_of_shards_is_refused_before_any_is_listed(table, tmp_path):
    with pytest.raises(BadOption, match="shards=1000000000000: expected a number from 1 to 99999"):
        extract(table, tmp_path / "rows", backbone="featx-text-nano", shards=10**12)
    with pytest.raises(
        BadOption, match="makes 1000000 shards of 2000000 samples, expected at most 99999"
    ):
        number_of_shards(2_000_000, 2)
    with pytest.raises(BadOption, match="memory of this process alone; expected a folder"):
        extract(table, "memory://box/rows", backbone="featx-text-nano", shards=2)
