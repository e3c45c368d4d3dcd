"""The schemas of queries and bodies: requests are validated with them, and documented from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from featx.server.sureness import SurenessFields

__all__ = [
    "EmbeddingsRequest",
    "ErrorResponse",
    "InferErrorResponse",
    "InferRequest",
    "PredictQuery",
    "PredictRequest",
    "SampleInput",
    "TensorInput",
]


class PredictQuery(SurenessFields):
    """What the query of a request to predict may say."""

    model: list[str] = Field(default=[], description="Classifiers; all by default")
    top_k: int = Field(default=3, ge=1, le=1000, description="Classes to list")
    explain: bool = Field(
        default=False, description="Say what of each sample speaks for the answer; of a few samples"
    )


class StrictModel(BaseModel):
    """A JSON object that may hold no unknown field."""

    model_config = ConfigDict(extra="forbid")


# A value of a record: base64 of a file, a text, a number, or a list of these.
Value = str | int | float | bool | None | list[str | int | float | None]


class SampleInput(StrictModel):
    """One sample: ``data`` in base64, a ``text``, or ``values`` by the names of columns."""

    id: str | None = None
    data: str | None = Field(
        default=None, description="A picture or a sound in base64, or as a data: URL"
    )
    text: str | None = None
    values: dict[str, Value] | None = Field(
        default=None,
        description="Of a model of records: pictures and sounds in base64, several in a list; texts, numbers",
    )


class PredictRequest(SurenessFields, StrictModel):
    """Samples to predict; a single one may stand without the list."""

    samples: list[SampleInput] = []
    data: str | None = None
    text: str | None = None
    values: dict[str, Value] | None = None
    model: str | list[str] | None = Field(
        default=None, description="Names of classifiers; all by default"
    )
    top_k: Annotated[int, Field(ge=1, le=1000)] | None = None

    def all_samples(self) -> list[SampleInput]:
        """Return the samples of the list, and the single one."""
        if self.data is None and self.text is None and self.values is None:
            return self.samples
        single = SampleInput(data=self.data, text=self.text, values=self.values)
        return [*self.samples, single]


class EmbeddingsRequest(BaseModel):
    """A request in the form of OpenAI's embeddings; its fields that are not known here are ignored."""

    model_config = ConfigDict(extra="allow")

    model: str
    # Token ids are accepted here so that they can be refused in words that help.
    input: str | list[str] | list[int] | list[list[int]] = Field(
        description="Texts; for pictures and sounds base64 or data: URLs"
    )
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class TensorInput(BaseModel):
    """A tensor of the Open Inference Protocol."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = {}
    data: list[Any] | None = Field(
        default=None, description="Left out where binary_data_size says how many bytes follow"
    )


class RequestedOutput(BaseModel):
    """The name of an output that is wanted."""

    name: str
    parameters: dict[str, Any] = {}


class InferRequest(BaseModel):
    """A request of the Open Inference Protocol."""

    # It comes back in the answer.
    id: str | None = Field(default=None, max_length=1000)
    parameters: dict[str, Any] = {}
    inputs: list[TensorInput]
    outputs: list[RequestedOutput] = []


class InferErrorResponse(BaseModel):
    """A failure as the Open Inference Protocol has it: a sentence."""

    error: str


class ErrorDetails(BaseModel):
    """What went wrong: the HTTP status, a word for programs, and a sentence for people."""

    status: int
    code: str
    message: str


class ErrorResponse(BaseModel):
    """The one shape of every failure outside the Open Inference Protocol."""

    error: ErrorDetails
