"""The tensors in which predictions are given by graphs and servers."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OutputTensor"]


@dataclass(frozen=True, slots=True)
class OutputTensor:
    """The name and form of a tensor of predictions in the Open Inference Protocol.

    Attributes
    ----------
    name : str
    datatype : {"BYTES", "FP32"}
    columns : int or None
        Values a sample; None: the tensor has one axis only.

    Examples
    --------
    >>> OutputTensor("probabilities", "FP32", 3).columns
    3
    """

    name: str
    datatype: str
    columns: int | None = None
