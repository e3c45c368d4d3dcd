"""What a source leaves out is said by count and kind, and content tells what names do not."""

import io
import os
import subprocess
import sys
import tarfile
import warnings

import numpy as np
import pytest
from PIL import Image

import featx
from featx.errors import BadSource, FeatxWarning
from featx.modalities import kind_of
from featx.modalities.formats import readable
from featx.modalities.guess import guess_modality
from featx.sources import read_bytes, read_source
from tests.support.sources import ids, pairs

IMAGES, SOUNDS, TEXTS = (readable(kind_of(name)) for name in ("image", "audio", "text"))


def picture(kind="PNG", value=0):
    held = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(held, kind)
    return held.getvalue()


def sound(kind="WAV"):
    soundfile = pytest.importorskip("soundfile")
    held = io.BytesIO()
    soundfile.write(held, np.zeros(800, np.float32), 8000, format=kind)
    return held.getvalue()


def put(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


FILES = {
    "a/1.png": picture(),
    "a/notes.txt": b"x",
    "b/2.png": picture(),
    "b/3.raw": b"raw",
    "b/4.raw": b"raw",
    "b/README": b"hello",
    ".DS_Store": b"x",
    "b/._2.png": b"x",
    "__MACOSX/b/2.png": b"x",
    "Thumbs.db": b"x",
}


@pytest.fixture(params=["folder", "tar", "tar.gz"])
def source(request, tmp_path):
    """A function that makes a source of files."""

    def made(files):
        root = put(tmp_path / "set", files)
        if request.param == "folder":
            return root
        path = tmp_path / f"set.{request.param}"
        with tarfile.open(path, "w:gz" if request.param == "tar.gz" else "w") as archive:
            for name in files:
                archive.add(root / name, name)
        return path

    return made


def test_what_is_left_out_is_said_by_count_and_kind(source):
    path = source(FILES)
    with pytest.warns(
        FeatxWarning,
        match=r"2 samples; 4 other files left out: 2 \.raw, (1 \.txt, 1 without a suffix|"
        r"1 without a suffix, 1 \.txt)$",
    ) as told:
        samples = read_source(path, IMAGES)
    assert pairs(samples) == [("a/1.png", "a"), ("b/2.png", "b")]
    assert len(told) == 1
    assert str(told[0].message).startswith(str(path))


def test_where_nothing_is_left_out_nothing_is_said(source):
    # a warning would be an error
    assert len(read_source(source({"a/1.png": picture(), ".hidden": b"x"}), IMAGES)) == 1


def test_pictures_without_a_suffix_or_with_an_unknown_one_are_taken_by_their_content(source):
    kinds = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000")
    files = {f"a/{kind}": picture(kind) for kind in kinds}
    files |= {"b/scan.xyz": picture("JPEG"), "b/dicom": bytes(128) + b"DICM" + bytes(400)}
    samples = read_source(source(files), IMAGES)
    assert sorted(ids(samples)) == sorted(files)
    for sample in samples:
        assert read_bytes(sample.data) == files[sample.id]


def test_sounds_without_a_suffix_are_taken_by_their_content_and_no_pictures(source):
    files = {
        f"a/{kind}": sound(kind) for kind in ("WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF")
    }
    with pytest.warns(FeatxWarning, match="7 samples; 1 other file left out: 1 without a suffix"):
        samples = read_source(source(files | {"a/picture": picture()}), SOUNDS)
    assert sorted(ids(samples)) == sorted(files)


def test_texts_are_never_taken_by_their_content(source):
    with pytest.warns(FeatxWarning, match="1 sample; 2 other files left out"):
        samples = read_source(source({"a.txt": b"x", "b": b"y", "c": picture()}), TEXTS)
    assert ids(samples) == ["a.txt"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"B",
        b"BM",
        b"BM is a name",
        b"P",
        b"Plain text",
        b"P100 km",
        b"\xff\xfea\0b\0",
        b"RIFF",
    ],
)
def test_what_only_looks_like_the_beginning_of_a_picture_or_sound_is_none(tmp_path, content):
    put(tmp_path, {"a.png": picture(), "a.wav": b"RIFF", "odd": content})
    for modality in (IMAGES, SOUNDS):
        with pytest.warns(FeatxWarning, match="2 other files left out"):
            assert len(read_source(tmp_path, modality)) == 1


def test_files_beside_tables_of_texts_are_said(tmp_path):
    put(tmp_path, {"notes.txt": b"x", "more/1.txt": b"x", ".git/x": b"x", "test.csv": b"text\nb\n"})
    put(tmp_path, {"train.csv": b"text,label\na,x\n"})
    with pytest.warns(FeatxWarning, match="1 sample; 2 other files left out: 1"):
        samples = read_source(tmp_path, TEXTS, split="train")
    assert ids(samples) == ["train.csv: row 1"]


def test_one_file_is_taken_by_its_content_too(tmp_path):
    put(tmp_path, {"IMG_1": picture(), "odd": b"what is this"})
    [sample] = read_source(tmp_path / "IMG_1", IMAGES)
    assert read_bytes(sample.data) == picture()
    with pytest.raises(BadSource, match="a file ending in"):
        read_source(tmp_path / "odd", IMAGES)


def test_the_modality_of_files_without_suffixes_is_told_by_their_content(source):
    assert guess_modality(source({f"a/{n}": sound() for n in range(3)})) == "audio"


def test_a_folder_of_sounds_without_suffixes_is_read_as_sounds(tmp_path):
    put(tmp_path, {f"a/{n}": sound() for n in range(3)})
    assert ids(featx.read_samples(tmp_path)) == ["a/0", "a/1", "a/2"]
    assert guess_modality(tmp_path / "a" / "0") == "audio"


@pytest.mark.parametrize("suffix", [".m4a", ".aac", ".wma"])
def test_sounds_that_nothing_decodes_are_rejects_that_say_why_and_are_counted_before(
    tmp_path, suffix
):
    pytest.importorskip("soundfile")
    head = {
        ".m4a": b"\0\0\0\x18ftypM4A \0\0\0\0M4A isom",
        ".aac": b"\xff\xf1\x50\x80\0\x1f\xfc",
        ".wma": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c",
    }[suffix]
    put(tmp_path, {"a.wav": sound(), f"b{suffix}": head + bytes(500)})
    with pytest.warns(
        FeatxWarning, match=rf"1 of 2 samples cannot be read here: 1 \{suffix} .*WAV"
    ):
        samples = read_source(tmp_path, SOUNDS)
    rows = featx.Engine(on_error="skip").embed(samples, featx.Backbone("featx-audio-mel"))
    [reject] = rows.rejects
    assert reject.id == f"b{suffix}"
    assert "no decoder for it; convert it to WAV or FLAC" in reject.reason


@pytest.mark.parametrize("suffix", [".heic", ".HEIF", ".dcm", ".jxl", ".avif", ".tif", ".m4a"])
def test_no_file_of_a_known_format_is_lost_whatever_is_installed(tmp_path, suffix):
    known = IMAGES if suffix != ".m4a" else SOUNDS
    put(tmp_path, {f"a{suffix}": b"x"})
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        samples = read_source(tmp_path, known)
    assert ids(samples) == [f"a{suffix}"]
    assert all("left out" not in str(each.message) for each in told)


def test_pipes_sockets_broken_links_and_circles_are_said_and_not_waited_for(tmp_path):
    put(tmp_path, {"a.png": picture()})
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    with pytest.warns(
        FeatxWarning, match="3 other files left out: 2 broken links, 1 pipe, socket or device file"
    ):
        assert ids(read_source(tmp_path, IMAGES)) == ["a.png"]


def test_a_pipe_with_the_name_of_any_source_is_refused_and_not_waited_for(tmp_path):
    for name in ("a", "a.tar", "a.tar.gz", "a.png", "a.csv", "a.jsonl", "a.parquet"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(BadSource, match="not a regular file, but a pipe, socket or device"):
            read_source(tmp_path / name, IMAGES)
        assert guess_modality(tmp_path / name) == "image"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_folder_that_may_not_be_read_is_refused(tmp_path):
    put(tmp_path, {"a/1.png": picture(), "b/2.png": picture()})
    (tmp_path / "b").chmod(0)
    with pytest.raises(BadSource, match="b: cannot be read: permission denied"):
        read_source(tmp_path, IMAGES)


def featx_says(*words):
    """What a command writes to standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "featx", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr


@pytest.mark.slow
def test_every_command_says_what_was_left_out(tmp_path, photos):
    put(photos, {"notes.txt": b"x"})
    [label, *_] = sorted(path.name for path in photos.iterdir() if path.is_dir())
    put(photos, {f"{label}/odd.xyz": b"x"})
    said = r"2 other files left out"
    classifier = tmp_path / "x.featx"
    assert featx_says("fit", photos, "-o", classifier).count(said) == 1
    for words in (
        ("extract", photos, "-o", tmp_path / "r.npz"),
        ("evaluate", classifier, photos),
        ("predict", classifier, photos),
        ("bench", "featx-image-nano", photos, "--seconds", "0.01", "--limit", "2"),
    ):
        assert featx_says(*words).count(said) == 1, words
