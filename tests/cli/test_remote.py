"""Commands that read from addresses and write to them."""

import json
import subprocess
import sys

import numpy as np
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
    assert "access denied" in listed


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:DequantizeLinear stands between")
def test_graphs_explanations_pages_and_tables_are_written_to_addresses(memory, shades, tmp_path):
    """Each is the file that is written to this machine, whole, and nothing else is left beside it."""
    predictor, photo = shades / "shade.featx", shades / "my photos/dark/0.png"
    for number, words in enumerate(
        [
            ("export", predictor, "--to", "x.onnx"),
            ("explain", predictor, photo, "-o", "x.png"),
            ("explain", predictor, photo, "-o", "x.jsonl"),
            ("explain", predictor, photo, "-o", "pictures"),
            ("report", predictor, "-o", "x.html"),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        local = run(*words[:-1], folder / words[-1])
        assert local.exit_code == 0, local.output
        done = run(*words[:-1], f"memory://box/{number}/{words[-1]}")
        assert done.exit_code == 0, done.output
        files = {path for path in folder.rglob("*") if path.is_file()}
        names = {f"/box/{number}/{path.relative_to(folder).as_posix()}" for path in files}
        assert set(memory.find(f"/box/{number}")) == names
        for path in files:
            written = memory.cat_file(f"/box/{number}/{path.relative_to(folder).as_posix()}")
            # A page tells the time at which it was made.
            assert written == path.read_bytes() or path.suffix == ".html"
    refused = run("export", predictor, "--to", "memory://box/0/x.onnx")
    assert "exists" in refusal(refused)


def test_a_repaired_table_at_an_address_names_what_lies_there_or_is_refused(memory, shades):
    for path in (shades / "my photos").rglob("*.png"):
        name = path.relative_to(shades / "my photos").as_posix()
        memory.pipe_file(f"/box/photos/{name}", path.read_bytes())
    fixed = "memory://box/fixed.csv"
    audited = run("audit", "memory://box/photos", "--fix", fixed, "-o", "memory://box/found.csv")
    assert audited.exit_code == 0, audited.output
    assert "memory://box/photos/dark/0.png" in memory.cat_file("/box/fixed.csv").decode()
    assert len(featx.read_samples(fixed, modality="image")) == 6
    memory.rm_file("/box/fixed.csv")
    said = refusal(run("audit", shades / "my photos", "--fix", fixed))
    assert "a file of this machine" in said
    assert "memory://box/photos" not in said
    elsewhere = refusal(run("audit", "memory://box/photos", "--fix", "memory://other/fixed.csv"))
    assert "lies elsewhere than memory://other" in elsewhere
    assert not memory.exists("/box/fixed.csv")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("extract", "s4://b/x", "-o", "x.npz"), "expected an address of"),
        (("extract", ".", "-o", "s4://b/x.npz"), "expected an address of"),
        (("extract", ".", "-o", "http://127.0.0.1:9/x.npz"), "object store"),
        (("curve", ".", "--plot", "s4://b/x.png"), "expected an address of"),
        (("curve", ".", "--plot", "memory://b/x.txt"), "ends in .png, .svg, .pdf"),
        (("explain", "memory://none/x.featx", "a.jpg", "-o", "x.png"), "memory://none/x.featx"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_in_one_line(words, said, memory):
    assert said in refusal(run(*words))


@pytest.mark.parametrize(
    "words",
    [
        ("optimize", "featx-image-nano", "--calibrate", ".", "--directory", "s3://bucket/x"),
        ("backbones", "add", "s3://bucket/x"),
    ],
)
def test_what_only_this_machine_can_hold_is_refused_for_an_address(words):
    assert "'s3://bucket/x' is an address; expected a path of this machine" in run(*words).stderr


def test_shards_of_a_cluster_are_refused_in_the_memory_of_one_process(memory):
    words = ("extract", "missing", "-o", "memory://box/rows", "--shards", 2, "--engine", "ray")
    assert "memory of this process alone; expected a folder" in refusal(run(*words))


def test_targets_of_rows_may_lie_at_an_address(memory, tmp_path):
    rows = np.random.default_rng(0).normal(size=(40, 384)).astype(np.float32)
    ids = tuple(map(str, range(40)))
    card = featx.get_card("featx-text-nano")
    table = featx.Rows(ids, (None,) * 40, rows[:, : card.dim], card.fingerprint)
    featx.write_rows(tmp_path / "rows.npz", table)
    lines = "".join(f"{name},{'ab'[int(name) % 2]}\n" for name in ids)
    memory.pipe_file("/box/labels.csv", f"id,label\n{lines}".encode())
    words = ("fit", tmp_path / "rows.npz", "--head", "ridge", "-o", tmp_path / "x.featx")
    done = run(*words, "--targets", "memory://box/labels.csv")
    assert done.exit_code == 0, done.output
    assert featx.load(tmp_path / "x.featx").classes == ("a", "b")


def test_the_prediction_of_a_local_photo_loads_nothing_that_reads_addresses(shades):
    command = [sys.executable, "-X", "importtime", *FEATX[1:], "predict"]
    files = [str(shades / "shade.featx"), str(shades / "my photos/dark/0.png")]
    done = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "featx.storage.address" in loaded
    assert not {name for name in loaded if name.startswith(("featx.storage.remote", "fsspec"))}
    assert "featx.sources.read_ahead" not in loaded
