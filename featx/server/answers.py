"""The schemas of answers, from which they are documented; what is sent is tested against them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from featx.server.schemas import ErrorDetails, StrictModel

__all__ = [
    "EmbeddingsAnswer",
    "HealthAnswer",
    "InferAnswer",
    "LiveAnswer",
    "ModelAnswer",
    "ModelReadyAnswer",
    "ModelsAnswer",
    "PredictAnswer",
    "ReadyAnswer",
    "ServerAnswer",
]


class RankedLabel(StrictModel):
    """A class or a label, and its probability."""

    label: str
    probability: float


class Number(StrictModel):
    """A number, and the interval around it."""

    value: float
    low: float
    high: float


class ExplainedPlace(StrictModel):
    """A place of a sample and what it adds to the score: a box in pixels, characters, or seconds."""

    value: float
    place: list[float] | None = None
    name: str | None = Field(
        default=None, description="Of several inputs: the input, or a column or photo of it"
    )


class ExplainedInput(StrictModel):
    """One of several inputs and what it adds to the score, which its own parts add up to."""

    name: str
    kind: str
    value: float
    parts: list[ExplainedPlace] | None = None
    extent: list[float] | None = None
    reason: str | None = Field(default=None, description="Why its parts are no places")


class ExplainedScore(StrictModel):
    """The places that speak for an answer: with ``exact``, bias and values add up to the score."""

    modality: str | None = None
    method: Literal["exact", "occlusion"] | None = None
    target: str | None = None
    against: str | None = None
    score: float | None = None
    bias: float | None = None
    positive: float | None = None
    negative: float | None = None
    extent: list[float] | None = Field(
        default=None, description="Width and height, characters, or seconds"
    )
    inputs: list[ExplainedInput] | None = Field(
        default=None, description="Of several inputs: what each adds"
    )
    parts: list[ExplainedPlace] | None = None
    reason: str | None = Field(default=None, description="Why there is no exact sum")
    error: ErrorDetails | None = Field(default=None, description="Why it cannot be explained")


class PredictedSample(StrictModel):
    """The answer of one predictor to one sample; which fields there are depends on the predictor's task."""

    id: str
    model: str
    label: str | None = Field(default=None, description="Of a classification: the likeliest class")
    probability: float | None = Field(default=None, description="Of a classification: the label's")
    labels: list[str] | None = Field(default=None, description="Of several labels: those it has")
    top: list[RankedLabel] | None = Field(
        default=None, description="The likeliest classes or labels, the likeliest first"
    )
    value: float | None = Field(default=None, description="Of a number: its value")
    low: float | None = Field(default=None, description="Of a number: where its interval begins")
    high: float | None = Field(default=None, description="Of a number: where its interval ends")
    values: dict[str, Number] | None = Field(
        default=None, description="Of several numbers: each by its name"
    )
    set: list[str] | None = Field(
        default=None, description="With a coverage: the labels that hold the right one"
    )
    unsure: list[str] | None = Field(
        default=None, description="Of several labels, with a coverage: those that are open"
    )
    answered: bool | None = Field(default=None, description="Whether it is sure enough to answer")
    novelty: float | None = Field(
        default=None,
        description="Share of the samples of the training that are as far from the others",
    )
    novel: bool | None = Field(default=None, description="Whether that is at most the level asked")
    explanation: ExplainedScore | None = Field(
        default=None, description="With explain: what speaks for the answer"
    )
    remarks: list[str] | None = Field(
        default=None,
        description="What is to be known of the sample, such as a category that training never had",
    )
    error: ErrorDetails | None = Field(default=None, description="Why the sample cannot be read")


class PredictAnswer(StrictModel):
    """The answers of each predictor to each sample, and how long they took."""

    results: list[PredictedSample]
    seconds: float


class EmbeddingItem(StrictModel):
    """The row of a sample: numbers, or their little-endian float32 bytes in base64."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class Usage(StrictModel):
    """The tokens that the backbone has seen."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsAnswer(StrictModel):
    """Rows of samples, in the form of OpenAI's embeddings."""

    object: Literal["list"]
    data: list[EmbeddingItem]
    model: str
    usage: Usage


class Model(StrictModel):
    """A predictor that is served."""

    id: str
    object: Literal["model"]
    task: str
    owned_by: Literal["featx"]
    modality: str
    backbone: str
    fingerprint: str = Field(description="Decides the numbers of the backbone")
    classes: list[str] = Field(description="Its classes, labels, or the names of its numbers")
    columns: dict[str, str] = Field(
        description="Of a model of records: what each column is, such as image or number"
    )


class ModelsAnswer(StrictModel):
    """The predictors that are served."""

    object: Literal["list"]
    data: list[Model]


class HealthAnswer(StrictModel):
    """A word on the state of the server."""

    status: str


class LiveAnswer(StrictModel):
    """The answer whether the server runs."""

    live: bool


class ReadyAnswer(StrictModel):
    """The answer whether every predictor can answer."""

    ready: bool


class ModelReadyAnswer(StrictModel):
    """The answer whether one predictor can answer."""

    name: str
    ready: bool


class ServerAnswer(StrictModel):
    """The server, as the Open Inference Protocol has it."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(StrictModel):
    """The form of a tensor; -1 is any number of samples."""

    name: str
    datatype: str
    shape: list[int]


class ModelParameters(StrictModel):
    """The names of the columns of the outputs."""

    classes: list[str]


class ModelAnswer(StrictModel):
    """A predictor, as the Open Inference Protocol has it."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    parameters: ModelParameters


class TensorOutput(TensorMetadata):
    """A tensor of an answer; its data may follow as bytes, ``binary_data_size`` of them."""

    data: list[Any] | None = None
    parameters: dict[str, Any] | None = None


class InferAnswer(StrictModel):
    """The tensors of an answer, as the Open Inference Protocol has it."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[TensorOutput]
