"""Files appear whole or not at all, whatever ends the writer."""

import errno
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from featx.errors import OutputFailed
from featx.storage.atomic import os_errors_in_words, recover, replacing, replacing_folder
from featx.storage.dirs import cache_dir, data_dir
from featx.storage.json_file import read_json_table, write_json_table


def test_a_file_takes_its_place_when_the_block_ends(tmp_path):
    path = tmp_path / "a b.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_one_and_nothing_else(tmp_path, failure):
    path, folder = tmp_path / "a.txt", tmp_path / "f"
    path.write_text("old")
    folder.mkdir()
    (folder / "x").write_text("old")
    with pytest.raises(failure), replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise failure
    with pytest.raises(failure), replacing_folder(folder) as temporary:  # noqa: PT012
        (temporary / "x").write_text("half")
        raise failure
    assert path.read_text() == (folder / "x").read_text() == "old"
    assert sorted(tmp_path.iterdir()) == [path, folder]


def test_a_folder_takes_the_place_of_the_old_one(tmp_path):
    folder = tmp_path / "f.featx"
    for content in ("one", "two"):
        with replacing_folder(folder) as temporary:
            (temporary / content).write_text(content)
        assert [path.name for path in folder.iterdir()] == [content]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("writing", [replacing, replacing_folder])
def test_a_missing_folder_is_said_in_words(tmp_path, writing):
    with (
        pytest.raises(OutputFailed, match="does not exist; create it first"),
        writing(tmp_path / "absent" / "x"),
    ):
        pass


def test_a_full_disk_is_said_in_words(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full to stand in for a full disk")
    with (
        pytest.raises(OutputFailed, match="the disk is full"),
        replacing(tmp_path / "x"),
        open("/dev/full", "wb", buffering=0) as full,
    ):
        full.write(b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputFailed, match="is a folder"), replacing(tmp_path):
        pass
    with pytest.raises(OutputFailed, match="is a file"), replacing_folder(tmp_path / "file"):
        pass


KILLED = """
import os, signal, sys
from pathlib import Path
from featx.storage import atomic as files
path = Path(sys.argv[1])
if sys.argv[2] == "writing":
    with files.replacing_folder(path) as temporary:
        (temporary / "x").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
real = os.replace
def replace(old, new):
    real(old, new)
    os.kill(os.getpid(), signal.SIGKILL)
os.replace = replace
with files.replacing_folder(path) as temporary:
    (temporary / "x").write_text("new")
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("moment", ["writing", "between the renames"])
def test_what_a_killed_writer_left_is_undone(tmp_path, moment):
    folder = tmp_path / "f.featx"
    with replacing_folder(folder) as temporary:
        (temporary / "x").write_text("old")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder), moment], check=False)
    assert killed.returncode < 0
    recover(folder)
    assert (folder / "x").read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]


WAITING = """
import sys
from pathlib import Path
from featx.storage import atomic
path = Path(sys.argv[1])
with getattr(atomic, sys.argv[2])(path) as temporary:
    (temporary / "x" if temporary.is_dir() else temporary).write_text("of the writer")
    print(temporary, flush=True)
    sys.stdin.readline()
"""
# A process in a namespace of its own is 1 there, and its number means another process elsewhere.
APART = ["unshare", "--user", "--map-root-user", "--pid", "--fork"]


def can_be_apart():
    try:
        return not subprocess.run([*APART, "true"], check=False, capture_output=True).returncode
    except OSError:
        return False


@contextmanager
def waiting_writer(path, kind, before=()):
    """A process that writes ``path`` and waits in the middle; gives its temporary, and the process."""
    command = [*before, sys.executable, "-c", WAITING, str(path), kind]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        try:
            yield Path(writer.stdout.readline().strip()), writer
        finally:
            writer.kill()


@pytest.mark.skipif(os.name != "posix", reason="locks are POSIX")
@pytest.mark.parametrize("kind", ["replacing", "replacing_folder"])
@pytest.mark.parametrize("namespace", ["of us", "of its own"])
def test_a_live_writers_temporary_is_left_alone(tmp_path, kind, namespace):
    if namespace == "of its own" and not can_be_apart():
        pytest.skip("this system gives no process numbers of its own")
    path, writing = tmp_path / "x", {"replacing": replacing, "replacing_folder": replacing_folder}
    before = APART if namespace == "of its own" else ()
    with waiting_writer(path, kind, before) as (temporary, writer):
        assert temporary.exists()
        with writing[kind](path) as ours:
            (ours / "x" if ours.is_dir() else ours).write_text("ours")
            # neither takes the other for dead
            recover(path)
            assert temporary.exists()
            assert ours.exists()
        writer.communicate("go on\n", timeout=60)
        assert writer.returncode == 0
    assert (path / "x" if path.is_dir() else path).read_text() == "of the writer"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="locks are POSIX")
@pytest.mark.parametrize("kind", ["replacing", "replacing_folder"])
def test_a_killed_writers_temporary_goes_with_the_next_write(tmp_path, kind):
    path = tmp_path / "x"
    with waiting_writer(path, kind) as (temporary, writer):
        writer.kill()
        writer.wait(60)
        assert temporary.exists()
        recover(path)
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_of_this_process_is_left_alone(tmp_path):
    path = tmp_path / "x"
    with replacing(path) as temporary:
        recover(path)
        assert temporary.exists()


def test_temporaries_of_earlier_versions_go_with_the_process_that_they_name(tmp_path):
    path = tmp_path / "x"
    with subprocess.Popen([sys.executable, "-c", "pass"]) as ended:
        ended.wait()
    for pid in (ended.pid, os.getpid()):
        (tmp_path / f".x.featx-{pid}-0123abcd").write_text("half")
    recover(path)
    assert [each.name for each in tmp_path.iterdir()] == [f".x.featx-{os.getpid()}-0123abcd"]


def test_many_writers_of_one_path_leave_one_whole_file(tmp_path):
    path = tmp_path / "x"

    def write(number):
        for _ in range(20):
            with replacing(path) as temporary:
                temporary.write_text(f"{number}" * 1000)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(path.read_text())) == 1
    assert len(path.read_text()) == 1000
    assert list(tmp_path.iterdir()) == [path]


def test_featx_own_folders_can_be_named(monkeypatch, tmp_path):
    monkeypatch.setenv("FEATX_CACHE_DIR", str(tmp_path / "c"))
    monkeypatch.setenv("FEATX_DATA_DIR", str(tmp_path / "d"))
    assert (cache_dir(), data_dir()) == (tmp_path / "c", tmp_path / "d")
    monkeypatch.delenv("FEATX_CACHE_DIR")
    monkeypatch.delenv("FEATX_DATA_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative paths are to be ignored")
    assert cache_dir().is_absolute()
    assert cache_dir().parts[-1] == "featx"
    assert data_dir().parts[-1] == "featx"


@pytest.mark.skipif(sys.platform != "linux", reason="each system has its own folders")
def test_on_linux_the_folders_are_those_of_the_xdg_standard(monkeypatch, tmp_path):
    for variable in ("FEATX_CACHE_DIR", "FEATX_DATA_DIR", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "featx"
    assert data_dir() == tmp_path / ".local" / "share" / "featx"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert cache_dir() == tmp_path / "elsewhere" / "featx"


def test_notes_come_back_and_damaged_ones_are_none(tmp_path):
    path = tmp_path / "new" / "notes.json"
    assert read_json_table(path) == {}
    write_json_table(path, {"b": [1, None], "a": "ü"})
    assert read_json_table(path) == {"b": [1, None], "a": "ü"}
    for damage in (b"", b"[1]", b"\xff", b'{"a": ', b"[" * 100_000):
        path.write_bytes(damage)
        assert read_json_table(path) == {}


def test_notes_whose_folder_cannot_be_made_are_an_error_of_ours(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputFailed, match="cannot be written"):
        write_json_table(tmp_path / "file" / "notes.json", {})


def test_a_folder_that_may_not_be_made_is_not_called_missing(tmp_path):
    target = tmp_path / "none" / "a.json"
    with pytest.raises(OutputFailed, match="permission denied"), os_errors_in_words(target):
        raise PermissionError(errno.EACCES, "no")
