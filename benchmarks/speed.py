"""Photos a second from files on disk to rows on disk: featx beside its peers, and beside the hardware.

    python benchmarks/speed.py --json speed.json       # everything: a quarter of an hour on two cores
    python benchmarks/speed.py --only prepare          # the peers' environments and the large photos
    python benchmarks/speed.py --only photos --backbones squeezenet1.1 --rounds 7 --json speed.json

The same network, photos and cores for all: a set as it is, and 12-megapixel JPEGs made of it. Peers live
in environments of their own below ``--work`` and get the best of several settings. Contenders take turns,
each in a process of its own that loads, warms up, and is timed from files to a .npy file of rows. Decoding
and inference on one core say what the cores could do if they never waited: the roofline. What a JSON file
holds of other sections stays in it and is printed too.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from peers import figures, material
from peers.contenders import contenders
from peers.suite import Place, Suite

HERE = Path(__file__).resolve().parent
BACKBONES = ("mobilenetv2-1.0", "vit-tiny-patch16-224", "squeezenet1.1")
WITH_PEERS = "mobilenetv2-1.0"
ALONE = ("featx", "featx int8")
LARGE = ("featx", "fastembed")
STEPS = ("prepare", "search", "photos", "large")


def main() -> None:
    given = arguments()
    cores = tuple(sorted(os.sched_getaffinity(0))[: given.cores])
    suite = Suite(Place(given.models, given.data, given.work, cores), given.json)
    os.environ |= suite.place.environment()
    steps = given.only or STEPS
    photos = material.photos(given.data)
    photos = photos[:: max(1, len(photos) // given.photos)] if given.photos else photos
    large = []
    if given.large and set(steps) != {"photos"}:
        large = material.large_photos(given.work / "large", photos, given.large)
    for backbone in given.backbones:
        beside = tuple(contenders(len(cores))) if backbone == WITH_PEERS else ALONE
        sections = [("photos", backbone, photos, beside)]
        if large and backbone == WITH_PEERS:
            sections.append(("large", f"{backbone}, 12 MP", large, LARGE))
        for step, section, paths, all_names in sections:
            names = [name for name in all_names if name in (given.contenders or all_names)]
            if "prepare" in steps:
                for name, reason in suite.prepare(names, backbone).items():
                    print(f"{name}: {reason}", file=sys.stderr)
            if "search" in steps:
                for name in names:
                    suite.search(section, backbone, paths, name)
            if step in steps:
                suite.measure(section, backbone, paths, names, rounds=given.rounds, add=given.add)
    show(suite, strict=given.strict)


def show(suite: Suite, *, strict: bool) -> None:
    """The tables and the bars; with ``strict`` a bar that is not reached is an exit status."""
    missed = []
    for section, kept in suite.found["sections"].items():
        print(*figures.table(section, kept), "", sep="\n")
        missed += [bar for bar in figures.bars(section, kept["summary"]) if not bar.reached]
    if strict and missed:
        sys.exit(1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = (HERE.parent / "../shared").resolve()
    cache = Path(tempfile.gettempdir()) / "featx-speed"
    parser.add_argument("--data", type=Path, default=shared / "data/cats_dogs")
    parser.add_argument("--models", type=Path, default=shared / "models")
    parser.add_argument("--work", type=Path, default=cache, help="for what is made [%(default)s]")
    parser.add_argument("--json", type=Path, help="write the figures here, or add them to it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--add", action="store_true", help="add the rounds to those of the JSON file"
    )
    parser.add_argument("--cores", type=int, help="use so many [all that the process may use]")
    parser.add_argument("--photos", type=int, help="about so many, evenly spaced [all]")
    parser.add_argument("--large", type=int, default=40, help="12-megapixel photos [%(default)s]")
    parser.add_argument("--backbones", nargs="+", choices=BACKBONES, default=BACKBONES)
    parser.add_argument("--contenders", nargs="+", choices=contenders(2), help="only these")
    parser.add_argument("--only", nargs="+", choices=STEPS, help="only these steps")
    parser.add_argument("--strict", action="store_true", help="status 1 where a bar is missed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
