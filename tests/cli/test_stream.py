"""What comes on standard input is answered as it comes, and whoever leaves is no failure."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from tests.support.commands import start

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs pipes and signals")


def read_line(process, seconds=60):
    """Return the next line of a process, or fail: an answer that waits for the end of input never comes."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    line = process.stdout.readline()
    timer.cancel()
    assert line, process.stderr.read()
    return line


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [["predict", "shade.featx", "-"], ["extract", "-", "-o", "-"]],
    ids=["predict", "extract"],
)
def test_an_answer_comes_before_the_next_question(shades, words):
    with start(*words, folder=shades) as process:
        for name in ("my photos/dark/0.png", "my photos/light/2.png", "my photos/dark/0.png"):
            process.stdin.write(f"{name}\n".encode())
            process.stdin.flush()
            answer = json.loads(read_line(process))
            assert answer["id"].startswith(name)
        # An id that repeats is numbered, as it is where all lines are there at once.
        assert answer["id"] == "my photos/dark/0.png#2"
        process.stdin.close()
        assert process.wait(60) == 0


def test_the_first_of_a_million_paths_is_answered_while_the_others_are_still_being_written(shades):
    block, sent = b"my photos/dark/0.png\n" * 1000, []

    def write_all(pipe):
        with contextlib.suppress(OSError):
            for _ in range(1000):
                sent.append(os.write(pipe, block))

    with start("predict", "shade.featx", "-", "--no-cache", folder=shades) as process:
        writer = threading.Thread(target=write_all, args=(process.stdin.fileno(),))
        writer.start()
        first = json.loads(read_line(process))
        taken = sum(sent)
        process.kill()
        writer.join()
    assert first["id"] == "my photos/dark/0.png"
    # Blocks that were read ahead, and what the pipe holds.
    assert taken < 2 << 20


def test_what_cannot_be_read_is_said_when_it_comes_and_counted_at_the_end(shades):
    with start("predict", "shade.featx", "-", folder=shades) as process:
        process.stdin.write(b"absent.png\n")
        process.stdin.flush()
        assert process.stderr.readline() == b"absent.png: file not found\n"
        out, err = process.communicate(b"my photos/dark/1.png\n", timeout=60)
    assert json.loads(out)["label"] == "dark"
    assert err == b"1 of 2 could not be read\n"
    assert process.returncode == 1


@pytest.mark.slow
def test_names_from_find_and_many_lines_at_once_are_all_answered_in_order(shades):
    names = [f"my photos/{label}/{k}.png" for k in range(3) for label in ("light", "dark")] * 300
    for mark in (b"\0", b"\n", b"\r\n"):
        with start("predict", "shade.featx", "-", "--format", "csv", folder=shades) as process:
            out, err = process.communicate(mark.join(map(os.fsencode, names)), timeout=120)
        lines = out.decode().splitlines()
        assert (process.returncode, err) == (0, b"")
        assert lines[0].startswith("id,label,probability,")
        assert [line.split(",")[1] for line in lines[1:]] == [name.split("/")[1] for name in names]


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [["predict", "shade.featx", "-"], ["extract", "-", "-o", "-"]],
    ids=["predict", "extract"],
)
def test_a_reader_that_leaves_ends_the_command_quietly(shades, words):
    with start(*words, folder=shades) as process:
        os.write(process.stdin.fileno(), b"my photos/dark/0.png\n" * 50)
        read_line(process)
        process.stdout.close()
        os.write(process.stdin.fileno(), b"my photos/dark/0.png\n" * 50)
        assert process.stderr.read() == b""
        assert process.wait(60) == 1


def test_ctrl_c_is_one_word(shades):
    with start("predict", "shade.featx", "-", folder=shades) as process:
        process.stdin.write(b"my photos/dark/0.png\n")
        process.stdin.flush()
        read_line(process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (out, err) == (b"", b"Interrupted.\n")
    assert process.returncode == 130


@pytest.mark.slow
def test_nothing_and_a_closed_input_are_said(shades):
    for words in (["predict", "shade.featx", "-"], ["extract", "-", "-o", "-"]):
        with start(*words, folder=shades, stdin=subprocess.DEVNULL) as process:
            _, err = process.communicate(timeout=60)
        assert err == b"Error: standard input: expected paths, one a line; found none\n"
        assert process.returncode == 1
    command = [sys.executable, "-m", "featx", "predict", str(shades / "shade.featx"), "-"]
    closed = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", *command], capture_output=True)
    assert closed.stderr == (b"Error: standard input: is closed; expected paths, one a line\n")


@pytest.mark.slow
def test_a_standard_output_without_room_is_said_in_one_line(shades):
    if not os.path.exists("/dev/full"):  # noqa: PTH110
        pytest.skip("no /dev/full to stand in for a full disk")
    with (
        open("/dev/full", "wb") as full,
        start("predict", "shade.featx", "my photos", folder=shades, stdout=full) as process,
    ):
        _, err = process.communicate(timeout=60)
    assert err == b"Error: standard output, or another open file: no space left on device\n"
