"""Share what all benchmarks need: model directories, processes, environments of peers, ratios, tables."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SHARED = (ROOT / "../shared").resolve()
CARDS = ROOT / "tests" / "cards"
# a benchmark measures the checkout that it lies in, whatever else is installed
sys.path.insert(0, str(ROOT))

T = TypeVar("T")


class Unavailable(SystemExit):
    """A peer, a data set or a backbone cannot be had here; where nobody catches it, it ends in words."""


class Failed(Exception):
    """A process ended with an error; the message is the end of what it printed."""


def make_parser(description: str | None, *, rounds: int = 3) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    work = Path(tempfile.gettempdir()) / "featx-benchmarks"
    parser.add_argument("--data", type=Path, default=SHARED / "data", help="folder of data sets")
    parser.add_argument("--models", type=Path, default=SHARED / "models", help="weights of others")
    parser.add_argument("--work", type=Path, default=work, help="for peers [%(default)s]")
    parser.add_argument("--rounds", type=int, default=rounds, help="[%(default)s]")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--min-cosine", type=float, default=0.994, help="of featx optimize")
    return parser


def parse(parser: argparse.ArgumentParser, **named: Iterable[str]) -> argparse.Namespace:
    """Return the options, their names checked against those that there are; print the kind of machine."""
    given = parser.parse_args()
    for key, known in named.items():
        if unknown := sorted(set(getattr(given, key)) - set(known)):
            parser.error(f"no {key} {', '.join(unknown)}; there are {', '.join(known)}")
    use_models(given)
    print(machine(), end="\n\n", flush=True)
    return given


def use_models(given: argparse.Namespace) -> None:
    """Let this process and all that it starts use this checkout, the cards of the tests and --models.

    Backbones that a benchmark makes go to folders below --work: ``int8`` and ``made``.
    """
    named, own = os.environ.get("FEATX_MODELS"), [given.work / "int8", given.work / "made"]
    for folder in own:
        folder.mkdir(parents=True, exist_ok=True)
    folders = [str(CARDS), str(given.models), *map(str, own), *([named] if named else [])]
    os.environ |= {"FEATX_MODELS": os.pathsep.join(folders), "PYTHONPATH": str(ROOT)}


def read_split(card: Any, folder: Path, split: str) -> list[Any]:
    """Return the samples of one split of a data set, read as the card's modality."""
    import featx

    if not folder.exists():
        raise Unavailable(f"{folder.name}: not found in {folder.parent.name}/, see --data")
    return featx.read_samples(folder, modality=card.modality, split=split)


def find_photos(folder: Path) -> list[str]:
    """Return all JPEGs of a set, in order."""
    found = sorted(map(str, folder.rglob("*.jpg")))
    if not found:
        raise Unavailable(f"{folder.name}: expected .jpg files in it, found none; see --data")
    return found


def find_file(card: Any, name: str) -> Path:
    """Return the path of a file of a card, from the model directories and those that featx ships."""
    folders = [*os.environ.get("FEATX_MODELS", "").split(os.pathsep), str(ROOT / "models")]
    for folder in folders:
        if folder and (path := Path(folder, card.name, name)).exists():
            return path
    raise Unavailable(f"{card.name}: {name} lies in no model directory, see --models")


def save_bare(classifier: Any, card: Any, path: Path) -> str:
    """Write what benchmarks/bare.py needs of a logistic classifier with two classes; return the path."""
    scaler, logistic = classifier.head.estimator[0], classifier.head.estimator[-1]
    coef = logistic.coef_.T / scaler.scale_[:, None]
    table = {"coef": coef, "intercept": logistic.intercept_ - scaler.mean_ @ coef}
    table |= {"temperature": classifier.head.temperature}
    table |= {"resize": card.input.resize, "crop": card.input.crop}
    table |= {"mean": card.input.mean or [0.0] * 3, "std": card.input.std or [1.0] * 3}
    arrays = {key: np.asarray(value, np.float32) for key, value in table.items()}
    np.savez(path, classes=np.array(classifier.classes), **arrays)
    return str(path)


def int8_twin(card: Any, given: argparse.Namespace) -> str:
    """Return the name of the backbone that ``featx optimize`` makes of a card, once."""
    twin, part = f"{card.name}-int8", "cats_dogs/train"
    if not (given.work / "int8" / twin / "card.toml").exists():
        if card.modality == "text":
            part = "banking77/train.csv"
        command = [sys.executable, "-m", "featx", "optimize", card.name, "--no-cache"]
        command += ["--calibrate", str(given.data / part), "--directory", str(given.work / "int8")]
        try:
            run_process([*command, "--min-cosine", str(given.min_cosine)])
        except Failed as error:
            raise Unavailable(f"featx optimize: {error}") from None
    return twin


def peer_python(name: str, packages: Sequence[str], work: Path) -> str:
    """Return the interpreter of an environment that has ``packages``, made where it is missing."""
    home = work / "environments" / name
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (home / "ready").exists():
        venv.create(home, with_pip=True, clear=True)
        try:
            run_process([str(python), "-m", "pip", "install", "--quiet", *packages])
        except Failed as error:
            raise Unavailable(f"pip install {' '.join(packages)}: {error}") from None
        (home / "ready").touch()
    return str(python)


class Finished(NamedTuple):
    """What a process printed, how long it took, and the peak of its process tree in bytes, if watched."""

    stdout: str
    seconds: float
    peak_bytes: int


def run_process(
    command: Sequence[str],
    *,
    stdin: str = "",
    environment: Mapping[str, str] | None = None,
    watch: bool = False,
) -> Finished:
    """Run a command to its end; raises Failed."""
    over, peaks, start = threading.Event(), [0], time.perf_counter()
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, text=True
    ) as held:
        watcher = threading.Thread(target=_watch, args=(held.pid, over, peaks))
        if watch:
            watcher.start()
        printed, said = held.communicate(stdin)
        seconds = time.perf_counter() - start
        over.set()
    if held.returncode:
        last = (said.strip() or printed.strip() or f"ended with {held.returncode}").splitlines()[-1]
        raise Failed(last[-400:])
    return Finished(printed, seconds, max(peaks))


def _watch(pid: int, over: threading.Event, peaks: list[int]) -> None:
    """Note, ten times a second, a process's own peak and the proportional sizes of its whole tree."""
    while not over.wait(0.1):
        tree = sum(_read_field(f"/proc/{p}/smaps_rollup", "Pss:") for p in _tree(pid))
        peaks[:] = [max(*peaks, tree, _read_field(f"/proc/{pid}/status", "VmHWM:"))]


def _tree(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from _tree(int(child))


def _read_field(path: str, key: str) -> int:
    """Return a size that a file of /proc tells, in bytes; 0 where the process has ended."""
    with suppress(OSError, IndexError):
        return int(Path(path).read_text().partition(f"\n{key}")[2].split()[0]) * 1024
    return 0


def in_turns(
    rounds: int, steps: Mapping[str, Callable[[], T]], warm: int = 0
) -> dict[str, list[T]]:
    """Call every step once a round, every other round in reverse order; ``warm`` rounds are not counted."""
    results: dict[str, list[T]] = {name: [] for name in steps}
    for number in range(-warm, rounds):
        for name in list(steps)[:: -1 if number % 2 else 1]:
            result = steps[name]()
            if number >= 0:
                results[name].append(result)
    return results


def seconds_of(step: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the median, the lowest and the highest of several rounds."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def ratio_interval(
    new: Sequence[float], old: Sequence[float], *, draws: int = 10_000, seed: int = 0
) -> tuple[float, float, float]:
    """Return the median of the pairs' ratios new / old, and its bootstrap 95 % interval."""
    ratios = np.asarray(new, float) / np.asarray(old, float)
    drawn = np.random.default_rng(seed).choice(ratios, (draws, len(ratios)))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    return float(np.median(ratios)), float(low), float(high)


def cosines(rows: Any, reference: Any) -> Any:
    """Return the cosine of each row with that of the same sample."""
    norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(reference, axis=1)
    return (rows * reference).sum(axis=1) / norms


def format_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown, its columns aligned."""
    lines = [list(heads), *(list(map(str, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        f"| {' | '.join(c.ljust(w) for c, w in zip(line, widths, strict=True))} |" for line in lines
    )


def machine() -> str:
    """Return the kind of machine, not which one."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.exists() else ""
    kind = text.partition("model name")[2].partition("\n")[0].strip("\t :") or platform.machine()
    flags = [flag for flag in ("avx2", "avx512f", "avx512_vnni") if f" {flag} " in text]
    return f"{kind} ({', '.join(flags)}), {len(os.sched_getaffinity(0))} cores, {platform.system()}"


def write_json(path: Path | None, figures: object) -> None:
    """Write the figures where a file was asked for."""
    if path:
        path.write_text(json.dumps(figures, indent=1, default=float) + "\n", encoding="utf-8")


def tell(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)
