"""Hostile archives: tars as sources of samples, and the zip of a bundled predictor as a container of files.

Headers lie about lengths, names, kinds and numbers; archives unpack to far more than they are. Whatever comes
is refused in one line or read, in bounded time and memory.
"""

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from featx.errors import FeatxError
from featx.modalities import kind_of
from featx.modalities.formats import readable
from featx.modalities.guess import guess_modality
from featx.sources import read_bytes, read_source
from featx.storage.container import container_names, member_at
from tests.support.fuzzing import EDGES, OK, REFUSED, attack, mutated

BLOCK = 512


def read_tar(given):
    """Read every sample of a tar of these bytes; ``given`` is the ending of its name and its bytes."""
    ending, content = given
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"set{ending}")
        path.write_bytes(content)
        guess_modality(path)
        for sample in read_source(path, readable(kind_of("image")), split="train"):
            try:
                read_bytes(sample.data)
            except FeatxError:
                continue


def read_container(content):
    """Read every file of a bundle of these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.featx.zip")
        path.write_bytes(content)
        for name in container_names(path):
            read_bytes(member_at(path, name))


def number(value, width=12):
    """A number as the headers of tars hold it: octal digits, or in base 256 where it is large or negative."""
    if 0 <= value < 8 ** (width - 1):
        return f"{value:0{width - 1}o}\0".encode()
    mark = b"\xff" if value < 0 else b"\x80"
    return mark + (value % 256 ** (width - 1)).to_bytes(width - 1, "big")


def header(name=b"a.jpg", size=0, kind=b"0", link=b"", magic=b"ustar\x0000", tail=b""):
    """A block that begins a member, with the right checksum whatever else it says."""
    fields = name[:100].ljust(100, b"\0") + number(0o644, 8) + number(0, 8) + number(0, 8)
    fields += number(size) + number(0) + b" " * 8 + kind + link[:100].ljust(100, b"\0") + magic
    block = bytearray((fields + tail.rjust(BLOCK - len(fields), b"\0"))[:BLOCK])
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


def padded(content):
    return content + bytes(-len(content) % BLOCK)


def pax(records, kind=b"x", size=None):
    """A header of records; ``size`` is what it says of its own length."""
    body = b""
    for key, value in records:
        rest = b" %s=%s\n" % (key, value)
        length = len(rest) + 1
        while len(str(length)) + len(rest) != length:
            length = len(str(length)) + len(rest)
        body += str(length).encode() + rest
    return header(b"pax", len(body) if size is None else size, kind) + padded(body)


END = bytes(2 * BLOCK)
LENGTHS = (*EDGES, 2**40, 2**63 - 1, 2**63, 2**90, -1, -512, -(2**62))


def structured_tars(seed, count):
    """Tars whose headers contradict themselves or each other."""
    rng = random.Random(seed)
    good = header(b"good.jpg", 5) + padded(b"bytes")
    for _ in range(count):
        size = rng.choice(LENGTHS)
        odd = [
            header(size=size),
            header(size=size, kind=rng.choice(b"0123456789LKSVMNDgxXA\0").to_bytes(1, "big")),
            header(b"././@LongLink", size, b"L") + padded(b"n" * rng.choice((0, 10, 5000))),
            header(b"././@LongLink", 5, b"L") * rng.choice((1, 100, 5000)),
            pax([(b"path", b"x" * rng.choice((0, 10, 100_000)) + b".jpg")]) + header(),
            pax([(b"size", str(size).encode())]) + header(size=5) + padded(b"bytes"),
            pax([(b"size", rng.choice((b"", b"x", b"1e9", b"9" * 5000)))]) + header(size=5),
            pax([(b"path", b"\xff\0/../x")], size=size) + header(),
            pax([(b"k%d" % n, b"v") for n in range(rng.choice((1, 3000)))], b"g") + header(),
            pax([]) * rng.choice((1, 400)) + header(),
            header(b"p", rng.choice((5, 2000)), b"x") + padded(b"99999999999 path=x\n" * 100),
            pax([(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0")])
            + header(size=1024)
            + padded(rng.choice((b"9" * 600, b"999999\n1\n", b"\n" * 600, b"-1\n-1\n"))),
            pax([(b"GNU.sparse.map", b"0,1," * 2000 + b"x"), (b"GNU.sparse.size", b"9")])
            + header(),
            pax([(b"GNU.sparse.numblocks", b"99999999"), (b"GNU.sparse.offset", b"-1")]) + header(),
            header(size=512, kind=b"S", tail=b"\1" * 200) + b"\1" * BLOCK * rng.choice((1, 2000)),
            header(b"l.jpg", kind=b"1", link=rng.choice((b"l.jpg", b"good.jpg", b"../x", b""))),
            header(b"a/" * 49 + b"x", kind=b"5") + header(b"\xff\xfe\xfd.jpg", 3) + padded(b"abc"),
            header(b"k.json", 9000) + padded(b"[" * 9000) + header(b"k.jpg", 1) + padded(b"x"),
            header(b"k.cls", 4) + padded(b"\xff\xfe\0\0") + header(b"k.jpg", 1) + padded(b"x"),
            header(magic=rng.choice((b"ustar  \0", bytes(8), b"xxxxxxxx")), size=size),
        ]
        parts = [good, *rng.sample(odd, rng.choice((1, 1, 2, 4))), good]
        rng.shuffle(parts)
        yield b"".join(parts) + rng.choice((END, b"", END + good, b"x" * 700))


def tar_inputs(seed, count):
    """Structured and damaged tars, plain and compressed."""
    packs = ((".tar", bytes), (".tar.gz", gzip.compress), (".tar.bz2", bz2.compress))
    packs += ((".tar.xz", lzma.compress),)
    rng = random.Random(seed)
    for content in structured_tars(seed, count // 2):
        ending, compress = rng.choice((packs[0], packs[0], *packs))
        yield ending, compress(content)
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in (("é" * 80 + ".jpg", b"x" * 700), ("b.jpg", b"y"), ("b.cls", b"3")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    for ending, compress in packs:
        for content in mutated(compress(held.getvalue()[:8192]), seed, count // 8):
            yield ending, content


def bombs():
    """Compressed tars of which little is much: members, bytes between them, names."""
    many = header(b"x.txt") * 400_000
    yield ".tar.gz", gzip.compress(many + END, 1)
    yield ".tar.gz", gzip.compress(header(size=2**33) + bytes(1 << 20), 1)
    names = b"".join(
        pax([(b"path", b"%d" % n + b"n" * 30_000 + b".jpg")]) + header() for n in range(9000)
    )
    yield ".tar.gz", gzip.compress(names + END, 1)
    yield ".tar.bz2", bz2.compress(header(b"x.txt", 300 << 20) + bytes(300 << 20) + END)
    yield ".tar.gz", gzip.compress(header(b"x.jpg", 300 << 20) + bytes(300 << 20) + END, 1)


def bundle():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in ("manifest.json", "head/arrays.npz", "report.json"):
            archive.writestr(zipfile.ZipInfo(name), name.encode() * 20)
    return held.getvalue()


def zip_inputs(seed, count):
    """Damaged bundles, and those whose directories contradict what is there."""
    good = bundle()
    yield from mutated(good, seed, count // 2)
    rng = random.Random(seed)
    start = good.index(b"PK\1\2")
    for _ in range(count - count // 2):
        data = bytearray(good)
        end = len(data) - 22
        for _ in range(rng.choice((1, 1, 2, 3))):
            at, width = rng.choice(
                (
                    *((start + offset, 4) for offset in (16, 20, 24, 38, 42)),
                    *((start + offset, 2) for offset in (4, 6, 8, 10, 28, 30, 32)),
                    *((end + offset, 2) for offset in (4, 6, 8, 10, 20)),
                    *((end + offset, 4) for offset in (12, 16)),
                    *((14, 4), (18, 4), (22, 4), (26, 2), (28, 2), (6, 2), (8, 2)),
                )
            )
            value = rng.choice(EDGES) % (1 << 8 * width)
            data[at : at + width] = value.to_bytes(width, "little")
        yield bytes(data)
    for name in ("../x", "/etc/passwd", "a\0b", "a" * 60_000, "é", "C:x", "manifest.json"):
        held = io.BytesIO(good)
        with (
            zipfile.ZipFile(held, "a") as archive,
            pytest.warns() if name == "manifest.json" else _nothing(),
        ):
            archive.writestr(zipfile.ZipInfo(name), b"x")
        yield held.getvalue()
    # a directory of a million members, and the end of one of 4 GB
    entry = good[start : start + 46 + len("manifest.json")]
    directory = entry * 200_000
    yield (
        good[:start]
        + directory
        + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(directory), start, 0)
    )
    yield good[:-22] + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 3, 3, 2**32 - 2, start, 0)


def _nothing():
    import contextlib

    return contextlib.nullcontext()


def only(tally):
    return set(tally.counts) <= {OK, REFUSED}


@pytest.mark.parametrize("count", [160, pytest.param(500, marks=pytest.mark.slow)])
def test_no_tar_does_more_than_be_refused(count):
    tally = attack(read_tar, tar_inputs(count, count), seconds=10, memory=200 << 20)
    assert only(tally), tally
    assert tally.counts[REFUSED] > count // 5


@pytest.mark.slow
def test_no_compressed_tar_takes_more_than_it_may():
    tally = attack(read_tar, bombs(), seconds=60, memory=700 << 20)
    assert only(tally), tally
    assert tally.counts[REFUSED] >= 4


@pytest.mark.parametrize("count", [200, pytest.param(500, marks=pytest.mark.slow)])
def test_no_bundle_does_more_than_be_refused(count):
    tally = attack(read_container, zip_inputs(count, count), seconds=10, memory=200 << 20)
    assert only(tally), tally
    assert tally.counts[REFUSED] > count // 5
