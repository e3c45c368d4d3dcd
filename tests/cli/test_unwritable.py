"""What a command cannot write it refuses before the work, in one line, whatever the reason."""

import shutil

import pytest

from tests.support.commands import FEATX, refusal, run
from tests.support.unwritable import on_a_read_only_file_system, without_rights

# The commands below by their number; each is a process of its own, and a second or two.
PROCESSES = [
    *(0, 2, 4, 6, 8),
    *(pytest.param(number, marks=pytest.mark.slow) for number in (1, 3, 5, 7, 9)),
]


@pytest.fixture
def world(shades, tmp_path, torch_net, monkeypatch):
    """A folder with a classifier, photos and a graph, and a folder ``out`` for what is made of them."""
    root = tmp_path / "it's all"
    shutil.copytree(shades, root)
    shutil.copy(torch_net, root / "net.onnx")
    (root / "out").mkdir()
    # Refused outputs must be found without a look at broken samples.
    (root / "my photos" / "dark" / "broken.png").write_text("no picture")
    return root


def commands(root, out):
    """Every command that writes, with what it would write in ``out``."""
    classifier, photos = root / "shade.featx", root / "my photos"
    skip = ["--on-error", "skip"]
    return [
        ["extract", photos, "-o", out / "x.npz"],
        ["extract", photos, "-o", "-", *skip, "--rejects", out / "x.csv"],
        ["fit", photos, "-o", out / "x.featx"],
        ["fit", photos, "-o", out / "x.featx.zip", "--bundle"],
        ["export", classifier, "--to", out / "x.onnx"],
        ["bundle", classifier, "-o", out / "x.featx.zip"],
        ["predict", classifier, photos, "-o", out / "x.csv"],
        ["predict", classifier, photos, "--rejects", out / "x.csv"],
        ["evaluate", classifier, photos, "--errors", out / "x.csv"],
        ["optimize", "featx-image-nano", "--calibrate", photos, "--directory", out],
    ]


def told(answer):
    """Return the one line of a refusal of a process that printed nothing else."""
    assert answer.returncode == 1, answer
    assert answer.stdout == ""
    lines = answer.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("Error: ")
    return lines[0]


@pytest.mark.slow
@pytest.mark.parametrize("number", PROCESSES)
def test_a_folder_without_the_right_to_write(world, number):
    (world / "out").chmod(0o500)
    answer = without_rights([*FEATX, *commands(world, world / "out")[number]])
    assert told(answer).endswith("cannot be written: permission denied")


@pytest.mark.slow
@pytest.mark.parametrize("number", PROCESSES)
def test_a_read_only_file_system(world, number):
    words = [*FEATX, *commands(world, world / "out")[number]]
    answer = on_a_read_only_file_system(words, world)
    assert told(answer).endswith("cannot be written: read-only file system")


@pytest.mark.parametrize("number", range(9))
def test_a_folder_that_is_missing_or_a_file(world, number):
    assert "absent does not exist; create it" in refusal(
        run(*commands(world, world / "absent")[number])
    )
    table = world / "shades.csv"
    assert f"{table} is a file, not a folder" in refusal(run(*commands(world, table)[number]))


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_what_exists_is_not_replaced_unasked(world, number):
    words = commands(world, world / "out")[number]
    target = words[words.index("--to" if "--to" in words else "-o") + 1]
    if words[0] == "export":
        target.write_text("somebody's")
    else:
        run("bundle", world / "shade.featx", "-o", target)
    assert "exists; choose another name, or --overwrite" in refusal(run(*words))


@pytest.mark.slow
def test_a_model_directory_that_cannot_be_written(world, monkeypatch):
    monkeypatch.setenv("FEATX_DATA_DIR", str(world / "out"))
    (world / "out").chmod(0o500)
    add = ["backbones", "add", world / "net.onnx", "--name", "mine", "--like", "torch"]
    for words in (
        [*add, "--resize", "64", "--tap", "penultimate"],
        ["bench", "featx-image-nano", "--remember"],
    ):
        assert "permission denied" in told(without_rights([*FEATX, *words])).lower()


def test_a_folder_or_a_device_is_no_file_to_write(world):
    for name in ("x.csv", "x.npz", "x.onnx"):
        (world / "out" / name).mkdir()
    words = commands(world, world / "out")
    for number in (0, 1, 4, 6, 7, 8):
        assert "is a folder, expected the name of a file" in refusal(run(*words[number]))
    device = ["predict", world / "shade.featx", world / "my photos", "--rejects", "/dev/null"]
    assert "is a device or a pipe" in refusal(run(*device))
