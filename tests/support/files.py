"""Files made by hand for tests: pictures that claim things, predictors changed and sealed again."""

import json
import struct
import zlib

from featx.persistence.metadata import seal


def png_of(width, height):
    """A PNG that claims a size and holds next to nothing."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def reseal(folder, change):
    """Change a manifest as someone would who also mends its digest."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    del manifest["digest"]
    change(manifest)
    path.write_bytes(seal(manifest))
