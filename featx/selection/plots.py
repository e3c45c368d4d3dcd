"""Plots of what was measured before a choice; matplotlib is used here alone, and loaded when one is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any, Protocol

from featx._extras import require
from featx.errors import BadOption
from featx.storage.atomic import replacing
from featx.storage.writable import check_writable

if TYPE_CHECKING:
    from featx.selection.curve_report import LearningCurve
    from featx.selection.layer_report import LayerProbe, LayerScore
    from featx.storage.remote import AnyPath

__all__ = ["Plotted", "check_plot", "plot_curve", "plot_layers", "plot_ranking", "save_plot"]

# Okabe and Ito's colours, which people tell apart who see some colours alike.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
GREY = "#767676"
_SUFFIXES = (".png", ".svg", ".pdf")
# Inches, and dots an inch of a picture.
_WIDTH, _HEIGHT, _DPI = 7.0, 4.2, 150


class Plotted(Protocol):
    """A result that can be drawn."""

    def plot(self, ax: Any = None) -> Any:
        """Draw into matplotlib Axes, and return them."""


def check_plot(path: AnyPath) -> None:
    """Refuse a file that ``save_plot`` could not write, before the work.

    Raises
    ------
    BadOption
        Its suffix is none of .png, .svg and .pdf.
    MissingExtra
        matplotlib is not installed.
    OutputFailed
        It cannot be written there.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise BadOption(
            f"plot {str(path)!r}: expected the name of a file that ends in {', '.join(_SUFFIXES)}"
        )
    require("matplotlib", extra="plot")
    check_writable(path)


def save_plot(result: Plotted, path: AnyPath) -> None:
    """Draw a result into a file, which appears whole or not at all; raises as ``check_plot``."""
    check_plot(path)
    # Not pyplot: it would look for a screen, and keep the figure.
    figure = require("matplotlib.figure", extra="plot").Figure(
        figsize=(_WIDTH, _HEIGHT), layout="constrained"
    )
    result.plot(figure.add_subplot())
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix.lower()[1:], dpi=_DPI)


def plot_curve(curve: LearningCurve, ax: Any = None) -> Any:
    """Draw scores by the number of labels, with bands of single draws, and dashed what the fitted law says.

    Parameters
    ----------
    curve : LearningCurve
    ax : matplotlib.axes.Axes, default=None
        None: a new figure of pyplot.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    MissingExtra
        matplotlib is not installed.
    """
    ax = _axes(ax)
    for color, one in zip(COLORS, curve.curves, strict=False):
        low, high = zip(*(point.band for point in one.points), strict=True)
        ax.fill_between(one.labels, low, high, color=color, alpha=0.18, linewidth=0)
        ax.plot(one.labels, one.means, "o-", color=color, markersize=4, label=one.name)
        ahead = [pair for pair in one.fitted if pair[0] >= one.labels[-1]]
        if ahead:
            sizes = [size for size, _ in ahead]
            forecasts = [forecast for _, forecast in ahead]
            ax.plot(sizes, [found.value for found in forecasts], "--", color=color)
            ends = [[getattr(found, end) for found in forecasts] for end in ("low", "high")]
            ax.fill_between(sizes, *ends, color=color, alpha=0.18, linewidth=0, hatch="//")
    ax.axvline(curve.n, color=GREY, linewidth=0.8, linestyle=":")
    ax.annotate(
        f" all {curve.n}",
        (curve.n, 0.02),
        xycoords=("data", "axes fraction"),
        color=GREY,
        fontsize=8,
    )
    _scale_by_twos(ax, curve.curves[0].labels, 2 * curve.n)
    ax.set_xlabel("labels to train on")
    ax.set_ylabel(curve.score.replace("_", " "))
    return _finish(ax, f"head {curve.head}, {curve.draws} draws")


def plot_layers(probe: LayerProbe, ax: Any = None) -> Any:
    """Draw scores by depth, a line a pooling, with 95 % intervals of the difference to the backbone's own tap.

    Parameters
    ----------
    probe : LayerProbe
    ax : matplotlib.axes.Axes, default=None
        None: a new figure of pyplot.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    MissingExtra
        matplotlib is not installed.
    """
    ax = _axes(ax)
    own, chosen = probe.own, probe.chosen
    places = {tap: k for k, tap in enumerate(dict.fromkeys(layer.tap for layer in probe.layers))}
    lines: dict[str, list[LayerScore]] = {}
    for layer in probe.layers:
        # A tap that gives rows ends every line.
        lines.setdefault("rows" if len(layer.shape) == 1 else layer.pooling, []).append(layer)
    pooled = [name for name in lines if name != "rows"]
    for color, (name, layers) in zip(cycle(COLORS), lines.items(), strict=False):
        # Side by side, so that intervals do not hide each other.
        aside = 0.0 if name == "rows" else 0.12 * (pooled.index(name) - (len(pooled) - 1) / 2)
        at = [places[layer.tap] + aside for layer in layers]
        bounds = [_bounds(layer) for layer in layers]
        low, high = zip(*bounds, strict=True)
        alone = {"linestyle": "none"} if name == "rows" else {}
        ax.errorbar(
            at,
            [layer.score for layer in layers],
            yerr=[low, high],
            color=color,
            marker="o",
            markersize=4,
            capsize=2,
            elinewidth=0.8,
            label=name,
            **alone,
        )
    ax.axhline(own.score, color=GREY, linewidth=0.8, linestyle=":", label="its own tap")
    for layer, marker, label in ((own, "s", None), (chosen, "*", "the tap to use")):
        size = 170 if marker == "*" else 60
        ax.scatter(
            [places[layer.tap]],
            [layer.score],
            s=size,
            marker=marker,
            color="#000000",
            label=label,
            zorder=3,
        )
    depths = {places[layer.tap]: layer.depth for layer in probe.layers}
    ax.set_xticks(list(depths), [str(depth) for depth in depths.values()], fontsize=7)
    ax.set_xlabel("taps, by their depth in nodes")
    ax.set_ylabel(probe.score.replace("_", " "))
    return _finish(ax, f"{probe.backbone}, {probe.n} samples")


def _bounds(layer: LayerScore) -> tuple[float, float]:
    """Return how far the interval of the difference to its own tap goes down and up."""
    gain = layer.gain
    if gain is None or gain.low is None or gain.high is None:
        return 0.0, 0.0
    return max(0.0, gain.value - gain.low), max(0.0, gain.high - gain.value)


def plot_ranking(
    entries: Sequence[tuple[str, float, float, float]],
    *,
    score: str,
    baselines: Mapping[str, float] | None = None,
    ax: Any = None,
) -> Any:
    """Draw one score with its interval a line, the first on top, and baselines as lines from top to bottom.

    Parameters
    ----------
    entries : sequence of (name, value, low, high)
    score : str
        The name of the score, for the axis.
    baselines : mapping of str to float, default=None
    ax : matplotlib.axes.Axes, default=None
        None: a new figure of pyplot.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    MissingExtra
        matplotlib is not installed.
    """
    ax = _axes(ax)
    names, values, lows, highs = (list(column) for column in zip(*entries, strict=True))
    places = list(range(len(entries)))[::-1]
    spans = [
        [value - low for value, low in zip(values, lows, strict=True)],
        [high - value for value, high in zip(values, highs, strict=True)],
    ]
    ax.errorbar(values, places, xerr=spans, fmt="o", color=COLORS[0], capsize=3, markersize=5)
    for color, (name, value) in zip(COLORS[1:], (baselines or {}).items(), strict=False):
        ax.axvline(value, color=color, linestyle="--", linewidth=1.2, label=name)
    ax.set_yticks(places, [_shortened(name) for name in names])
    ax.set_ylim(-0.6, len(entries) - 0.4)
    ax.set_xlabel(score.replace("_", " "))
    return _finish(ax, None, legend=bool(baselines))


def _axes(ax: Any) -> Any:
    """Return the axes that were given, or those of a new figure."""
    if ax is not None:
        return ax
    pyplot = require("matplotlib.pyplot", extra="plot")
    return pyplot.subplots(figsize=(_WIDTH, _HEIGHT), layout="constrained")[1]


def _scale_by_twos(ax: Any, labels: Sequence[int], most: int) -> None:
    """Make equal factors equal lengths, with the numbers of labels written out."""
    ticks: list[int] = []
    for n in labels:
        # Numbers nearer to each other would overlap.
        if not ticks or n >= 1.5 * ticks[-1]:
            ticks.append(n)
    ax.set_xscale("log", base=2)
    ax.set_xticks([*ticks, most], [str(n) for n in (*ticks, most)], fontsize=8)
    ax.minorticks_off()


def _shortened(name: str, most: int = 40) -> str:
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[-most // 2 :]}"


def _finish(ax: Any, title: str | None, *, legend: bool = True) -> Any:
    if title:
        ax.set_title(title, fontsize=9, color=GREY, loc="right")
    ax.grid(True, color="#e0e0e0", linewidth=0.6)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    if legend:
        ax.legend(frameon=False, fontsize=8)
    return ax
