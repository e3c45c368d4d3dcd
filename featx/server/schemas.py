"""What JSON bodies look like: read with these, and documented from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "EmbeddingsRequest",
    "ErrorForm",
    "InferErrorForm",
    "InferRequest",
    "PredictRequest",
    "SampleForm",
    "TensorForm",
]


class Form(BaseModel):
    """A JSON object in which nothing unknown is passed over."""

    model_config = ConfigDict(extra="forbid")


class SampleForm(Form):
    """One sample: ``data`` in base64, or a ``text``."""

    id: str | None = None
    data: str | None = Field(
        default=None, description="A picture or a sound in base64, or as a data: URL"
    )
    text: str | None = None


class PredictRequest(Form):
    """Samples to predict; a single one may stand without the list."""

    samples: list[SampleForm] = []
    data: str | None = None
    text: str | None = None
    model: str | list[str] | None = Field(
        default=None, description="Names of classifiers; all by default"
    )
    top_k: Annotated[int, Field(ge=1, le=1000)] | None = None

    def all_samples(self) -> list[SampleForm]:
        """Those of the list, and the single one."""
        if self.data is None and self.text is None:
            return self.samples
        return [*self.samples, SampleForm(data=self.data, text=self.text)]


class EmbeddingsRequest(BaseModel):
    """A request in the form of OpenAI's embeddings; what is not known of it is passed over."""

    model_config = ConfigDict(extra="allow")

    model: str
    input: str | list[str] = Field(
        description="Texts; for pictures and sounds base64 or data: URLs"
    )
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class TensorForm(BaseModel):
    """A tensor of the Open Inference Protocol."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = {}
    data: list[Any]


class OutputForm(BaseModel):
    """The name of an output that is wanted."""

    name: str
    parameters: dict[str, Any] = {}


class InferRequest(BaseModel):
    """A request of the Open Inference Protocol."""

    id: str | None = None
    parameters: dict[str, Any] = {}
    inputs: list[TensorForm]
    outputs: list[OutputForm] = []


class InferErrorForm(BaseModel):
    """A failure as the Open Inference Protocol has it: a sentence."""

    error: str


class Failure(BaseModel):
    """What went wrong: the HTTP status, a word for programs, and a sentence for people."""

    status: int
    code: str
    message: str


class ErrorForm(BaseModel):
    """The one shape of every failure, but of the Open Inference Protocol's."""

    error: Failure
