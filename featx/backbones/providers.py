"""Providers: where a graph is computed, by short names and in known precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from featx.errors import BadOption, wrong_type

__all__ = ["CPU", "PROVIDERS", "Kind", "Provider", "read_provider"]

Options = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Kind:
    """One of ONNX Runtime's execution providers, as featx offers it.

    Attributes
    ----------
    runtime : str
        Its name in ONNX Runtime.
    precisions : tuple of str
        What it can compute in; the first is the default: that of the graph, float32.
    brings : str
        The package that has it.
    options : callable
        Returns what ONNX Runtime is given, of a precision and the number of a device.
    batch_size : int or None
        Samples a run where nobody says; None is as on a CPU.
    devices : bool
        Whether there may be several devices, by number.
    """

    runtime: str
    precisions: tuple[str, ...]
    brings: str
    options: Callable[[str, int], Options]
    batch_size: int | None = None
    devices: bool = False


def _openvino(precision: str, device: int) -> Options:
    kind = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}[precision]
    # one stream of one thread for each worker, as on the CPU provider; and no precision but the one asked for
    hints = f'{{"CPU": {{"INFERENCE_PRECISION_HINT": "{kind}", "NUM_STREAMS": "AUTO"}}}}'
    return {"device_type": "CPU", "load_config": hints}


def _cuda(precision: str, device: int) -> Options:
    return {"device_id": str(device), "use_tf32": "1" if precision == "tf32" else "0"}


def _coreml(precision: str, device: int) -> Options:
    # the neural engine computes in float16 whatever it is told
    return {"ModelFormat": "MLProgram", "MLComputeUnits": "CPUAndGPU"}


PROVIDERS: Mapping[str, Kind] = MappingProxyType(
    {
        "cpu": Kind("CPUExecutionProvider", ("fp32",), "onnxruntime", lambda p, d: {}),
        "openvino": Kind(
            "OpenVINOExecutionProvider", ("fp32", "bf16", "fp16"), "onnxruntime-openvino", _openvino
        ),
        "cuda": Kind(
            "CUDAExecutionProvider",
            ("fp32", "tf32"),
            "onnxruntime-gpu",
            _cuda,
            batch_size=256,
            devices=True,
        ),
        "coreml": Kind("CoreMLExecutionProvider", ("fp32",), "onnxruntime on macOS", _coreml),
        "directml": Kind(
            "DmlExecutionProvider",
            ("fp32",),
            "onnxruntime-directml on Windows",
            lambda precision, device: {"device_id": str(device)},
            batch_size=64,
            devices=True,
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider with its precision and device; hashable."""

    name: str
    precision: str
    device: int = 0

    @property
    def kind(self) -> Kind:
        """The entry that describes the provider."""
        return PROVIDERS[self.name]

    @property
    def exact(self) -> bool:
        """Whether it computes in the graph's own precision, so that its rows are the card's."""
        return self.precision == self.kind.precisions[0]

    @property
    def options(self) -> Options:
        """The options that ONNX Runtime is given."""
        return self.kind.options(self.precision, self.device)

    def __str__(self) -> str:
        """Return what ``read_provider`` reads; the device, which changes no number, is left out."""
        return self.name if self.exact else f"{self.name}:{self.precision}"


CPU = Provider("cpu", "fp32")


def read_provider(text: str | Provider) -> Provider:
    """Return the provider of ``NAME[:PRECISION][:DEVICE]``, such as ``openvino:bf16``; one as it is.

    Raises
    ------
    BadOption
        There is no such provider, or it has no such precision or device.

    Examples
    --------
    >>> read_provider("cuda:tf32:1")
    Provider(name='cuda', precision='tf32', device=1)
    """
    if isinstance(text, Provider):
        return text
    if not isinstance(text, str):
        raise wrong_type("provider", text, "its name")
    name, *rest = text.lower().split(":")
    if name not in PROVIDERS:
        raise BadOption(f"provider {text!r}: expected one of {', '.join(PROVIDERS)}")
    kind = PROVIDERS[name]
    precision, device = kind.precisions[0], 0
    for word in rest:
        if word in kind.precisions:
            precision = word
        elif kind.devices and word.isdecimal():
            device = int(word)
        else:
            known = ", ".join((*kind.precisions, *(["a device's number"] if kind.devices else [])))
            raise BadOption(f"provider {text!r}: after {name} expected one of {known}")
    return Provider(name, precision, device)
