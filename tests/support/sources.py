"""Sources of files that hold their own names, and what is read of them."""

import io
import os
import tarfile

import pytest

from featx.sources import (
    Columns,
    Readable,
    read_source,
)

IMAGES = frozenset({".jpg", ".png"})


as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)


def grow(root, *names):
    """Files below ``root``, each with its own name as content."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def read(source, *, split=None, stdin=None, **columns):
    named = {name.removesuffix("_column"): value for name, value in columns.items()}
    target = (named.pop("label"),) if "label" in named else ()
    asked = Columns(**named, target=target)
    return read_source(source, Readable(IMAGES), split=split, columns=asked, stdin=stdin)


def pairs(samples):
    return [(sample.id, sample.label) for sample in samples]


def ids(samples):
    return [sample.id for sample in samples]


def pack(path, files, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path
