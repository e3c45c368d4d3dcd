"""The typed result of a probe of layers: the score of each tap, and which to use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from featx._display import TextTable
from featx._extras import require
from featx.metrics.paired import Difference
from featx.metrics.report import ShownReport, check_fields, reading_report

__all__ = ["LayerProbe", "LayerScore"]


@dataclass(frozen=True, slots=True)
class LayerScore:
    """The quick score of one tap with one pooling.

    Attributes
    ----------
    tap : str
    pooling : str
    depth : int
        Nodes on the longest way from an input.
    made_by : str
        The kind of node that makes it.
    shape : tuple of int
        What it gives of the built-in sample, without the batch.
    dim : int
        Columns of a row.
    score : float
    gain : Difference or None
        By how much its score is above that of the backbone's own tap, on the same samples; None of the own.

    Examples
    --------
    >>> LayerScore("embedding", "none", 99, "Flatten", (1280,), 1280, 0.9).is_own
    True
    """

    tap: str
    pooling: str
    depth: int
    made_by: str
    shape: tuple[int, ...]
    dim: int
    score: float
    gain: Difference | None = None

    @property
    def is_own(self) -> bool:
        """Tell whether it is the tap of the backbone's card, with its pooling."""
        return self.gain is None

    @property
    def tells(self) -> bool:
        """Tell whether it is better than the backbone's own tap, beyond chance."""
        return self.gain is not None and self.gain.low is not None and self.gain.low > 0


@dataclass(frozen=True, slots=True, repr=False)
class LayerProbe(ShownReport):
    """The quick score of every sensible tap of a backbone, from shallow to deep.

    Attributes
    ----------
    backbone : str
    task : str
    score : str
        The name of the score: "accuracy", "micro_f1" or "r2"; 1 is perfect.
    n : int
        Samples that were looked at, each judged by a ridge on the others.
    layers : tuple of LayerScore
        One a tap and pooling.
    notes : tuple of str

    Examples
    --------
    >>> own = LayerScore("embedding", "none", 9, "Flatten", (64,), 64, 0.8)
    >>> other = LayerScore("relu_7", "mean", 7, "Relu", (16, 8, 8), 16, 0.9, Difference(0.1, 0.04, 0.16))
    >>> probe = LayerProbe("resnet8", "classification", "accuracy", 200, (other, own))
    >>> print(probe)
    Accuracy by depth of resnet8, by a ridge on 200 samples, each left out in turn.
    <BLANKLINE>
    tap        pooling  depth  made by       gives  columns  accuracy         over its own
    relu_7        mean      7     Relu  16 × 8 × 8       16     0.900  +10.0 (+4.0..+16.0)
    embedding     none      9  Flatten          64       64     0.800              its own
    <BLANKLINE>
    Use tap='relu_7' and pooling='mean': +10.0 points (+4.0 to +16.0) over its own tap.
    """

    backbone: str
    task: str
    score: str
    n: int
    layers: tuple[LayerScore, ...]
    notes: tuple[str, ...] = ()

    @property
    def own(self) -> LayerScore:
        """The tap of the backbone's card."""
        return next(layer for layer in self.layers if layer.is_own)

    @property
    def best(self) -> LayerScore:
        """The tap with the highest score; its own where another has the same."""
        return max(self.layers, key=lambda layer: (layer.score, layer.is_own))

    @property
    def chosen(self) -> LayerScore:
        """The tap to use: the best, if it is better than the backbone's own beyond chance; else its own."""
        better = [layer for layer in self.layers if layer.tells]
        return max(better, key=lambda layer: layer.score, default=self.own)

    @property
    def advice(self) -> str:
        """Say which tap to use, in one sentence."""
        chosen, best = self.chosen, self.best
        if chosen.gain is not None:
            use = f"tap={chosen.tap!r} and pooling={chosen.pooling!r}"
            return f"Use {use}: {_gain(chosen.gain, ' to ')} over its own tap."
        if best.gain is None or best.gain.value <= 0:
            return f"Keep its own tap, {chosen.tap}: no other is better."
        return (
            f"Keep its own tap, {chosen.tap}: no other is better beyond chance. The best, {best.tap} with "
            f"pooling {best.pooling}, is at {_gain(best.gain, ' to ')}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the probe as JSON values."""
        table = asdict(self)
        for row in table["layers"]:
            row["shape"] = list(row["shape"])
        return {**table, "layers": list(table["layers"]), "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> LayerProbe:
        """Return the probe whose ``to_dict`` gave ``table``.

        Raises
        ------
        BadLabels
            It is no such table.
        """
        with reading_report("probe of layers"):
            values = dict(table)
            values["layers"] = tuple(map(_read_layer, table["layers"]))
            values["notes"] = tuple(map(str, table.get("notes", ())))
            probe = cls(**values)
            for record in (probe, *probe.layers):
                check_fields(record)
            if sum(layer.is_own for layer in probe.layers) != 1:
                raise ValueError("expected one tap of the backbone's own")
            # Whatever in it cannot be shown is found here.
            probe.format_table()
            return probe

    def to_frame(self) -> Any:
        """Return the scores as a pandas DataFrame, a row a tap and pooling.

        Raises
        ------
        MissingExtra
            pandas is not installed.
        """
        pandas = require("pandas")
        rows = []
        for layer in self.layers:
            row = {**asdict(layer), "own": layer.is_own}
            gain = row.pop("gain") or {"value": 0.0, "low": 0.0, "high": 0.0}
            rows.append(row | {f"gain_{key}": gain[key] for key in ("value", "low", "high")})
        return pandas.DataFrame(rows).rename(columns={"gain_value": "gain"})

    def plot(self, ax: Any = None) -> Any:
        """Draw the scores by depth, a line a pooling, and return the matplotlib Axes.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            None: a new figure.

        Raises
        ------
        MissingExtra
            matplotlib is not installed.
        """
        from featx.selection.plots import plot_layers

        return plot_layers(self, ax)

    def _score_lines(self) -> list[str]:
        name = self.score.replace("_", " ")
        return [
            f"{name[0].upper()}{name[1:]} by depth of {self.backbone}, by a ridge on {self.n} samples, each "
            "left out in turn."
        ]

    def _tables(self) -> list[TextTable]:
        score = self.score.replace("_", " ")
        header = ("tap", "pooling", "depth", "made by", "gives", "columns", score, "over its own")
        return [TextTable(header, [_cells(layer) for layer in self.layers])]

    def _notes(self) -> list[str]:
        texts = (self.advice, *(f"Hint: {one}" for one in self.notes))
        return [line for text in texts for line in ("", text)]


def _cells(layer: LayerScore) -> tuple[str, ...]:
    return (
        layer.tap,
        layer.pooling,
        str(layer.depth),
        layer.made_by,
        " × ".join(map(str, layer.shape)),
        str(layer.dim),
        f"{layer.score:.3f}",
        "its own" if layer.gain is None else _gain(layer.gain, "..").replace(" points", ""),
    )


def _gain(gain: Difference, between: str) -> str:
    """Return a difference in points, with its interval where there is one."""
    value = f"{100 * gain.value:+.1f} points"
    if gain.low is None or gain.high is None:
        return value
    return f"{value} ({100 * gain.low:+.1f}{between}{100 * gain.high:+.1f})"


def _read_layer(table: Mapping[str, Any]) -> LayerScore:
    values = dict(table)
    values["shape"] = tuple(map(int, values["shape"]))
    gain = values.get("gain")
    values["gain"] = None if gain is None else Difference(**gain)
    return LayerScore(**values)
