"""Commands that read from addresses and write to them."""

import json
import subprocess
import sys

import pytest

import featx
from featx.errors import BadArtifact, OutputFailed
from tests.support.commands import FEATX, ROOT, refusal, run
from tests.support.remote_server import Objects, serving


@pytest.fixture
def memory():
    system = pytest.importorskip("fsspec").filesystem("memory")
    yield system
    system.store.clear()


@pytest.fixture
def server(shades):
    """The folder of ``shades``, on a web server."""
    paths = [path for path in shades.rglob("*") if path.is_file()]
    files = {path.relative_to(shades).as_posix(): path.read_bytes() for path in paths}
    with serving(Objects().add(files)) as objects:
        yield objects


def rows_of(text):
    return [json.loads(line) for line in text.splitlines()]


def test_rows_of_remote_photos_are_those_of_local_ones_to_the_bit(server, memory, shades, tmp_path):
    pytest.importorskip("pyarrow")
    local, remote = tmp_path / "rows.parquet", "memory://box/rows.parquet"
    assert run("extract", shades / "my photos", "-o", local).exit_code == 0
    done = run("extract", f"{server.url}/my%20photos/", "-o", remote, "--no-cache")
    assert "6 rows" in done.stderr, done.output
    assert memory.cat_file("/box/rows.parquet") == local.read_bytes()
    done = run("extract", f"{server.url}/shades.csv", "-o", "memory://box/sh", "--shards", 2)
    assert done.exit_code == 0, done.output
    again = run("extract", f"{server.url}/shades.csv", "-o", "memory://box/sh", "--shards", 2)
    assert "2 of 2 shards were there" in again.stderr
    assert run("merge", "memory://box/sh", "-o", tmp_path / "all.npz").exit_code == 0
    assert len(featx.read_rows(tmp_path / "all.npz")) == 6
    found = run("similar", "memory://box/sh", f"{server.url}/my%20photos/dark/0.png", "-k", 2)
    assert len(rows_of(found.stdout)) == 2


@pytest.mark.filterwarnings("ignore:6 of 6 samples are among those:featx.FeatxWarning")
def test_a_predictor_is_trained_saved_and_used_at_addresses(server, memory, shades, tmp_path):
    photos, predictor = f"{server.url}/my%20photos/", "memory://box/shade.featx"
    done = run("fit", photos, "-o", predictor, "--head", "centroid", "--no-baseline")
    assert f"Wrote {predictor}" in done.stderr, done.output
    assert "exists" in refusal(run("fit", photos, "-o", predictor, "--head", "centroid"))
    answers = run("predict", predictor, f"{server.url}/my%20photos/dark/0.png")
    assert rows_of(answers.stdout)[0]["label"] == "dark"
    assert run("predict", predictor, photos, "-o", "memory://box/answers.csv").exit_code == 0
    assert memory.cat_file("/box/answers.csv").count(b"\n") == 7
    assert "6 samples" in run("evaluate", predictor, photos).stdout
    assert run("bundle", predictor, "-o", "memory://box/all.featx.zip").exit_code == 0
    assert featx.load("memory://box/all.featx.zip").predict([shades / "my photos/light/0.png"]) == [
        "light"
    ]
    assert "centroid" in run("inspect", predictor).stdout


def test_a_predictor_is_loaded_from_a_web_server_and_every_byte_is_verified(server, memory, shades):
    classifier = featx.load(f"{server.url}/shade.featx/")
    assert classifier.predict([shades / "my photos/dark/1.png"]) == ["dark"]
    featx.save(classifier, "memory://box/x.featx")
    memory.pipe_file("/box/x.featx/head.npz", b"other")
    with pytest.raises(BadArtifact, match=r"head\.npz"):
        featx.load("memory://box/x.featx")
    with pytest.raises(BadArtifact, match="memory://box/none"):
        featx.load("memory://box/none.featx")
    memory.pipe_file("/box/photos/1.jpg", b"mine")
    with pytest.raises(OutputFailed, match="not a featx classifier"):
        featx.save(classifier, "memory://box/photos", overwrite=True)
    featx.save(classifier, "memory://box/x.featx", overwrite=True)
    assert featx.load("memory://box/x.featx").predict([shades / "my photos/dark/1.png"]) == ["dark"]


def test_faults_of_a_server_cost_time_or_one_reject_and_never_a_row(server, shades, tmp_path):
    server.refusals["/my photos/dark/0.png"] = (503, 2)
    server.cuts["/my photos/dark/1.png"] = 1
    server.refusals["/my photos/light/0.png"] = (403, 99)
    done = run(
        *("extract", f"{server.url}/my%20photos/", "-o", tmp_path / "rows.npz"),
        *("--no-cache", "--on-error", "skip"),
    )
    assert "5 rows" in done.stderr, done.output
    listed = (tmp_path / "rejects.csv").read_text(encoding="utf-8")
    assert "light/0.png" in listed
    assert "permission denied" in listed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("extract", "s4://b/x", "-o", "x.npz"), "expected an address of"),
        (("extract", ".", "-o", "s4://b/x.npz"), "expected an address of"),
        (("extract", ".", "-o", "http://127.0.0.1:9/x.npz"), "object store"),
        (("explain", "memory://none/x.featx", "a.jpg", "-o", "x.png"), "memory://none/x.featx"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_in_one_line(words, said, memory):
    assert said in refusal(run(*words))


def test_an_output_that_only_this_machine_can_hold_says_so(shades):
    words = ("export", shades / "shade.featx", "--to", "s3://bucket/x.onnx")
    assert "path of this machine" in refusal(run(*words))


def test_the_prediction_of_a_local_photo_loads_nothing_that_reads_addresses(shades):
    command = [sys.executable, "-X", "importtime", *FEATX[1:], "predict"]
    files = [str(shades / "shade.featx"), str(shades / "my photos/dark/0.png")]
    done = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "featx.storage.address" in loaded
    assert not {name for name in loaded if name.startswith(("featx.storage.remote", "fsspec"))}
    assert "featx.sources.read_ahead" not in loaded
