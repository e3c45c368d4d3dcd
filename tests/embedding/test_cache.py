import multiprocessing
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

from featx.embedding.cache import RowCache, row_key
from featx.errors import FeatxNotice, FeatxWarning


@pytest.fixture
def path(tmp_path):
    return tmp_path / "kept" / "rows.sqlite"


@pytest.fixture
def cache(path):
    cache = RowCache(path)
    yield cache
    cache.close()


def key(number):
    return row_key("f" * 64, str(number).encode())


def row(number, dim=8):
    return np.full(dim, number, np.float32)


def fill(cache, numbers):
    cache.put([(key(number), row(number)) for number in numbers])


def holds(cache, numbers):
    numbers = list(numbers)
    found = cache.get([key(number) for number in numbers])
    return [number for number, value in zip(numbers, found, strict=True) if value is not None]


def run(code, *arguments, **options):
    command = [sys.executable, "-c", "import sys\n" + code, *map(str, arguments)]
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(command, env=here, stdout=subprocess.PIPE, text=True, **options)


WRITER = """
import numpy as np
from featx.embedding.cache import RowCache, row_key
cache = RowCache(sys.argv[1])
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    rows = [(row_key("f" * 64, str(number).encode()), np.full(8, number, np.float32))]
    cache.put(rows)
    print(number, flush=True)
"""


def test_what_was_put_is_got_in_the_order_of_the_keys(cache):
    fill(cache, range(1200))
    numbers = [1199, 7, 5000, 7, 0]
    found = cache.get([key(number) for number in numbers])
    assert found[2] is None
    for number, value in zip(numbers, found, strict=True):
        if number != 5000:
            np.testing.assert_array_equal(value, row(number))
            assert value.dtype == np.float32
            assert value.flags.writeable
    assert len(holds(cache, range(1300))) == 1200


def test_rows_outlive_the_process_bit_for_bit(path, cache):
    value = np.array([np.nan, -0.0, np.inf, 1e-45], np.float32)
    cache.put([(key(0), value)])
    cache.close()
    again = RowCache(path)
    assert again.get([key(0)])[0].tobytes() == value.tobytes()
    again.close()


def test_nothing_asked_is_nothing_opened(path):
    cache = RowCache(path)
    assert cache.get([]) == []
    cache.put([])
    assert cache.info().rows == 0
    cache.clear()
    assert not path.parent.exists()


def test_the_default_file_is_in_the_cache_folder(home):
    assert RowCache().path == home / "cache" / "rows.sqlite"


def test_a_key_depends_on_backbone_and_content():
    assert (
        len({row_key("a", b"x"), row_key("b", b"x"), row_key("a", b"y"), row_key("ax", b"")}) == 4
    )


def test_a_later_row_replaces_an_earlier_one(cache):
    fill(cache, [1])
    cache.put([(key(1), row(2, dim=3))])
    np.testing.assert_array_equal(cache.get([key(1)])[0], row(2, dim=3))


def test_a_row_of_another_width_is_a_miss(cache):
    fill(cache, [1])
    assert cache.get([key(1)], dim=9) == [None]
    assert cache.get([key(1)], dim=8)[0] is not None


@pytest.mark.parametrize("value", [b"", b"abc", b"\0" * 32, "text", None, 7])
def test_a_value_that_is_not_the_one_put_is_a_miss_and_can_be_put_again(path, cache, value):
    fill(cache, [1, 2])
    cache.close()
    database = sqlite3.connect(path)
    database.execute("UPDATE rows SET value = ? WHERE key = ?", (value or b"", key(1)))
    database.commit()
    database.close()
    assert holds(cache, [1, 2]) == [2]
    fill(cache, [1])
    assert holds(cache, [1, 2]) == [1, 2]


def test_info_counts_and_clear_forgets(path, cache):
    fill(cache, range(500))
    info = cache.info()
    assert info.path == path
    assert info.rows == 500
    assert info.bytes > 500 * 32
    cache.clear()
    assert cache.info().rows == 0
    assert cache.info().bytes < info.bytes
    assert holds(cache, range(500)) == []


def test_beyond_its_limit_the_oldest_rows_go(path):
    cache = RowCache(path, max_bytes=200_000)
    for start in range(0, 400, 20):
        cache.put([(key(number), row(number, dim=512)) for number in range(start, start + 20)])
    kept = holds(cache, range(400))
    assert 30 < len(kept) < 100
    assert kept == list(range(kept[0], 400))
    assert path.stat().st_size < 300_000
    cache.close()


def test_a_pickled_cache_opens_the_same_file(cache):
    fill(cache, [1])
    again = pickle.loads(pickle.dumps(cache))
    assert holds(again, [1, 2]) == [1]
    again.close()


def test_threads_share_a_cache(cache):
    def work(start):
        for number in range(start, 200, 4):
            fill(cache, [number])
            assert holds(cache, [number]) == [number]

    threads = [threading.Thread(target=work, args=[start]) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(holds(cache, range(200))) == 200


def test_two_processes_write_at_once(path):
    writers = [run(WRITER, path, start, start + 150) for start in (0, 150)]
    outputs = [writer.communicate(timeout=60)[0] for writer in writers]
    assert [len(output.split()) for output in outputs] == [150, 150]
    cache = RowCache(path)
    assert len(holds(cache, range(300))) == 300
    cache.close()


def test_a_killed_writer_leaves_whole_rows_only(path):
    with run(WRITER, path, 0, 100_000) as writer:
        said = [int(writer.stdout.readline()) for _ in range(40)]
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    cache = RowCache(path)
    kept = holds(cache, range(1000))
    assert kept == list(range(len(kept)))
    assert len(kept) >= len(said)
    for number, value in zip(kept, cache.get([key(number) for number in kept]), strict=True):
        np.testing.assert_array_equal(value, row(number))
    cache.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_and_its_parent_both_go_on(cache):
    fill(cache, range(10))

    def child():
        assert len(holds(cache, range(10))) == 10
        fill(cache, range(10, 20))

    context = multiprocessing.get_context("fork")
    children = [context.Process(target=child) for _ in range(3)]
    for process in children:
        process.start()
    fill(cache, range(20, 30))
    for process in children:
        process.join()
    assert [process.exitcode for process in children] == [0, 0, 0]
    assert len(holds(cache, range(30))) == 30


def damaged_with(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def test_garbage_is_set_aside_with_one_warning(path, cache):
    damaged_with(path, b"this is not a database " * 500)
    with pytest.warns(FeatxWarning, match=r"rows\.sqlite.*damaged-1") as warned:
        assert holds(cache, [1]) == []
    assert len(warned) == 1
    fill(cache, [1])  # without a further warning, which would be an error
    assert holds(cache, [1]) == [1]
    aside = path.with_name("rows.sqlite.damaged-1")
    assert aside.read_bytes().startswith(b"this is not")


def test_each_damaged_file_is_kept_under_its_own_number(path):
    for _ in range(2):
        damaged_with(path, b"x" * 5000)
        cache = RowCache(path)
        with pytest.warns(FeatxWarning):
            fill(cache, [1])
        cache.close()
    assert path.with_name("rows.sqlite.damaged-2").exists()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_file_loses_rows_and_nothing_else(path, cache, share):
    fill(cache, range(2000))
    cache.close()
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * share))
    with pytest.warns(FeatxWarning, match="damaged"):
        fill(cache, range(2000))
    assert len(holds(cache, range(2000))) == 2000


def test_a_file_cut_to_nothing_is_a_new_one(path, cache):
    fill(cache, range(20))
    cache.close()
    path.write_bytes(b"")
    assert holds(cache, range(20)) == []
    fill(cache, [3])
    assert holds(cache, range(20)) == [3]


@pytest.mark.parametrize("first", ["get", "put"])
def test_damage_while_the_file_is_open_is_set_aside(path, cache, first):
    fill(cache, range(5000))
    cache.clear()
    fill(cache, range(5000))
    other = sqlite3.connect(path)  # moves the log into the file
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    cache._database._connection.execute("PRAGMA cache_size = 0")  # nothing of it is remembered
    use = holds if first == "get" else fill
    with pytest.warns(FeatxWarning, match="damaged"):
        use(cache, range(5000))
    fill(cache, [1])
    assert holds(cache, [1]) == [1]
    assert path.with_name("rows.sqlite.damaged-1").exists()


def test_a_file_set_aside_by_another_process_is_not_set_aside_again(path, cache):
    fill(cache, range(5))
    path.rename(path.with_name("elsewhere"))
    other = RowCache(path)
    fill(other, range(5, 10))
    cache._database._recover(sqlite3.DatabaseError("malformed"))
    assert holds(cache, range(10)) == list(range(5, 10))
    other.close()


def test_a_table_that_lacks_a_column_is_set_aside(path, cache):
    fill(cache, [1])
    cache.close()
    database = sqlite3.connect(path)
    database.execute("ALTER TABLE rows RENAME COLUMN checksum TO other")
    database.close()
    with pytest.warns(FeatxWarning, match="damaged"):
        fill(cache, [1])
    assert holds(cache, [1]) == [1]


def test_a_database_of_something_else_is_left_as_it_is(path, cache):
    path.parent.mkdir()
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE precious (thing)")
    database.close()
    before = path.read_bytes()
    with pytest.warns(FeatxWarning, match="something else"):
        fill(cache, [1])
    assert cache.get([key(1)]) == [None]
    assert path.read_bytes() == before


def test_a_newer_format_is_left_as_it_is(path, cache):
    fill(cache, [1])
    cache.close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 2")
    database.close()
    with pytest.warns(FeatxWarning, match="format 2, expected 1"):
        assert cache.get([key(1)]) == [None]
    assert not path.with_name("rows.sqlite.damaged-1").exists()


@pytest.mark.parametrize("where", ["file/rows.sqlite", "folder"])
def test_where_no_file_can_be_it_goes_on_without_one_and_says_so_once(tmp_path, where):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    cache = RowCache(tmp_path / where)
    with pytest.warns(FeatxWarning, match="going on without"):
        fill(cache, [1])
    assert cache.get([key(1)]) == [None]
    assert cache.info().rows == 0
    cache.clear()


def test_a_lock_that_is_never_released_is_not_waited_for_for_ever(path, cache):
    fill(cache, [1])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    hasty = RowCache(path, timeout=0.05)
    with pytest.warns(FeatxWarning, match="locked"):
        fill(hasty, [2])
    other.execute("ROLLBACK")
    other.close()
    assert holds(cache, [1, 2]) == [1]
    hasty.close()


LOCKING = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""


@pytest.mark.slow
def test_a_wait_for_another_process_is_told_once_and_ends_with_its_lock(path, cache):
    fill(cache, [1])
    cache.close()
    command = [sys.executable, "-c", LOCKING, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "locked\n"
        release = threading.Timer(5, other.kill)
        release.start()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            fill(cache, [2])
    assert [(each.category, str(each.message)) for each in told] == [
        (
            FeatxNotice,
            f"cache {path}: another process has it locked; waiting up to 30 s, then going on without it",
        )
    ]
    assert holds(cache, [1, 2]) == [1, 2]


FULL = """
import resource, signal, warnings
import numpy as np
from featx.embedding.cache import RowCache
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
cache = RowCache(sys.argv[1])
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    for number in range(100):
        cache.put([(bytes([number]) * 32, np.zeros(5000, np.float32))])
print(len(warned), "going on without it" in str(warned[0].message))
"""


@pytest.mark.skipif(os.name != "posix", reason="only POSIX limits the size of files")
def test_on_a_full_disk_it_goes_on_without_and_what_was_whole_stays(path):
    with run(FULL, path) as process:
        assert process.communicate(timeout=60)[0] == "1 True\n"
    cache = RowCache(path)
    found = cache.get([bytes([number]) * 32 for number in range(100)])
    assert 0 < sum(value is not None for value in found) < 100
    cache.close()


def test_a_file_removed_meanwhile_is_begun_again(path, cache):
    fill(cache, [1])
    for file in path.parent.iterdir():
        file.unlink()
    fill(cache, [2])
    cache.close()
    fill(cache, [3])
    assert 3 in holds(cache, [1, 2, 3])
