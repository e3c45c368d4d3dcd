"""The cost of a choice of inputs: the time of a sample, input by input, and the bytes of all backbones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from featx.backbones.providers import CPU, Provider
from featx.inputs.input import Input
from featx.inputs.joint import open_joint
from featx.selection.latency import measure_part_milliseconds
from featx.sources import Sample

__all__ = ["CostMeter", "InputCost"]


@dataclass(frozen=True, slots=True)
class InputCost:
    """The cost of some inputs together.

    Attributes
    ----------
    milliseconds : float
        The sum of what each input takes a sample, measured on this machine.
    bytes : int or None
        The size of the files of all backbones, each file once; None where one is not known.

    Examples
    --------
    >>> InputCost(4.0, 2_000_000).describe_excess(max_milliseconds=3)
    '4.0 ms a sample, above max_latency = 3 ms'
    """

    milliseconds: float
    bytes: int | None

    def describe_excess(
        self, *, max_milliseconds: float | None = None, max_bytes: float | None = None
    ) -> str:
        """Return which limit it is above, and by what; '' where it keeps to both."""
        if max_bytes is not None and (self.bytes is None or self.bytes > max_bytes):
            size = "of unknown size" if self.bytes is None else f"{self.bytes / 1e6:.1f} MB"
            return f"{size}, above max_size = {max_bytes / 1e6:g} MB"
        if max_milliseconds is not None and self.milliseconds > max_milliseconds:
            return (
                f"{self.milliseconds:.1f} ms a sample, above max_latency = {max_milliseconds:g} ms"
            )
        return ""


@dataclass(slots=True)
class CostMeter:
    """The meter of what inputs cost; each input is timed once.

    Attributes
    ----------
    samples : sequence of Sample
        Records, of which the first that can be read are timed.
    """

    samples: Sequence[Sample]
    _times: dict[tuple[str, str], float] = field(default_factory=dict, repr=False)

    def measure(self, inputs: Sequence[Input], provider: Provider = CPU) -> InputCost:
        """Return what inputs cost together; backbones are opened.

        Parameters
        ----------
        inputs : sequence of Input
        provider : Provider, default=CPU
            Where those are computed that were not measured before.

        Raises
        ------
        MissingWeights, WrongDigest
            The bytes of a backbone are not on this machine, or others are in their place.
        """
        times = [self._milliseconds(one, provider) for one in inputs]
        return InputCost(sum(times), self.count_bytes(inputs))

    @staticmethod
    def count_bytes(inputs: Sequence[Input]) -> int | None:
        """Return the size of the files of all backbones, each file once; None where one is not known."""
        cards = [one.card for one in inputs if one.has_backbone]
        files = {file.sha256: file.size for card in cards for file in (card.graph, *card.files)}
        return None if None in files.values() else sum(size or 0 for size in files.values())

    def _milliseconds(self, one: Input, provider: Provider) -> float:
        key = (one.name, one.source.fingerprint)
        if key not in self._times:
            [part] = open_joint([one], provider, examine=False).parts
            self._times[key] = measure_part_milliseconds(self.samples, part) or 0.0
        return self._times[key]
