"""What cannot be written is refused before anything is made for it, by any user, on any file system."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from featx.errors import OutputFailed
from featx.storage.atomic import recover, replacing, replacing_folder
from featx.storage.writable import check_writable
from tests.support.unwritable import on_a_read_only_file_system, without_rights


def test_a_place_that_can_be_written_is_left_as_it_was(tmp_path):
    (tmp_path / "old.csv").write_text("old")
    check_writable(tmp_path / "new.csv")
    check_writable(tmp_path / "old.csv")
    check_writable(tmp_path / "new", folder=True)
    check_writable(tmp_path / "a" / "b" / "new.csv", parents=True)
    assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]
    assert (tmp_path / "old.csv").read_text() == "old"


def test_what_stands_there_is_said(tmp_path):
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    for path, options, words in [
        (tmp_path / "absent" / "x.csv", {}, "absent does not exist; create it first"),
        (tmp_path / "file" / "x.csv", {}, "file is a file, not a folder"),
        (tmp_path, {}, "is a folder, expected the name of a file"),
        (tmp_path / "file", {"folder": True}, "is a file, expected the name of a folder"),
        (tmp_path / "file", {"overwrite": False}, "exists; choose another name, or overwrite=True"),
        (tmp_path / "pipe", {}, "is a device or a pipe"),
        (Path("/dev/null"), {}, "is a device or a pipe"),
        (Path("/proc/x.csv"), {}, "no file can be made in /proc"),
        (tmp_path / ("x" * 250), {}, "file name too long"),
        (tmp_path / "a\0b", {}, "not a name that a file can have"),
    ]:
        with pytest.raises(OutputFailed, match=words) as refusal:
            check_writable(path, **options)
        assert "\n" not in str(refusal.value)


def test_a_folder_without_the_right_to_write_is_said(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    code = f"""
from pathlib import Path
from featx.storage.atomic import replacing, replacing_folder
from featx.storage.writable import check_writable
from featx.errors import OutputFailed
for how in (check_writable, lambda path: check_writable(path, folder=True),
            lambda path: replacing(path).__enter__(), lambda path: replacing_folder(path).__enter__()):
    try:
        how(Path({str(closed / "x.csv")!r}))
    except OutputFailed as error:
        print(error)
"""
    answer = without_rights([sys.executable, "-c", code])
    words = f"{closed / 'x.csv'}: cannot be written: permission denied"
    assert answer.stdout.splitlines() == [words] * 4, answer


def test_another_users_file_in_a_shared_folder_is_not_ours_to_replace():
    shared = Path(tempfile.gettempdir())
    if sys.platform != "linux" or os.geteuid() != 0 or not shared.stat().st_mode & stat.S_ISVTX:
        pytest.skip("needs root, who can become another user, and a shared folder for temporaries")
    with tempfile.NamedTemporaryFile(dir=shared, suffix=".csv") as theirs:
        code = f"""
import os
from featx.storage.writable import check_writable
os.setuid(65534)
check_writable({theirs.name!r})
"""
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "another user's, in a folder shared by all" in answer.stderr


def test_a_read_only_file_system_is_said_and_cleaning_up_does_not_hide_it(tmp_path):
    (tmp_path / ".x.csv.featx-999999-aa").write_text("what a killed writer left")
    code = f"""
from pathlib import Path
from featx.storage.atomic import replacing, replacing_folder
from featx.storage.writable import check_writable
from featx.errors import OutputFailed
for how in (check_writable, lambda path: replacing(path).__enter__(),
            lambda path: replacing_folder(path).__enter__()):
    try:
        how(Path({str(tmp_path / "x.csv")!r}))
    except OutputFailed as error:
        print(error)
"""
    answer = on_a_read_only_file_system([sys.executable, "-c", code], tmp_path)
    assert (
        answer.stdout.splitlines()
        == [f"{tmp_path / 'x.csv'}: cannot be written: read-only file system"] * 3
    ), answer


def test_a_full_disk_is_found_before_the_work(tmp_path):
    """A limit on the size of files stands in for it: the first byte of the try is refused."""
    code = f"""
import resource, signal
from featx.storage.writable import check_writable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
check_writable({str(tmp_path / "x.csv")!r})
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "OutputFailed" in answer.stderr
    assert "cannot be written: file too large" in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_undoing_what_was_left_behind_never_fails_by_itself(tmp_path):
    recover(tmp_path / "absent" / "x")
    recover(Path("/proc/self/fd/x"))
    with pytest.raises(OutputFailed), replacing(Path("/proc/x")):
        pass
    with pytest.raises(OutputFailed), replacing_folder(Path("/proc/x")):
        pass
