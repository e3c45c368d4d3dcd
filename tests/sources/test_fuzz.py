"""Damaged and hostile samples, tables and tars: refused in words, and nothing else happens."""

import csv
import io
import json
import os
import tarfile
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from featx.errors import FeatxError, FeatxWarning
from featx.modalities import kind_of
from featx.modalities.audio.settings import AudioSettings
from featx.modalities.image.settings import ImageSettings
from featx.sources import Readable, read_bytes, read_source
from tests.support.fuzz import BOUNDED, VALUES, altered, damage, watched

SUFFIXES = frozenset({".jpg", ".png"})


def picture_bytes(kind, **options):
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.integers(0, 256, (6, 8, 3)), np.ones((5, 5, 1))).astype(np.uint8)
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, kind, **options)
    return held.getvalue()


def exif():
    held = Image.Exif()
    held[0x0112], held[0x010E] = 6, "text"
    return held


PICTURES = {
    "jpeg": picture_bytes("JPEG", exif=exif()),
    "png": picture_bytes("PNG"),
    "gif": picture_bytes("GIF"),
    "tiff": picture_bytes("TIFF", compression="tiff_lzw"),
    "webp": picture_bytes("WEBP"),
    "bmp": picture_bytes("BMP"),
}


@pytest.mark.parametrize("kind", PICTURES)
@BOUNDED
@given(data=st.data())
def test_a_damaged_picture_is_read_or_refused(kind, data):
    reader = ImageSettings(resize=16, crop=16, max_pixels=10**6)
    content = data.draw(damage(PICTURES[kind]))
    with watched() as seen:
        try:
            made = reader.read(content)
        except FeatxError:
            made = None
    assert made is None or (made.shape == (3, 16, 16) and np.isfinite(made).all())
    assert seen.ran == []


def sound_bytes(kind):
    soundfile = pytest.importorskip("soundfile")
    held = io.BytesIO()
    wave = np.sin(np.arange(4000) / 9).astype(np.float32) / 2
    subtype = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(kind, "PCM_16")
    soundfile.write(held, wave, 8000, format=kind, subtype=subtype)
    return held.getvalue()


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "AIFF", "AU", "MP3", "CAF", "W64"])
@BOUNDED
@given(data=st.data())
def test_a_damaged_sound_is_read_or_refused(kind, data):
    reader = AudioSettings(rate=8000, max_seconds=20)
    whole = sound_bytes(kind)
    content = data.draw(damage(whole))
    with watched() as seen:
        try:
            made = reader.read(content)
        except FeatxError:
            made = None
    assert made is None or (made.ndim == 1 and np.isfinite(made).all())
    assert seen.ran == []


@pytest.mark.parametrize("modality", ["image", "audio", "text"])
@BOUNDED
@given(noise=st.one_of(st.binary(max_size=200), VALUES))
def test_noise_is_no_sample(modality, noise):
    reader = kind_of(modality)().baseline()
    try:
        made = reader.read(reader.load(noise))
    except FeatxError:
        return
    assert np.isfinite(np.asarray(made)).all()


def table_bytes(kind):
    rows = [{"path": f"{k}.jpg", "label": "ab"[k % 2], "split": "train"} for k in range(6)]
    if kind == "jsonl":
        return "\n".join(map(json.dumps, rows)).encode()
    if kind == "parquet":
        arrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        held = io.BytesIO()
        parquet.write_table(arrow.Table.from_pylist(rows), held)
        return held.getvalue()
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter="\t" if kind == "tsv" else ",")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def read_all(path, *, split=None, string_is_sample=False):
    """Every sample of a source, and its bytes where there are any; nothing but what featx refuses."""
    try:
        with warnings.catch_warnings():
            # What is doubtful in a damaged table is said.
            warnings.simplefilter("ignore", FeatxWarning)
            found = read_source(path, Readable(SUFFIXES, string_is_sample), split=split)
    except FeatxError:
        return []
    for sample in found:
        sample.id.encode("utf-8")
        assert sample.label is None or (isinstance(sample.label, str) and sample.label)
    assert len({sample.id for sample in found}) == len(found)
    return found


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
@BOUNDED
@given(data=st.data())
def test_a_damaged_table_is_read_or_refused(kind, data, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / f"damaged.{kind}"
    path.write_bytes(data.draw(damage(table_bytes(kind))))
    with watched() as seen:
        for string_is_sample in (False, True):
            read_all(path, split="train", string_is_sample=string_is_sample)
    assert seen.ran == []


@BOUNDED
@given(rows=st.lists(altered({"path": "a.jpg", "label": "x", "id": "1"}), min_size=1, max_size=4))
def test_a_table_of_any_values_is_read_or_refused(rows, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    read_all(path)


def tar_bytes(packing=""):
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=f"w:{packing}") as archive:
        for k in range(4):
            for name, content in (
                (f"train/{k}.jpg", PICTURES["jpeg"][:600]),
                (f"train/{k}.json", json.dumps({"label": f"l{k % 2}"}).encode()),
            ):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return held.getvalue()


@pytest.mark.parametrize("packing", ["", "gz", "bz2", "xz"])
@BOUNDED
@given(data=st.data())
def test_a_damaged_tar_is_read_or_refused(packing, data, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / f"damaged.tar{packing and '.' + packing}"
    path.write_bytes(data.draw(damage(tar_bytes(packing))))
    with watched() as seen:
        for sample in read_all(path, split="train"):
            try:
                read_bytes(sample.data)
            except FeatxError:
                continue
    assert seen.outside(path.parent) == []
    assert seen.ran == []


NAMES = [
    "../secret.jpg",
    "/secret.jpg",
    "a/../../secret.jpg",
    "a\0b.jpg",
    "x/secret.jpg",
    "./a.jpg",
]
KINDS = [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]


@pytest.mark.parametrize("packing", ["", "gz"])
@BOUNDED
@given(
    members=st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(KINDS), st.sampled_from(NAMES)),
        min_size=1,
        max_size=4,
    )
)
def test_no_name_or_link_in_a_tar_leads_out_of_it(packing, members, tmp_path_factory):
    root = tmp_path_factory.getbasetemp() / "tars"
    (root / "inner").mkdir(parents=True, exist_ok=True)
    (root / "secret.jpg").write_bytes(b"secret")
    path = root / "inner" / f"a.tar{packing and '.' + packing}"
    with tarfile.open(path, f"w:{packing}") as archive:
        for name, kind, target in members:
            info = tarfile.TarInfo(name.replace("\0", ""))
            info.type, info.linkname = kind, os.fspath(root / "secret.jpg") if kind else target
            info.linkname = target.replace("\0", "")
            info.size = 4 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"open"[: info.size]))
    with watched() as seen:
        contents = []
        for sample in read_all(path):
            try:
                contents.append(read_bytes(sample.data))
            except FeatxError:
                continue
    assert b"secret" not in contents
    assert seen.outside(root / "inner") == []
    assert sorted(each.name for each in root.iterdir()) == ["inner", "secret.jpg"]
