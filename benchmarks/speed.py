"""Compare samples a second, from files to rows: featx beside its peers, beside the hardware and beside itself.

    python benchmarks/speed.py --json speed.json       # photos and large: a quarter of an hour on two cores
    python benchmarks/speed.py photos --backbones squeezenet1.1 --contenders featx --rounds 12
    python benchmarks/speed.py texts --cores 1         # sentences, beside three libraries; on one core
    python benchmarks/speed.py decoding | providers | memory

photos, large, texts: the same network, samples and cores for all. Peers live in environments of
their own below --work and get the best of several settings. Contenders take turns, each in a process of
its own that loads, warms up, and is timed from its samples to a .npy file of rows. Decoding and inference
on one core say what the cores could do if they never waited: the roofline. What the JSON file holds of
other sections, and the settings that it names, stay. decoding, providers and memory measure featx alone:
see benchmarks/variants.py.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import common
import numpy as np
import variants
from common import Failed, Unavailable, format_table, tell

IMAGE = ("resize", "crop", "interpolation", "scale", "mean", "std", "draft")
INT8, MINILM = "featx int8", "all-minilm-l6-v2"
BACKBONES = ("mobilenetv2-1.0", "vit-tiny-patch16-224", "squeezenet1.1")
# samples before the clock starts: a process's first second is slower than its third
WARM = {"image": 320, "text": 64}


@dataclass(frozen=True, slots=True)
class Contender:
    """One entry of benchmarks/contenders.py, the packages that it wants, the settings to choose from."""

    opens: str = "featx"
    # what its own environment holds; empty is the interpreter that has featx
    packages: tuple[str, ...] = ()
    settings: tuple[Mapping[str, Any], ...] = ({},)
    # whether its rows ought to be featx's
    comparable: bool = True


def contenders(modality: str, cores: int) -> dict[str, Contender]:
    """Return who takes part, with settings for so many cores."""

    def batches(*sizes: int, **more: Any) -> tuple[Mapping[str, Any], ...]:
        return tuple({"threads": cores, "batch": size, **more} for size in sizes)

    torch = ("onnx", "pillow", "torch==2.13.0")
    both = {"featx": Contender(), INT8: Contender()}
    if modality == "text":
        packages = (*torch, "sentence-transformers")
        peers = {
            "fastembed": Contender("fastembed_texts", ("fastembed",), batches(1, 4, 16)),
            "libembedding-ng": Contender("libembedding", ("libembedding-ng",), batches(1, 4, 16)),
            "sentence-transformers": Contender(
                "sentence_transformers", packages, batches(1, 4, 8, 16, 32), comparable=False
            ),
        }
        usual = {"fastembed": 256, "libembedding-ng": 256, "sentence-transformers": 32}
        as_usual = {
            f"{name}, its own batches": replace(peers[name], settings=batches(size))
            for name, size in usual.items()
        }
        return {**both, **peers, **as_usual}
    alone = batches(1, 4, 16, parallel=None)
    shared = tuple({**setting, "threads": 1, "parallel": cores} for setting in alone)
    shapes = [(0, cores, True), (1, cores, True), (cores, cores, True), (cores, 1, True)]
    loaders = tuple(
        {"workers": workers, "threads": threads, "batch": 16, "channels_last": last}
        for workers, threads, last in [*shapes, (cores, cores, False)]
    )
    keras = Contender("keras", ("tensorflow-cpu",), batches(8, 32), comparable=False)
    return {
        **both,
        "fastembed": Contender("fastembed_images", ("fastembed",), (*alone, *shared)),
        "torch": Contender("torch", torch, loaders),
        "keras": keras,
    }


class Section:
    """Contenders with one backbone on the same items, on some of the machine's cores."""

    def __init__(
        self, backbone: str, items: Sequence[str], cores: Sequence[int], given: argparse.Namespace
    ) -> None:
        import featx

        self.card = featx.get_card(backbone)
        self.items, self.cores, self.given = items, cores, given
        self.known = contenders(self.card.modality, len(cores))
        self.out = given.work / "rows.npy"

    def measure(self, names: Sequence[str], known: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answers of every round, with settings that are known; a peer that fails is a note."""
        notes, settings = dict[str, str](), dict(known)
        for name in names:
            try:
                self.prepare(name)
                settings[name] = settings.get(name) or self.search(name)
            except (Unavailable, Failed) as reason:
                notes[name] = f"skipped: {reason}"
                tell(f"{name}: {notes[name]}")
        steps: dict[str, Callable[[], dict[str, Any]]] = {}
        if self.card.modality == "image":
            steps["parts"] = lambda: self.parts(self.cores[:1])
            steps["parts, all cores"] = lambda: self.parts(self.cores)
        else:
            steps["products"] = lambda: self.parts(self.cores[:1])
        rows = dict[str, Any]()

        def run_and_read(name: str) -> dict[str, Any]:
            answer = self.run(name, settings[name], self.items)
            rows[name] = np.load(self.out)
            tell(f"  {name}: {answer['n'] / answer['seconds']:.1f}")
            return answer

        for name in (name for name in names if name not in notes):
            steps[name] = partial(run_and_read, name)
        answers = common.in_turns(self.given.rounds, steps)
        if INT8 in rows:
            notes[INT8] = self.describe_twin()
        agreements = {
            name: [float(f(common.cosines(values, rows["featx"]))) for f in (np.min, np.mean)]
            for name, values in rows.items()
            if name != "featx" and "featx" in rows and self.known[name].comparable
        }
        found = {"n": len(self.items), "cores": len(self.cores), "settings": settings}
        return found | {"notes": notes, "cosines": agreements, "answers": answers}

    def prepare(self, name: str) -> None:
        """Make what a contender needs; raises Unavailable."""
        self.python(self.known[name])
        if name == INT8:
            common.int8_twin(self.card, self.given)

    def describe_twin(self) -> str:
        """Return what ``featx optimize`` wrote of the int8 backbone into its card."""
        card = self.given.work / "int8" / common.int8_twin(self.card, self.given) / "card.toml"
        table = tomllib.loads(card.read_text(encoding="utf-8"))["optimized"]
        keys = ("layers", "cosine_mean", "cosine_worst", "size", "batch_bits")
        told = [f"{key} {table.get(key)}" for key in keys]
        told.append(f"layers in float {len(table['float_layers'])}")
        return f"its card: {', '.join(told)}"

    def search(self, name: str) -> Mapping[str, Any]:
        """Return a contender's best setting over a third of the items; the best two run again."""
        settings = self.known[name].settings
        if len(settings) == 1:
            return settings[0]

        def rate(number: int) -> float:
            answer = self.run(name, settings[number], self.items[::3])
            return float(answer["n"] / answer["seconds"])

        rates = [rate(number) for number in range(len(settings))]
        for number in np.argsort(rates)[-2:].tolist():
            rates[number] = max(rates[number], rate(number))
        return settings[int(np.argmax(rates))]

    def run(self, name: str, setting: Mapping[str, Any], items: Sequence[str]) -> dict[str, Any]:
        """Return the answer of one contender, in a process of its own."""
        contender, cores = self.known[name], str(len(self.cores))
        around = dict(os.environ)
        if contender.packages:
            around |= {"PYTHONPATH": "", "OMP_NUM_THREADS": cores, "HF_HUB_OFFLINE": "1"}
        job = self.job(contender.opens, self.cores, items) | {"settings": setting}
        if name == INT8:
            job["backbone"] = common.int8_twin(self.card, self.given)
        start, before = time.perf_counter(), machine_seconds()
        answer = run_contender(job, self.python(contender), around)
        others = machine_seconds() - before - answer["cpu_seconds"]
        share = others / (time.perf_counter() - start) / (os.cpu_count() or 1)
        return answer | {"others": max(0.0, share)}

    def parts(self, cores: Sequence[int]) -> dict[str, Any]:
        """Return mean seconds a photo on each of ``cores``, all at the same time."""

        def one(core: int) -> dict[str, Any]:
            return run_contender(self.job("parts", [core], self.items), sys.executable, os.environ)

        with ThreadPoolExecutor(len(cores)) as pool:
            each = list(pool.map(one, cores))
        return {key: statistics.mean(answer[key] for answer in each) for key in each[0]}

    def job(self, opens: str, cores: Sequence[int], items: Sequence[str]) -> dict[str, Any]:
        job = {"contender": opens, "backbone": self.card.name, "items": list(items)}
        job |= {"cores": list(cores), "out": str(self.out), "work": str(self.given.work)}
        job |= {"warm": min(WARM[self.card.modality], len(items)), "output": self.card.output}
        job["graph"] = str(common.find_file(self.card, self.card.graph.name))
        if self.card.modality == "text":
            return job | {"tokenizer": str(common.find_file(self.card, "tokenizer.json"))}
        return job | {"image": {key: getattr(self.card.input, key) for key in IMAGE}}

    def python(self, contender: Contender) -> str:
        if not contender.packages:
            return sys.executable
        # an environment is called as the last of its packages
        name = contender.packages[-1].partition("=")[0]
        return common.peer_python(name, contender.packages, self.given.work)


def run_contender(job: dict[str, Any], python: str, around: Mapping[str, str]) -> dict[str, Any]:
    """Return the answer to a job, with what its whole process took."""
    command = [python, str(common.HERE / "contenders.py")]
    done = common.run_process(command, stdin=json.dumps(job), environment=around, watch=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    answer["process_seconds"] = done.seconds - answer.pop("extra_seconds", 0.0)
    return answer | {"peak_bytes": done.peak_bytes}


def machine_seconds() -> float:
    """Return the processor seconds that all processes have used, and what the machine's host took away."""
    fields = Path("/proc/stat").read_text().partition("\n")[0].split()
    user, nice, system, _idle, _waiting, *rest = map(int, fields[1:9])
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")


def roofline(answers: Sequence[Mapping[str, float]], cores: int) -> tuple[float, float, float]:
    """Return median seconds to decode, to infer, and the samples a second of cores that never wait.

    The faster of the two ways to decode counts.
    """
    ways = ("decode_featx", "decode_plain")
    decode = min(statistics.median(answer[way] for answer in answers) for way in ways)
    infer = statistics.median(answer["infer"] for answer in answers)
    return decode, infer, cores / (decode + infer)


def summarize(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return medians and spreads of each contender, and its share of the roofline where there is one."""
    answers, summary = found["answers"], dict[str, Any]()
    for name in (name for name in answers if not name.startswith(("parts", "products"))):
        rounds = answers[name]
        summary[name] = {
            "rate": common.spread([r["n"] / r["seconds"] for r in rounds]),
            "busy_rate": statistics.median(r["n"] / max(r["busy_seconds"], 1e-9) for r in rounds),
            "with_start": statistics.median(r["n"] / r["process_seconds"] for r in rounds),
            "peak_mib": round(statistics.median(r["peak_bytes"] for r in rounds) / 2**20),
            "others": max(r["others"] for r in rounds),
        }
        if "parts" in answers:
            most = roofline(answers["parts"], found["cores"])[2]
            summary[name]["of_roofline"] = summary[name]["rate"]["median"] / most
    return summary


def describe(section: str, found: Mapping[str, Any]) -> Iterator[str]:
    """Yield a section in lines of Markdown."""
    summary, answers = summarize(found), found["answers"]
    rounds = max((len(answers[name]) for name in summary), default=0)
    yield f"### {section}: {found['n']} samples, {found['cores']} cores, {rounds} rounds\n"
    heads = ["", "samples/s (lowest to highest)", "featx is", "a processor second", "featx is"]
    heads += ["of the roofline", "with start", "peak MiB", "cosine with featx, lowest and mean"]
    lines = []
    for name, entry in summary.items():
        rate, near = entry["rate"], found["cosines"].get(name, ())
        first = summary["featx"]["rate"]["median"] / rate["median"] if "featx" in summary else 0
        line = [name, f"{rate['median']:.0f} ({rate['low']:.0f} to {rate['high']:.0f})"]
        busy = summary["featx"]["busy_rate"] / entry["busy_rate"] if "featx" in summary else 0
        line += [f"{first:.2f} ×"]
        # workers that live on are not counted
        setting = found["settings"].get(name) or {}
        apart = setting.get("parallel") or setting.get("workers")
        line += ["", ""] if apart else [f"{entry['busy_rate']:.0f}", f"{busy:.2f} ×"]
        line += [f"{entry['of_roofline']:.2f}" if "of_roofline" in entry else ""]
        line += [f"{entry['with_start']:.0f}", str(entry["peak_mib"])]
        lines.append([*line, " ".join(f"{value:.4f}" for value in near) or "—"])
    yield format_table(heads, lines) + "\n"
    yield from (f"{name}: {reason}  " for name, reason in found["notes"].items())
    for name, setting in found["settings"].items():
        if setting:
            yield f"{name}, its best setting: {', '.join(f'{k} {v}' for k, v in setting.items())}  "
    worst = max((entry["others"] for entry in summary.values()), default=0.0)
    yield f"other work on the machine took at most {worst:.0%} of it during a run  "
    if "parts" in answers:
        decode, infer, most = roofline(answers["parts"], found["cores"])
        busy = roofline(answers["parts, all cores"], found["cores"])[2]
        yield (
            f"one core: decode {decode * 1000:.2f} ms, infer {infer * 1000:.2f} ms; "
            f"roofline {most:.0f}, all cores at once {busy:.0f}  "
        )
    if "products" in answers:
        yield describe_products(answers["products"])


def describe_products(answers: Sequence[Mapping[str, float]]) -> str:
    """Return what the matrix products of a text's graph come to, and so the most that any engine can do."""
    tokens, operations = answers[0]["tokens"], answers[0]["operations"]
    rate = statistics.median(answer["rate"] for answer in answers)
    return (
        f"{tokens:.1f} tokens a sentence without padding, {operations / 1e6:.0f} million operations in "
        f"matrix products: {operations / rate * 1000:.2f} ms at the {rate / 1e9:.0f} GFLOP/s of ONNX "
        f"Runtime's own on one core, at most {rate / operations:.0f} sentences a processor second  "
    )


def sections_of(kind: str, given: argparse.Namespace) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield backbone, items and contenders of each section of a kind."""
    if kind == "texts":
        yield MINILM, banking77(given.data, given.items), list(contenders("text", 1))
        return
    photos = common.find_photos(given.data / "cats_dogs")
    photos = photos[:: max(1, len(photos) // (given.items or len(photos)))]
    if kind == "large":
        large = variants.large_photos(given.work / "large", photos, given.large)
        yield BACKBONES[0], large, ["featx", "fastembed"]
        return
    yield BACKBONES[0], photos, list(contenders("image", 1))
    for backbone in BACKBONES[1:]:
        yield backbone, photos, ["featx", INT8]


def banking77(data: Path, n: int | None) -> list[str]:
    """Return the training sentences, or so many of them drawn at random."""
    with (data / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    return [texts[i] for i in np.random.default_rng(0).permutation(len(texts))[:n]]


def measure_with_peers(kind: str, given: argparse.Namespace) -> None:
    """Measure and print the sections of a kind; settings that the JSON file holds are not searched anew."""
    cores = tuple(sorted(os.sched_getaffinity(0))[: given.cores])
    for backbone, items, names in sections_of(kind, given):
        if backbone in (given.backbones or [backbone]):
            store = json.loads(given.json.read_text()) if given.json and given.json.exists() else {}
            name, wanted = f"{kind} {backbone}", given.contenders or names
            section = Section(backbone, items, cores, given)
            found = section.measure(
                [n for n in names if n in wanted], store.get(name, {}).get("settings", {})
            )
            common.write_json(given.json, {**store, name: found})
            print(*describe(name, found), "", sep="\n", flush=True)


def main() -> None:
    """Measure the sections that were asked for."""
    alone = variants.SECTIONS
    kinds = ("photos", "large", "texts", *alone)
    parser = common.make_parser(__doc__, rounds=5)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(kinds)}")
    parser.add_argument("--cores", type=int, help="use so many [all that the process may use]")
    parser.add_argument("--items", type=int, help="about so many photos or sentences [all]")
    parser.add_argument("--large", type=int, default=40, help="12-megapixel photos [%(default)s]")
    parser.add_argument("--backbones", nargs="+", metavar="NAME", help="only these")
    parser.add_argument("--contenders", nargs="+", metavar="NAME", help="only these")
    variants.add_options(parser)
    given = common.parse(parser, sections=kinds)
    for kind in given.sections or ("photos", "large"):
        alone[kind](given) if kind in alone else measure_with_peers(kind, given)


if __name__ == "__main__":
    main()
