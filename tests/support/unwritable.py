"""Processes that may not write: one without root's rights, one that sees a folder read-only."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def without_rights(words):
    """Run words as whoever the tests are; where that is root, without root's right to write everywhere."""
    rights = ["setpriv", "--bounding-set", "-dac_override"]
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        rights = []
    return _run_in(rights, words)


def on_a_read_only_file_system(words, folder):
    """Run words where ``folder`` is mounted read-only, in a mount namespace of their own."""
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    return _run_in(["unshare", "--mount", "sh", "-c", mount, str(folder)], words)


def _run_in(prefix, words):
    if prefix and not shutil.which(prefix[0]):
        pytest.skip(f"no {prefix[0]} on this machine")
    tried = subprocess.run([*prefix, "true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"{prefix[0]} is not allowed here: {tried.stderr.strip()}")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [*prefix, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)
