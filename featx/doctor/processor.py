"""Instruction sets of the processor, as the operating system names them."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

__all__ = ["flags_of_cpuinfo", "instruction_sets", "processor_name"]

# What ONNX Runtime has kernels for, by the names that systems give them.
_SETS = {
    "AVX2": ("avx2", "hw.optional.avx2_0"),
    "AVX-512": ("avx512f", "hw.optional.avx512f"),
    "VNNI": ("avx512_vnni", "avx_vnni", "hw.optional.avx512vnni"),
    "AMX": ("amx_int8",),
    "NEON": ("asimd", "neon", "hw.optional.neon"),
    "dot product": ("asimddp", "hw.optional.arm.feat_dotprod"),
    "I8MM": ("i8mm", "hw.optional.arm.feat_i8mm"),
    "SVE": ("sve",),
}
# Of IsProcessorFeaturePresent in Windows.
_WINDOWS = {40: "avx2", 41: "avx512f", 19: "neon", 43: "asimddp"}
_CPUINFO = Path("/proc/cpuinfo")
# Bytes of it that are read: those of the first processor.
_MOST = 1 << 16


def instruction_sets() -> tuple[str, ...] | None:
    """Return the instruction sets for vectors and integers; None where the system does not say."""
    known = _flags()
    if known is None:
        return None
    return tuple(name for name, signs in _SETS.items() if known & set(signs))


def processor_name() -> str:
    """Return the maker's name of the processor, or else its architecture."""
    text = _cpuinfo()
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name" and value.strip():
            return value.strip()
    return platform.processor() or platform.machine() or "unknown"


def flags_of_cpuinfo(text: str) -> frozenset[str] | None:
    """Return the flags of the first processor in Linux's ``/proc/cpuinfo``; None where it has none.

    >>> sorted(flags_of_cpuinfo("processor : 0\\nflags : fpu avx2\\n") or ())
    ['avx2', 'fpu']
    """
    for line in text.splitlines():
        key, _, value = line.partition(":")
        # the second is what ARM calls them
        if key.strip().lower() in ("flags", "features"):
            return frozenset(value.lower().split())
    return None


def _flags() -> frozenset[str] | None:
    if sys.platform == "darwin":
        return _flags_of_sysctl()
    if sys.platform == "win32":
        present = ctypes.windll.kernel32.IsProcessorFeaturePresent
        return frozenset(sign for number, sign in _WINDOWS.items() if present(number))
    return flags_of_cpuinfo(_cpuinfo())


def _cpuinfo() -> str:
    try:
        with _CPUINFO.open(encoding="utf-8", errors="replace") as file:
            return file.read(_MOST)
    except OSError:
        return ""


def _flags_of_sysctl() -> frozenset[str] | None:
    """Return the names of those of macOS's settings that are on."""
    names = [sign for signs in _SETS.values() for sign in signs if sign.startswith("hw.")]
    try:
        answer = subprocess.run(
            ["/usr/sbin/sysctl", "-i", *names],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return frozenset(_switched_on(answer.stdout.lower().splitlines()))


def _switched_on(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        name, _, value = line.partition(":")
        if value.strip() == "1":
            yield name.strip()
