"""One measurement of everything: what it is given, whose turn it is, and what was found."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from shelves import listed

from featx.catalog import get_card, verify_files
from peers import environments, figures, quantized, running
from peers.contenders import contenders
from peers.environments import Unavailable

__all__ = ["Place", "Suite"]

CHECKOUT = Path(__file__).resolve().parents[2]
IMAGE = ("resize", "crop", "interpolation", "scale", "mean", "std", "draft")
INT8 = "featx int8"
DISTURBED = 0.1  # share of the machine that other work may take during a run
TRIES = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Where things lie, and how much of the machine is used."""

    models: Path
    data: Path
    work: Path  # the peers' environments, large photos, rows
    cores: tuple[int, ...]
    warm: int = 320  # photos before the clock starts: the first second is slower than the third

    def environment(self) -> dict[str, str]:
        """What featx is told by its surroundings."""
        return {"FEATX_MODELS": listed(self.models), "PYTHONPATH": str(CHECKOUT)}

    def peers_environment(self) -> dict[str, str]:
        """What peers are told: as many threads as there are cores, and to keep off the network."""
        offline = {"HF_HUB_OFFLINE": "1", "ORT_DISABLE_TELEMETRY": "1", "PYTHONPATH": ""}
        return {**offline, "OMP_NUM_THREADS": str(len(self.cores))}


@dataclass(slots=True)
class Suite:
    """Contenders in turn; ``found`` is what is written to JSON."""

    place: Place
    json: Path | None = None
    found: dict[str, Any] = field(default_factory=lambda: {"settings": {}, "sections": {}})

    def __post_init__(self) -> None:
        if self.json and self.json.exists():
            self.found |= json.loads(self.json.read_text(encoding="utf-8"))
        self.found["machine"] = machine(self.place.cores)

    def prepare(self, names: Iterable[str], backbone: str) -> dict[str, str]:
        """See to all that the contenders need; gives why some cannot take part."""
        missing = {}
        for name in names:
            try:
                self._python(name)
                if name == INT8:
                    self._twin(backbone)
            except Unavailable as reason:
                missing[name] = str(reason)
        return missing

    def search(self, section: str, backbone: str, paths: Sequence[str], name: str) -> None:
        """Choose a contender's best setting, over a third of the photos; the best two run again."""
        settings = contenders(len(self.place.cores))[name].settings
        if len(settings) == 1:
            return
        tried = [self._rate(name, backbone, paths[::3], setting) for setting in settings]
        for number in sorted(range(len(tried)), key=tried.__getitem__)[-2:]:
            again = self._rate(name, backbone, paths[::3], settings[number])
            tried[number] = max(tried[number], again)
        best = max(range(len(tried)), key=tried.__getitem__)
        self.found["settings"].setdefault(section, {})[name] = {
            "chosen": dict(settings[best]),
            "tried": [
                {**setting, "images_per_second": rate}
                for setting, rate in zip(settings, tried, strict=True)
            ],
        }
        self.save()

    def measure(
        self,
        section: str,
        backbone: str,
        paths: Sequence[str],
        names: Sequence[str],
        *,
        rounds: int,
        add: bool = False,
    ) -> None:
        """The rounds of one section; settings that were not searched for are searched for now.

        With ``add`` they are added to the rounds that ``found`` holds.
        """
        notes = self.prepare(names, backbone)
        names = [name for name in names if name not in notes]
        for name in names:
            if name not in self.found["settings"].get(section, {}):
                self.search(section, backbone, paths, name)
        settings = {
            name: kept["chosen"]
            for name, kept in self.found["settings"].get(section, {}).items()
            if name in names
        }
        before = self._earlier(section, settings, len(paths)) if add else {}
        answers: dict[str, list[dict[str, Any]]] = before.get("answers", {})
        for name in ("parts", "parts, all cores", *names):
            answers.setdefault(name, [])
        rows: dict[str, Any] = {}
        for number in range(rounds):
            tell(f"{section}, round {number + 1}")
            answers["parts"].append(self._parts(backbone, paths, self.place.cores[:1]))
            answers["parts, all cores"].append(self._parts(backbone, paths, self.place.cores))
            for name in names:
                answers[name].append(self._run(name, backbone, paths, settings.get(name, {})))
                rows[name] = np.load(self._out)
            self.found["sections"][section] = {
                "photos": len(paths),
                "cores": len(self.place.cores),
                "rounds": len(answers["parts"]),
                "notes": before.get("notes", {}) | notes,
                "settings": before.get("settings", {}) | settings,
                "cosines": before.get("cosines", {}) | self._agreements(rows),
                "summary": figures.summary(answers, len(self.place.cores)),
                "answers": answers,
            }
            self.save()

    def save(self) -> None:
        """Write what was found so far, where there is a file for it."""
        if self.json:
            self.json.write_text(json.dumps(self.found, indent=1) + "\n", encoding="utf-8")

    def _earlier(self, section: str, settings: Mapping[str, Any], n: int) -> dict[str, Any]:
        """What is held of a section, to which rounds can be added: the same photos and settings."""
        kept = self.found["sections"].get(section)
        if (
            kept is None
            or kept["photos"] != n
            or (kept["settings"] | settings) != (settings | kept["settings"])
        ):
            return {}
        return dict(kept)

    def _agreements(self, rows: Mapping[str, Any]) -> dict[str, list[float]]:
        known = contenders(len(self.place.cores))
        return {
            name: agreement(values, rows["featx"])
            for name, values in rows.items()
            if name != "featx" and "featx" in rows and known[name].comparable
        }

    def _rate(
        self, name: str, backbone: str, paths: Sequence[str], setting: Mapping[str, Any]
    ) -> float:
        made = self._run(name, backbone, paths, setting)
        return float(made["n"] / made["seconds"])

    @property
    def _out(self) -> Path:
        return self.place.work / "rows.npy"

    def _run(
        self, name: str, backbone: str, paths: Sequence[str], setting: Mapping[str, Any]
    ) -> dict[str, Any]:
        each = contenders(len(self.place.cores))[name]
        around = (
            self.place.environment() if each.environment is None else self.place.peers_environment()
        )
        job = self._job(backbone, paths)
        if name == INT8:
            around["FEATX_DATA_DIR"] = str(self._home(backbone))
            job["backbone"] = self._twin(backbone)
        job["settings"] = dict(setting)
        python = self._python(name)

        def once() -> dict[str, Any]:
            return running.run(each.script, job, python=python, environment=around)

        made = self._undisturbed(once)
        words = " ".join(f"{key}={value}" for key, value in setting.items())
        tell(f"  {name} {words}: {made['n'] / made['seconds']:.1f}")
        return made

    def _parts(self, backbone: str, paths: Sequence[str], cores: Sequence[int]) -> dict[str, Any]:
        """Mean seconds a photo on each of ``cores``, all at the same time."""
        job = self._job(backbone, paths)

        def one(core: int) -> dict[str, Any]:
            around = self.place.environment()
            given = {**job, "cores": [core]}
            return running.run("bare_parts.py", given, python=sys.executable, environment=around)

        def once() -> dict[str, Any]:
            with ThreadPoolExecutor(len(cores)) as pool:
                made = list(pool.map(one, cores))
            mean = {key: statistics.mean(each[key] for each in made) for key in made[0]}
            return mean | {"cpu_seconds": sum(each["cpu_seconds"] for each in made)}

        return self._undisturbed(once)

    def _undisturbed(self, once: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """An answer that the machine's other work did not spoil, or the least spoilt of a few."""
        tries = []
        for _ in range(TRIES):
            start, before = time.perf_counter(), running.machine_seconds()
            made = once()
            seconds = time.perf_counter() - start
            others = running.machine_seconds() - before - made["cpu_seconds"]
            made["others"] = max(0.0, others / (seconds * (os.cpu_count() or 1)))
            tries.append(made)
            if made["others"] <= DISTURBED:
                break
            tell(f"  other work took {made['others']:.0%} of the machine: again")
        return min(tries, key=lambda made: made["others"])

    def _job(self, backbone: str, paths: Sequence[str]) -> dict[str, Any]:
        card = get_card(backbone)
        self.place.work.mkdir(parents=True, exist_ok=True)
        return {
            "backbone": backbone,
            "graph": str(verify_files(card)[card.graph.name]),
            "output": card.output,
            "image": {key: getattr(card.input, key) for key in IMAGE},
            "paths": list(paths),
            "warm": min(self.place.warm, len(paths)),
            "cores": list(self.place.cores),
            "work": str(self.place.work),
            "out": str(self._out),
        }

    def _python(self, name: str) -> Path:
        environment = contenders(len(self.place.cores))[name].environment
        if environment is None:
            return Path(sys.executable)
        return environments.prepare(environment, self.place.work / "environments")

    def _home(self, backbone: str) -> Path:
        return self.place.work / "int8" / backbone

    def _twin(self, backbone: str) -> str:
        data = self.place.data / "train"
        return quantized.int8_twin(backbone, data, self._home(backbone), self.place.environment())


def agreement(rows: Any, reference: Any) -> list[float]:
    """The lowest and the mean cosine of rows with those of the same photos; [] where lengths differ."""
    if rows.shape != reference.shape:
        return []
    norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(reference, axis=1)
    cosines = (rows * reference).sum(axis=1) / norms
    return [float(cosines.min()), float(cosines.mean())]


def machine(cores: Sequence[int]) -> dict[str, Any]:
    """The kind of machine, not which one."""
    kind = platform.processor() or platform.machine()
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    for line in text.splitlines():
        if line.startswith("model name"):
            kind = line.partition(":")[2].strip()
            break
    return {"processor": kind, "cores": len(cores), "system": platform.system()}


def tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
