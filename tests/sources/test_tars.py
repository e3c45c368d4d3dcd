"""A folder that holds nothing but tars is one source."""

import io
import tarfile

import pytest

import featx
from featx.errors import BadSource, FeatxWarning
from featx.sources import open_source
from tests.support.commands import run


def write_tar(path, members):
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


@pytest.fixture
def tars(tmp_path, photos):
    """Twelve tars of one photo each, all by the same name, with its label beside it."""
    picture = next(path for path in sorted(photos.rglob("*")) if path.is_file()).read_bytes()
    folder = tmp_path / "tars"
    folder.mkdir()
    for number in range(12):
        members = {"0.png": picture, "0.cls": str(number % 3).encode()}
        write_tar(folder / f"shard-{number:03d}.tar", members)
    return folder


def test_tars_are_read_in_the_order_of_their_names(tars):
    samples = featx.read_samples(tars)
    assert [one.id for one in samples] == [f"shard-{k:03d}.tar/0.png" for k in range(12)]
    assert [one.label for one in samples] == [str(k % 3) for k in range(12)]


def test_hidden_files_beside_them_are_left_alone(tars):
    whole = featx.read_samples(tars / "shard-{000..011}.tar")
    (tars / ".DS_Store").write_bytes(b"")
    here = featx.read_samples(tars)
    assert [(one.data, one.label) for one in here] == [(one.data, one.label) for one in whole]


def test_what_is_left_out_of_several_is_said_once(tars):
    for number in (3, 4, 5):
        write_tar(
            tars / f"shard-{number:03d}.tar", {"0.png": b"x", "0.cls": b"1", "notes.md": b"n"}
        )
    with pytest.warns(FeatxWarning, match=r"shard-003.tar: .*and 2 others likewise") as caught:
        featx.read_samples(tars)
    assert len(caught) == 1


def test_a_cut_off_tar_is_refused_by_its_name(tars):
    path = tars / "shard-004.tar"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(BadSource, match=r"shard-004\.tar"):
        featx.read_samples(tars)


def test_a_folder_with_one_other_file_is_a_folder(tars, photos):
    (tars / "photo.png").write_bytes(b"x")
    kind = type(open_source(tars)).__name__
    assert kind == "Folder"


def test_tars_are_extracted_into_shards(tars, tmp_path):
    pytest.importorskip("pyarrow")
    words = ["-o", tmp_path / "rows", "--shards", 3, "--backbone", "featx-image-nano"]
    assert run("extract", tars / "shard-{000..011}.tar", *words).exit_code == 0
    assert featx.read_rows(tmp_path / "rows").labels == tuple(str(k % 3) for k in range(12))
