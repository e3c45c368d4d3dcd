"""The command line as a process of its own, or within this one."""

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from featx.cli import main

ROOT = Path(__file__).parents[2]
FEATX = [sys.executable, "-m", "featx"]


def run(*words, **options):
    """Run a command within this process."""
    return CliRunner().invoke(main, [str(word) for word in words], **options)


def refusal(result):
    """Return the one line of a refusal, without its mark; nothing else was printed."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    [line] = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    return line.removeprefix("Error: ")


def start(*words, folder, **options):
    """Start a command as a process whose standard streams are pipes."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(
        [*FEATX, *map(str, words)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **(pipes | options),
    )
