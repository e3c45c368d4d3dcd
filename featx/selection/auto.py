"""The backbone that ``fit`` trains on: named, given open, the shipped one, or the best of a comparison."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

from featx.backbones.backbone import Backbone
from featx.catalog import Card
from featx.embedding.engine import Engine
from featx.errors import BadOption
from featx.labelled import LabelledSamples
from featx.reporting.comparison import Comparison
from featx.selection.clock import Clock
from featx.selection.compare import CostLimits, choose_backbone
from featx.selection.labelled_rows import open_for
from featx.selection.limits import read_milliseconds, read_seconds
from featx.selection.ranking import RankingSetup
from featx.tasks import Task
from featx.tuning import HeadConfig
from featx.tuning.progress import progress_bars

__all__ = ["AUTO", "check_costs", "find_backbone"]

AUTO = "auto"


def check_costs(backbone: object, limits: CostLimits) -> None:
    """Raise BadOption where a limit is none, or is given though nothing is to be chosen."""
    limits.check()
    if isinstance(backbone, str) and backbone == AUTO:
        return
    for name in ("max_latency", "time_limit"):
        if (value := getattr(limits, name)) is not None:
            raise BadOption(
                f"{name} = {value!r:.60}: only backbone='auto' chooses by it; leave it out"
            )


def find_backbone(
    backbone: str | Card | Backbone | None,
    given: LabelledSamples,
    task: Task,
    config: HeadConfig,
    *,
    engine: Engine,
    limits: CostLimits,
    verbose: bool = False,
) -> tuple[Backbone, Comparison | None]:
    """Return the backbone that is meant, and the comparison that chose it; None where nothing was compared.

    Parameters
    ----------
    backbone : str, Card, Backbone or None
        ``"auto"``: the best of all that are on this machine, with the head that ``config`` has.
    given : LabelledSamples
    task : Task
    config : HeadConfig
    engine : Engine
    limits : CostLimits
    verbose : bool, default=False
        Whether to show bars.
    """
    if not isinstance(backbone, str) or backbone != AUTO:
        return open_for(backbone, given), None
    with progress_bars() if verbose else nullcontext() as progress:
        setup = RankingSetup(
            given,
            task,
            config,
            (config.head,),
            replace(engine, progress=None),
            Clock(read_seconds(limits.time_limit, "time_limit"), progress),
            max_milliseconds=read_milliseconds(limits.max_latency, "max_latency"),
        )
        chosen = choose_backbone(setup, None, limits)
    return chosen.winner.open(), chosen.comparison
