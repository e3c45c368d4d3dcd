"""The arithmetic: medians and spreads, the roofline, the bars, and the table."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Answers = Mapping[str, Sequence[Mapping[str, Any]]]  # by contender, one a round


@dataclass(frozen=True, slots=True)
class Spread:
    """What several rounds gave."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Parts:
    """Mean seconds a photo on one core, and the most that ``cores`` of them could do."""

    decode: float
    infer: float
    roofline: float  # photos a second
    roofline_busy: float  # the same, from parts that were measured on every core at once


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure that the suite expects, and what was found."""

    what: str
    found: float
    least: float

    @property
    def reached(self) -> bool:
        return self.found >= self.least


# section: contender, what it is compared with, least ratio
RATIOS = {
    "mobilenetv2-1.0": (("featx", "fastembed", 1.9), ("featx int8", "featx", 1.6)),
    "vit-tiny-patch16-224": (("featx int8", "featx", 1.3),),
    "mobilenetv2-1.0, 12 MP": (("featx", "fastembed", 3.0),),
}
ROOFLINE = {"mobilenetv2-1.0": 0.90, "vit-tiny-patch16-224": 0.92, "squeezenet1.1": 0.92}


def roofline(cores: int, decode: float, infer: float) -> float:
    """Photos a second of ``cores`` that never wait, from seconds a photo."""
    return cores / (decode + infer)


def parts(
    alone: Sequence[Mapping[str, float]], busy: Sequence[Mapping[str, float]], cores: int
) -> Parts:
    """Medians over rounds; the faster of the two ways to decode counts."""

    def seconds(answers: Sequence[Mapping[str, float]]) -> tuple[float, float]:
        ways = ("decode_featx", "decode_plain")
        decode = min(statistics.median(each[way] for each in answers) for way in ways)
        return decode, statistics.median(each["infer"] for each in answers)

    decode, infer = seconds(alone)
    return Parts(decode, infer, roofline(cores, decode, infer), roofline(cores, *seconds(busy)))


def rates(answers: Answers) -> dict[str, Spread]:
    """Photos a second of each contender, warm."""
    return {
        name: Spread.of([each["n"] / each["seconds"] for each in given])
        for name, given in answers.items()
        if not name.startswith("parts")
    }


def summary(answers: Answers, cores: int) -> dict[str, Any]:
    """What a section found, as it is written to JSON."""
    found: dict[str, Any] = {}
    for name, spread in rates(answers).items():
        given = answers[name]
        whole = Spread.of([each["n"] / each["process_seconds"] for each in given])
        found[name] = {
            "images_per_second": asdict(spread),
            "images_per_second_with_start": asdict(whole),
            "others": max(each.get("others", 0.0) for each in given),
            "peak_mib": round(statistics.median(each["peak_bytes"] for each in given) / 2**20),
        }
    if answers.get("parts"):
        found["parts"] = asdict(parts(answers["parts"], answers["parts, all cores"], cores))
        for name in found.keys() - {"parts"}:
            rate = found[name]["images_per_second"]["median"]
            found[name]["of_roofline"] = rate / found["parts"]["roofline"]
    return found


def bars(section: str, found: Mapping[str, Any]) -> Iterator[Bar]:
    """The bars of a section that could be measured."""
    for name, other, least in RATIOS.get(section, ()):
        if name in found and other in found:
            ratio = median(found, name) / median(found, other)
            yield Bar(f"{name} / {other}", ratio, least)
    if section in ROOFLINE and {"featx", "parts"} <= found.keys():
        yield Bar("featx / roofline", found["featx"]["of_roofline"], ROOFLINE[section])


def median(found: Mapping[str, Any], name: str) -> float:
    return float(found[name]["images_per_second"]["median"])


def table(section: str, kept: Mapping[str, Any]) -> Iterator[str]:
    """A section in lines of Markdown."""
    found, notes, cosines = kept["summary"], kept["notes"], kept["cosines"]
    yield f"### {section}: {kept['photos']} photos, {kept['cores']} cores, {kept['rounds']} rounds"
    yield ""
    heads = "images/s (lowest to highest)", "featx is", "of the roofline", "images/s with start"
    yield f"| | {' | '.join(heads)} | peak MiB | cosine with featx, lowest and mean |"
    yield "|---|---|---|---|---|---|---|"
    for name in (name for name in found if name != "parts"):
        made = found[name]
        rate = made["images_per_second"]
        ratio = f"{median(found, 'featx') / rate['median']:.2f} ×" if "featx" in found else ""
        share = f"{made['of_roofline']:.2f}" if "of_roofline" in made else ""
        whole = made["images_per_second_with_start"]["median"]
        cosine = " ".join(f"{value:.4f}" for value in cosines.get(name, ())) or "—"
        yield (
            f"| {name} | {rate['median']:.0f} ({rate['low']:.0f} to {rate['high']:.0f}) | {ratio} "
            f"| {share} | {whole:.0f} | {made['peak_mib']} | {cosine} |"
        )
    yield from (f"| {name} | {reason} | | | | | |" for name, reason in notes.items())
    yield ""
    for name, setting in kept["settings"].items():
        words = ", ".join(f"{key} {value}" for key, value in setting.items())
        yield f"{name}, its best setting: {words}  "
    worst = max((made["others"] for name, made in found.items() if name != "parts"), default=0.0)
    yield f"other work on the machine took at most {worst:.0%} of it during a run  "
    if "parts" in found:
        made = found["parts"]
        yield (
            f"one core: decode {made['decode'] * 1000:.2f} ms, infer {made['infer'] * 1000:.2f} ms; "
            f"roofline {made['roofline']:.0f}, all cores at once {made['roofline_busy']:.0f}  "
        )
    for bar in bars(section, found):
        verdict = "pass" if bar.reached else "FAIL"
        yield f"{verdict}: {bar.what} is {bar.found:.3f}, at least {bar.least:.2f}  "
