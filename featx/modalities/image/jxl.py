"""The size of a JPEG XL, read of its first bits: its library decodes a picture as it opens it."""

from __future__ import annotations

__all__ = ["jxl_size"]

_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
# bits of a side, by the two bits before it
_SIDES = (9, 13, 18, 30)


def jxl_size(content: bytes) -> tuple[int, int] | None:
    """Return width and height of a JPEG XL, bare or in its container; None where there is no codestream.

    >>> jxl_size(b"\\xff\\x0a\\x4f\\x00")
    (64, 64)
    """
    start = _codestream(content)
    if start is None or content[start : start + 2] != b"\xff\x0a":
        return None
    bits = _Bits(int.from_bytes(content[start + 2 : start + 14], "little"))
    if bits.take(1):
        height = (bits.take(5) + 1) * 8
        ratio = bits.take(3)
        width = (bits.take(5) + 1) * 8 if ratio == 0 else 0
    else:
        height = bits.take(_SIDES[bits.take(2)]) + 1
        ratio = bits.take(3)
        width = bits.take(_SIDES[bits.take(2)]) + 1 if ratio == 0 else 0
    if ratio:
        across, down = _RATIOS[ratio]
        width = height * across // down
    return width, height


class _Bits:
    """Bits of a number, the lowest first."""

    def __init__(self, value: int) -> None:
        self._value = value

    def take(self, count: int) -> int:
        taken = self._value & ((1 << count) - 1)
        self._value >>= count
        return taken


def _codestream(content: bytes) -> int | None:
    """Return where the codestream begins: in a container, in its first box ``jxlc`` or ``jxlp``."""
    if content[:2] == b"\xff\x0a":
        return 0
    position = 0
    for _ in range(1000):
        size, kind = (
            int.from_bytes(content[position : position + 4], "big"),
            content[position + 4 : position + 8],
        )
        head = 8
        if size == 1:
            size, head = int.from_bytes(content[position + 8 : position + 16], "big"), 16
        if kind in (b"jxlc", b"jxlp"):
            return position + head + (4 if kind == b"jxlp" else 0)
        if size < head or len(kind) < 4:
            return None
        position += size
    return None
