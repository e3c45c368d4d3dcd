"""Accuracy by depth of networks on sets near and far, and what the tap that a probe names gains elsewhere.

    python benchmarks/layers.py --plots plots                      # four networks, a near and a far set
    python benchmarks/layers.py --backbones vit-tiny-patch16-224 --sets brain_mri

The probe sees the training part. Then the head that ``featx fit`` trains by default is trained on the rows of
the backbone's own tap, of the tap to use and of the best by the quick score, and measured on the test part.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import common
import numpy as np

BACKBONES = ("mobilenetv2-1.0", "squeezenet1.1", "vit-tiny-patch16-224", "resnet8-cifar10")
NEAR, FAR = ("cats_dogs", "flowers5", "cifar10"), ("brain_mri", "mnist_test_errors")


def read(name: str, given: argparse.Namespace) -> tuple[list[Any], list[Any]]:
    """Return samples to train and to measure on, at most ``--samples`` of each."""
    import featx

    if (given.data / name / "train").is_dir():
        parts = [
            list(featx.read_samples(given.data / name, split=part)) for part in ("train", "test")
        ]
    else:
        path = given.data / name / "labels.csv"
        both = list(featx.read_samples(path, target="given_label", modality="image"))
        order = np.random.default_rng(0).permutation(len(both)).tolist()
        half = len(order) // 2
        parts = [[both[i] for i in some] for some in (order[:half], order[half:])]
    drawn = []
    for part in parts:
        order = np.random.default_rng(1).permutation(len(part))[: given.samples]
        drawn.append([part[i] for i in np.sort(order).tolist()])
    return drawn[0], drawn[1]


class Measure:
    """What heads on taps of a backbone reach on a test part; rows of all taps are made in one pass."""

    def __init__(self, found: Any, train: list[Any], test: list[Any]) -> None:
        import featx
        from featx.backbones.several_taps import SeveralTaps
        from featx.tasks import get_task
        from featx.tuning import HeadConfig

        self.config, self.n_train = HeadConfig(), len(train)
        taps = list(dict.fromkeys(layer.tap for layer in found.layers))
        self.several = SeveralTaps(featx.Backbone(found.backbone), taps)
        engine = featx.Engine(cache=True)
        self.wide = [engine.embed(part, self.several).embeddings for part in (train, test)]
        kind, labels = get_task("classification"), [sample.label for sample in (*train, *test)]
        self.problem = kind.tuning_problem(kind.encode_targets(labels), self.config)

    def of(self, layer: Any) -> Any:
        """Return the measure of the head that fit would train on the rows of a layer."""
        from featx.tuning.validation import train

        [view] = [
            view
            for view in self.several.views
            if (view.tap, view.pooling) == (layer.tap, layer.pooling)
        ]
        rows = [self.several.rows(part, view) for part in self.wide]
        known, test = np.arange(self.n_train), np.arange(self.n_train, len(self.problem))
        _, head = train(rows[0], self.problem.subset(known), self.config)
        return self.problem.measure(head.predict_outputs(rows[1]), test)


def probe(backbone: str, name: str, given: argparse.Namespace) -> list[dict[str, object]]:
    """Return the rows of the table for a backbone and a set, and draw the curve."""
    import featx
    from featx.metrics.paired import paired_difference
    from featx.metrics.resampling import Resampling
    from featx.selection.plots import save_plot

    train, test = read(name, given)
    start = time.perf_counter()
    found = featx.probe_layers(train, backbone=backbone, engine=featx.Engine(cache=True))
    seconds = time.perf_counter() - start
    if given.plots:
        given.plots.mkdir(parents=True, exist_ok=True)
        save_plot(found, given.plots / f"{backbone}-{name}.png")
    measure, resampling = Measure(found, train, test), Resampling(len(test))
    own = measure.of(found.own)
    rows = []
    chosen = {"its own": found.own, "to use": found.chosen, "best": found.best}
    for what, layer in chosen.items():
        one = own if layer is found.own else measure.of(layer)
        gain = paired_difference(one, own, resampling)
        rows.append(
            {
                "backbone": backbone,
                "set": name,
                "tap": f"{layer.tap} {layer.pooling}",
                "which": what,
                "probe": f"{layer.score:.3f}",
                "test": f"{float(one(resampling.whole())[0]):.3f}",
                "over its own": "" if layer is found.own else str(gain),
                "n": f"{len(train)} + {len(test)}",
                "probe, s": f"{seconds:.0f}",
            }
        )
    return rows


def main() -> None:
    parser = common.make_parser(__doc__)
    parser.add_argument("--backbones", nargs="+", default=list(BACKBONES))
    parser.add_argument("--sets", nargs="+", default=["cats_dogs", "mnist_test_errors"])
    parser.add_argument("--samples", type=int, default=600, help="of each part [%(default)s]")
    parser.add_argument("--plots", type=Path, help="folder for the plots; needs matplotlib")
    given = common.parse(parser, sets=(*NEAR, *FAR))
    warnings.simplefilter("ignore")
    rows = []
    for backbone in given.backbones:
        for name in given.sets:
            rows += probe(backbone, name, given)
            common.tell(f"{backbone} on {name}: {rows[-2]['tap']}")
    print(common.format_table(list(rows[0]), [list(row.values()) for row in rows]))
    common.write_json(given.json, rows)


if __name__ == "__main__":
    main()
