"""Where a graph is computed: ONNX Runtime's execution providers, by short names and in known precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from featx.errors import BadOption

__all__ = ["CPU", "PROVIDERS", "Kind", "Provider", "read_provider"]

Options = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Kind:
    """One execution provider, as featx offers it."""

    runtime: str  # its name in ONNX Runtime
    precisions: tuple[str, ...]  # the first is the default: that of the graph, float32
    brings: str  # the package that has it
    options: Callable[[str, int], Options]  # what it is told, by precision and device
    # samples a run where nobody says; None: as on a CPU
    batch_size: int | None = None
    devices: bool = False  # whether there may be several, by number


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
        """What is known of it."""
        return PROVIDERS[self.name]

    @property
    def exact(self) -> bool:
        """Whether it computes in the graph's own precision, so that its rows are the card's."""
        return self.precision == self.kind.precisions[0]

    @property
    def options(self) -> Options:
        """What ONNX Runtime is told."""
        return self.kind.options(self.precision, self.device)

    def __str__(self) -> str:
        """As ``read_provider`` reads it; the device, which changes no number, left out."""
        return self.name if self.exact else f"{self.name}:{self.precision}"


CPU = Provider("cpu", "fp32")


def read_provider(text: str) -> Provider:
    """The provider of ``NAME[:PRECISION][:DEVICE]``, such as ``openvino``, ``openvino:bf16`` or ``cuda:1``.

    Raises
    ------
    BadOption
        There is no such provider, or it has no such precision or device.

    Examples
    --------
    >>> read_provider("cuda:tf32:1")
    Provider(name='cuda', precision='tf32', device=1)
    """
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
