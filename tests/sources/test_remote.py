"""Samples at addresses: folders, tables, tars and Parquet, and whose addresses are opened."""

import gzip
import io
import json
import tarfile
import warnings

import pytest

import featx
from featx import make_samples, read_samples
from featx.errors import BadSource, FeatxWarning
from featx.sources import read_bytes
from tests.support.remote_server import Objects, serving

PHOTO = b"\xff\xd8\xff\xe0 a photo"


@pytest.fixture
def server():
    with serving(Objects()) as objects:
        yield objects


@pytest.fixture(params=["http", "memory"])
def place(request, server):
    """A function that puts files somewhere and returns the address of the folder."""
    if request.param == "http":

        def put(files):
            server.add(files)
            return server.url

        yield put
        return
    memory = pytest.importorskip("fsspec").filesystem("memory")

    def put(files):
        for name, data in files.items():
            memory.pipe_file(f"/box/{name}", data)
        return "memory://box"

    yield put
    memory.store.clear()


def of(samples):
    return [(sample.id, sample.label) for sample in samples]


def reason_of(sample):
    with pytest.raises(ValueError, match=r".") as caught:
        read_bytes(sample.data)
    return str(caught.value)


def test_a_folder_of_class_folders_gives_what_a_local_one_gives(place, tmp_path):
    files = {
        f"f/{part}/{label}/{n} ä#?.jpg": PHOTO
        for part in ("train", "test")
        for label in "ab"
        for n in range(2)
    }
    files |= {"f/train/a/.hidden.jpg": PHOTO, "f/train/a/notes.txt": b"x", "f/train/a/photo": PHOTO}
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    uri = place(files)
    with pytest.warns(FeatxWarning, match=r"1 other file left out: 1 \.txt") as said:
        remote = read_samples(f"{uri}/f/", split="train")
    with pytest.warns(FeatxWarning, match=r"1 other file left out"):
        local = read_samples(tmp_path / "f", split="train")
    assert of(remote) == of(local)
    assert len(remote) == 5
    assert len(said) == 1
    assert read_bytes(remote[0].data) == PHOTO


def test_one_object_is_a_sample(place):
    uri = place({"f/a b.jpg": PHOTO})
    [sample] = read_samples(f"{uri}/f/a%20b.jpg" if uri.startswith("http") else f"{uri}/f/a b.jpg")
    assert (sample.id, read_bytes(sample.data)) == (f"{uri}/f/a b.jpg", PHOTO)


def test_a_table_names_objects_beside_it_below_it_and_above_it(place):
    uri = place({"t/p/1.jpg": b"1", "q/2 ä.jpg": b"2"})
    rows = f"path,label\np/1.jpg,a\n../q/2 ä.jpg,b\n .\\p\\1.jpg ,c\n{uri}/t/p/1.jpg,d\n"
    place({"t/x.csv": rows.encode(), "t/x.csv.gz": gzip.compress(rows.encode())})
    for name in ("x.csv", "x.csv.gz"):
        samples = read_samples(f"{uri}/t/{name}", modality="image")
        assert [(s.label, read_bytes(s.data)) for s in samples] == [
            *(("a", b"1"), ("b", b"2")),
            *(("c", b"1"), ("d", b"1")),
        ]


@pytest.mark.parametrize(
    "cell",
    [
        "http://169.254.169.254/latest/meta-data",
        "s3://other/a.jpg",
        "memory://other/a.jpg",
        "https://127.0.0.1/a.jpg",
        "file:///etc/passwd",
        "/etc/passwd",
        "../../../../etc/passwd",
        "//h.example/a.jpg",
    ],
)
def test_a_table_cannot_say_which_other_places_are_asked(place, cell):
    uri = place({"t/x.csv": f"path,label\n{cell},a\n".encode()})
    [sample] = read_samples(f"{uri}/t/x.csv", modality="image")
    assert "elsewhere" in reason_of(sample) or "leads out" in reason_of(sample)


def test_a_local_table_opens_addresses_below_its_root_alone(server, tmp_path):
    server.add({"p/1.jpg": b"1"})
    table = tmp_path / "x.csv"
    table.write_text(f"path\n{server.url}/p/1.jpg?key=secret\n", encoding="utf-8")
    [sample] = read_samples(table, modality="image")
    assert "root=" in reason_of(sample)
    assert "secret" not in sample.id + reason_of(sample)
    assert not server.asked
    [sample] = read_samples(table, modality="image", root=server.url)
    assert read_bytes(sample.data) == b"1"


def test_lines_of_standard_input_are_addresses_below_the_root_alone(server):
    server.add({"p/1.jpg": b"1"})
    lines = [b"1.jpg\n", b"http://h.example/1.jpg\n"]
    good, bad = read_samples("-", modality="image", root=f"{server.url}/p", stdin=lines)
    assert read_bytes(good.data) == b"1"
    assert "elsewhere" in reason_of(bad)
    [bad] = read_samples("-", modality="image", stdin=[f"{server.url}/p/1.jpg".encode()])
    assert "root=" in reason_of(bad)


def tar_of(files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


def test_tars_of_a_pattern_are_read_in_place_and_by_blocks(place, server):
    photos = [PHOTO + bytes([n]) * 9000 for n in range(40)]
    uri = place(
        {
            f"t/shard-{k:03d}.tar": tar_of(
                {f"{k}{n:02d}.jpg": photo for n, photo in enumerate(photos)}
                | {f"{k}{n:02d}.cls": b"%d" % (n % 2) for n in range(40)}
            )
            for k in range(2)
        }
    )
    samples = read_samples(f"{uri}/t/shard-{{000..001}}.tar")
    assert of(samples)[39:41] == [("039.jpg", "1"), ("100.jpg", "0")]
    assert [read_bytes(sample.data) for sample in samples] == photos * 2
    assert server.asked.total() <= 12
    folder = [(f"shard-{name[0]:0>3}.tar/{name}", label) for name, label in of(samples)]
    assert of(read_samples(f"{uri}/t/")) == folder
    with pytest.raises(
        BadSource, match=r"shard-002\.tar: cannot be read: .*(no such object|not found)"
    ):
        read_samples(f"{uri}/t/shard-{{000..002}}.tar", modality="image")


def test_parquet_with_contents_and_class_labels_is_read_in_place(place):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    features = {
        "label": {"_type": "ClassLabel", "names": ["cat", "dog"]},
        "image": {"_type": "Image"},
    }
    table = arrow.table(
        {
            "image": [
                {"bytes": PHOTO, "path": "1.jpg"},
                {"bytes": None, "path": "2.jpg"},
                {"bytes": None, "path": "http://h.example/3.jpg"},
            ],
            "label": [0, 1, -1],
        }
    ).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    data = io.BytesIO()
    parquet.write_table(table, data)
    uri = place(
        {
            "f/a.parquet": data.getvalue(),
            "f/b.parquet": data.getvalue(),
            "f/2.jpg": b"beside",
            "f/_x": b"",
        }
    )
    one = read_samples(f"{uri}/f/a.parquet")
    assert of(one) == [("1.jpg", "cat"), ("2.jpg", "dog"), ("http://h.example/3.jpg", None)]
    assert [read_bytes(sample.data) for sample in one[:2]] == [PHOTO, b"beside"]
    assert "elsewhere" in reason_of(one[2])


def test_a_table_beside_objects_says_their_labels(place):
    uri = place(
        {
            "f/x/1.jpg": PHOTO,
            "f/x/2.jpg": PHOTO,
            "f/metadata.csv": b"file_name,label\nx/1.jpg,cat\nx/2.jpg,dog\n",
        }
    )
    assert of(read_samples(f"{uri}/f/")) == [("x/1.jpg", "cat"), ("x/2.jpg", "dog")]


def test_a_table_for_each_split_is_read_as_in_a_folder(place):
    uri = place({"f/train.csv": b"text,label\nhello,a\n", "f/test.csv": b"text,label\nbye,b\n"})
    assert of(read_samples(f"{uri}/f/", modality="text", split="test")) == [
        ("test.csv: row 1", "b")
    ]


def test_what_is_not_there_is_refused_by_its_address(place):
    uri = place({"f/a.jpg": PHOTO})
    for name in ("none/", "none.csv", "none.tar", "none.jpg"):
        if uri.startswith("http") and name == "none.jpg":
            continue
        with pytest.raises(BadSource, match=r"none"):
            read_samples(f"{uri}/{name}", modality="image")


def test_access_that_is_denied_is_said_in_words(server):
    server.add({"f/a.jpg": PHOTO})
    server.refusals |= {"/f/": (403, 99), "/f/a.jpg": (403, 99)}
    with pytest.raises(BadSource, match="the server answered 403, access denied"):
        read_samples(f"{server.url}/f/", modality="image")
    [sample] = read_samples(f"{server.url}/f/a.jpg")
    assert "access denied" in reason_of(sample)


def test_an_object_that_changes_after_it_was_listed_is_a_reject():
    memory = pytest.importorskip("fsspec").filesystem("memory")
    memory.pipe_file("/other/f/a.jpg", PHOTO)
    [sample] = read_samples("memory://other/f")
    memory.pipe_file("/other/f/a.jpg", PHOTO[::-1])
    assert "changed" in reason_of(sample)


def test_objects_with_names_that_lead_elsewhere_are_left_out_and_counted():
    memory = pytest.importorskip("fsspec").filesystem("memory")
    memory.store["/odd/f/../x.jpg"] = memory.store.get("x") or _file(memory, "/odd/f/../x.jpg")
    memory.pipe_file("/odd/f/a.jpg", PHOTO)
    with pytest.warns(FeatxWarning, match="1 oddly named object$"):
        assert of(read_samples("memory://odd/f")) == [("a.jpg", None)]


def _file(memory, name):
    from fsspec.implementations.memory import MemoryFile

    return MemoryFile(memory, name, PHOTO)


def test_an_address_in_a_list_is_opened_where_it_is_said_to_be_one(server):
    server.add({"f/a b.jpg": PHOTO})
    uri = f"{server.url}/f/a b.jpg"
    [text] = make_samples([uri])
    [address] = make_samples([featx.RemotePath(uri)])
    assert "featx.RemotePath" in reason_of(text)
    assert (address.id, read_bytes(address.data)) == (uri, PHOTO)
    assert server.asked.total() == 1
    assert make_samples([address])[0].data == address.data


def test_a_source_of_this_machine_asks_no_server(server, tmp_path):
    (tmp_path / "a.jpg").write_bytes(PHOTO)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert of(read_samples(tmp_path)) == [("a.jpg", None)]
    assert not server.asked


def test_a_folder_of_parquet_files_is_one_table(place):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    data = io.BytesIO()
    parquet.write_table(arrow.table({"text": ["hello"], "label": ["a"]}), data)
    names = {f"p/{name}.parquet": data.getvalue() for name in "ba"} | {"p/_SUCCESS": b""}
    uri = place(names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = read_samples(f"{uri}/p/", modality="text")
    assert of(samples) == [("a.parquet: row 1", "a"), ("b.parquet: row 1", "a")]


def test_each_folder_is_listed_once_and_several_at_a_time(server):
    server.add({f"f/c{k:02d}/{n}.jpg": PHOTO for k in range(40) for n in range(2)})
    server.latency = 0.02
    samples = read_samples(f"{server.url}/f/", modality="image")
    assert of(samples) == [(f"c{k:02d}/{n}.jpg", f"c{k:02d}") for k in range(40) for n in range(2)]
    listed = {path: count for path, count in server.asked.items() if path.endswith("/")}
    assert listed == {"/f/": 1} | {f"/f/c{k:02d}/": 1 for k in range(40)}
    assert server.most_at_once > 4


def test_the_folders_of_a_few_classes_are_listed_at_the_same_time(server):
    server.add({f"f/c{k}/{n}.jpg": PHOTO for k in range(4) for n in range(3)})
    server.latency = 0.1
    samples = read_samples(f"{server.url}/f/", modality="image")
    assert of(samples) == [(f"c{k}/{n}.jpg", f"c{k}") for k in range(4) for n in range(3)]
    assert server.most_at_once > 1
    assert set(server.asked.values()) == {1}
