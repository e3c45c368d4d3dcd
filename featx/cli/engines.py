"""The choice of the engine that makes shards: this process, or the cores of a cluster of Ray."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from featx.cli.options import RunChoice, gather_options

if TYPE_CHECKING:
    from featx.backbones.backbone import Backbone
    from featx.embedding.engine import Engine
    from featx.embedding.joint_rows import JointEmbedder
    from featx.embedding.rows import Written
    from featx.storage.remote import AnyPath
    from featx.tables.shard_plan import ShardPlan
    from featx.tables.shards import Shard

__all__ = ["EngineChoice", "engine_options"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The options that say where shards are made."""

    engine: str
    address: str | None

    def check(self, run: RunChoice, output: AnyPath, *, in_shards: bool) -> None:
        """Refuse options that make no sense together, before anything is read."""
        if self.engine == "local":
            if self.address is not None:
                raise click.UsageError(
                    "--address is that of a cluster; expected --engine ray with it"
                )
            return
        if not in_shards:
            raise click.UsageError(
                "--engine ray: its workers write shards; expected --shards N or --shard-size COUNT with it"
            )
        from featx.backbones.providers import read_provider
        from featx.distributed.attempts import check_shared
        from featx.distributed.extraction import check_cluster_options

        check_shared(output)
        check_cluster_options(read_provider(run.provider), self.address)

    def refuse_joint(self) -> None:
        """Refuse workers of a cluster for rows of several inputs: they open one backbone by its card."""
        if self.engine != "local":
            raise click.UsageError(
                f"--engine {self.engine}: its workers make rows of one backbone; leave it out with a "
                "--predictor of several inputs"
            )

    def make(
        self,
        plan: ShardPlan,
        missing: Sequence[Shard],
        backbone: Backbone | JointEmbedder,
        engine: Engine,
    ) -> dict[Shard, Written]:
        """Make the shards that are missing, and return what each holds."""
        if self.engine == "local":
            from featx.tables.shard_plan import make_shards

            return dict(make_shards(plan, missing, backbone, engine))
        from featx.distributed.extraction import make_missing
        from featx.embedding.joint_rows import JointEmbedder

        assert not isinstance(backbone, JointEmbedder)
        return make_missing(plan, missing, backbone, engine, self.address)


def engine_options(function: F) -> F:
    """Give a command ``--engine --address`` as one ``EngineChoice`` named ``cluster``."""
    options = [
        click.option(
            "--engine",
            type=click.Choice(["local", "ray"]),
            default="local",
            show_default=True,
            help="Who makes the shards: this process, or workers of Ray, one a core of a cluster.",
        ),
        click.option(
            "--address",
            metavar="HOST:PORT",
            help="The head of the cluster of Ray, or auto [default: $RAY_ADDRESS, or one of this machine, "
            "which ends with the command].",
        ),
    ]
    return gather_options(function, options, EngineChoice, "cluster")
