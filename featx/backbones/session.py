"""Sessions: a graph in ONNX Runtime, cut at its tap, on the provider that was asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

# Since 1.29 ONNX Runtime reports its use to its maker unless this is set before it is loaded; featx
# keeps off the network, whoever asks nothing of it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as failures

from featx.backbones.providers import CPU, PROVIDERS, Provider
from featx.errors import BadGraph, MissingProvider, first_line
from featx.graphs.cache import cached_cut, store_cut
from featx.storage.blob import Blob

__all__ = [
    "DTYPES",
    "FAILURES",
    "Interrupt",
    "available",
    "check_started",
    "interruptible",
    "open_graph",
    "open_session",
    "run_session",
    "runtime_version",
]

if hasattr(onnxruntime, "disable_telemetry_events"):
    # for a program that loaded it before us
    onnxruntime.disable_telemetry_events()

FAILURES = (
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NoSuchFile,
    failures.NotImplemented,
    failures.RuntimeException,
)
# NumPy's types of tensors, by ONNX Runtime's names.
DTYPES: Mapping[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
# What ONNX Runtime says of a graph of a later version than it reads.
_FORMAT = re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)")
_OPSET = re.compile(
    r"Opset (\d+) is under development.*support for domain (\S+) is till opset (\d+)"
)
_FOLDER = "session.model_external_initializers_file_folder_path"
# with what its Python side raises, such as of names that are no text
_RAISED = (*FAILURES, RuntimeError, ValueError, TypeError, MemoryError, OverflowError)


def available() -> tuple[str, ...]:
    """Return the providers that the installed ONNX Runtime offers, by featx's names."""
    offered = set(onnxruntime.get_available_providers())
    return tuple(name for name, kind in PROVIDERS.items() if kind.runtime in offered)


def runtime_version() -> str:
    """Return the version of the installed ONNX Runtime."""
    return str(onnxruntime.__version__)


def open_graph(
    path: Blob, tap: str | None, *, key: str, provider: Provider = CPU, cut: bool = False
) -> onnxruntime.InferenceSession:
    """Return a session whose only output is ``tap``; a graph that gives nothing else is loaded as it is.

    Parameters
    ----------
    cut : bool, default=False
        Whether a graph that gives nothing else is cut too: it loses the inputs that the tap does not need.
    key : str
        Stands for the graph's bytes, all of them, and the tap: under it a graph that had to be cut is
        kept in the cache folder, so that the next start neither loads onnx nor cuts it again.

    Raises
    ------
    BadGraph
        ONNX Runtime cannot load it.
    MissingProvider
        The provider is not there, or does not start.
    """
    if (data := cached_cut(key)) is not None:
        return open_session(data, path, provider)
    if not cut:
        session = _open_whole(path, provider)
        names = [output.name for output in session.get_outputs()]
        if len(names) == 1 and tap in (None, names[0]):
            return session
    # onnx takes 0.3 s to import, and only a cut needs it
    from featx.graphs import cut_graph

    data = cut_graph(path, tap, beside=path.path is not None)
    session = open_session(data, path, provider)
    store_cut(key, data)
    return session


def open_session(
    graph: Blob | bytes, path: Blob | Path, provider: Provider = CPU, *, integers: bool = True
) -> onnxruntime.InferenceSession:
    """Return a session of one thread for a graph; ``path`` names it where it fails.

    Parameters
    ----------
    graph : Blob or bytes
    path : Blob or path
    provider : Provider, default=CPU
    integers : bool, default=True
        Whether layers between DequantizeLinear and QuantizeLinear are computed in integers; otherwise they are
        computed in float32, as the graph is written.

    Raises
    ------
    BadGraph
        ONNX Runtime cannot load it.
    MissingProvider
        The provider is not there, or does not start: nothing is computed elsewhere in silence.
    """
    kind = provider.kind
    if kind.runtime not in onnxruntime.get_available_providers():
        raise MissingProvider(
            f"provider {provider}: the installed ONNX Runtime offers {', '.join(available())}; "
            f"it comes with {kind.brings}, which takes the place of the installed one"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # what fails is raised, and warnings about a foreign graph help nobody; why a device does not start is
    # told nowhere else
    options.log_severity_level = 4 if provider == CPU else 3
    # it refuses to start otherwise
    if provider.name == "directml":
        options.enable_mem_pattern = False
    if not integers:
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    source: bytes | str
    if isinstance(graph, Blob):
        # Weights in a file beside the graph are found by the graph's own path.
        source = graph.read() if graph.path is None else str(graph.path)
    else:
        source = graph
        if isinstance(path, Blob) and path.path is not None:
            # what a graph that was cut left in files beside it
            folder = str(path.path.absolute().parent)
            options.add_session_config_entry(_FOLDER, folder)
    chosen = [(kind.runtime, dict(provider.options))]
    try:
        # on the CPU there is nothing to fall back to, but a report on standard output
        session = onnxruntime.InferenceSession(
            source, options, providers=chosen, enable_fallback=provider != CPU
        )
    except _RAISED as error:
        said = _too_new(str(error)) or f"ONNX Runtime cannot load it: {first_line(error)}"
        raise BadGraph(f"{path}: {said}") from error
    check_started(session, provider)
    return session


def _open_whole(path: Blob, provider: Provider) -> onnxruntime.InferenceSession:
    """Return a session for a graph that is not cut."""
    if path.path is None:
        # for ONNX Runtime there are no files beside a graph in an archive
        return open_session(_with_weights(path) or path, path, provider)
    try:
        return open_session(path, path, provider)
    except BadGraph:
        # it looks into shapes before it loads what lies beside a graph, and shapes may lie there
        if (data := _with_weights(path)) is None:
            raise
    return open_session(data, path, provider)


def _with_weights(path: Blob) -> bytes | None:
    """Return a graph with the weights that lie beside it, but for very large ones; None where none do."""
    data = path.read()
    # this key says where weights are; onnx need not be loaded for a graph without it
    if b"location" not in data:
        return None
    from featx.graphs import external_data, join_weights

    beside = path.path is not None
    return join_weights(path, beside=beside) if external_data(data) else None


def _too_new(message: str) -> str:
    """Return what to do where ONNX Runtime says that a graph is of a later version; empty otherwise."""
    runtime = f"the installed ONNX Runtime {onnxruntime.__version__} reads"
    if found := _FORMAT.search(message):
        its, most = found.groups()
        return (
            f"is written in version {its} of ONNX's format (IR), and {runtime} {most} at most: update "
            f"onnxruntime, or save the graph with ir_version = {most}"
        )
    if found := _OPSET.search(message):
        its, domain, most = found.groups()
        return (
            f"is written with operator set {its} of {domain}, and {runtime} {most} at most: update "
            f"onnxruntime, or export it with opset_version={most} or an earlier one"
        )
    return ""


def check_started(session: onnxruntime.InferenceSession, provider: Provider) -> None:
    """Raise MissingProvider where a session is not computed by the provider: ONNX Runtime only logs it."""
    if session.get_providers()[0] != provider.kind.runtime:
        raise MissingProvider(
            f"provider {provider}: ONNX Runtime has it but cannot start it here (are its drivers and "
            f"libraries installed?), and would compute on the CPU instead; provider='cpu' does so knowingly"
        )


class Interrupt:
    """A switch that ends runs of graphs from another thread; see ``interruptible``.

    Attributes
    ----------
    stopped : bool
        Whether ``stop`` was called.
    """

    def __init__(self) -> None:
        self._options = onnxruntime.RunOptions()
        # What fails is raised; ONNX Runtime need not write to standard error of it, too.
        self._options.log_severity_level = 4
        self.stopped = False

    def stop(self) -> None:
        """End the run that is under way, at its next node, and every later one under this switch."""
        self.stopped = True
        self._options.terminate = True


_CURRENT: ContextVar[Interrupt | None] = ContextVar("featx interrupt", default=None)


def interruptible(interrupt: Interrupt) -> AbstractContextManager[None]:
    """Let ``interrupt`` end every run of a graph that the calling thread starts within the block.

    A run that was ended raises BadGraph, as one that fails does; ``interrupt.stopped`` tells them apart.
    """
    return _Interruptible(interrupt)


class _Interruptible:
    """The block of ``interruptible``; every batch of a server has one, so that it is no generator."""

    __slots__ = ("_interrupt", "_token")

    def __init__(self, interrupt: Interrupt) -> None:
        self._interrupt = interrupt

    def __enter__(self) -> None:
        self._token = _CURRENT.set(self._interrupt)

    def __exit__(self, *failure: object) -> None:
        _CURRENT.reset(self._token)


def run_session(
    session: onnxruntime.InferenceSession, feeds: Mapping[str, npt.NDArray[Any]]
) -> list[Any]:
    """Return all outputs of a graph; an ``interruptible`` block of the calling thread can end the run.

    Raises
    ------
    BadGraph
        The graph failed, or its run was ended.
    """
    interrupt = _CURRENT.get()
    try:
        return list(session.run(None, feeds, interrupt._options if interrupt else None))
    except _RAISED as error:
        if interrupt is not None and interrupt.stopped:
            raise BadGraph("the graph was stopped: it took longer than it was given") from error
        raise BadGraph(f"the graph failed: {first_line(error)}") from error
