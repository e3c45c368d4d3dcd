"""What the query and the body of a request hold: files of a form, raw bytes, or JSON, made into samples."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request

from featx.embedding.rows import Reject
from featx.server.encodings import decode_base64, decode_body, media_type_of_url
from featx.server.errors import HTTPError
from featx.server.forms import FormFile, parse_form
from featx.server.hosts import is_simple_type
from featx.server.json_body import parse_json
from featx.server.limits import Limits
from featx.server.pool import Pool
from featx.server.records import check_records, to_record
from featx.server.registry import ServedInput, ServedPredictor
from featx.server.schemas import PredictQuery, PredictRequest, SampleInput
from featx.server.sureness import SURENESS_FIELDS
from featx.sources import Sample
from featx.sources.sample import shorten
from featx.storage.blob import to_text

__all__ = [
    "PredictInput",
    "bytes_to_parse",
    "check_json_type",
    "check_list",
    "max_values",
    "parse_predict_input",
    "read_body",
    "read_query",
    "to_samples",
    "validate",
]

M = TypeVar("M", bound=BaseModel)

# A sample as it came: an object of JSON, or an id and the bytes of a file or the fields of a form.
_Raw = SampleInput | tuple[str, bytes] | tuple[str, Mapping[str, Any]]

# Names of classifiers, and fields of a form beside the samples.
_MAX_NAMES = 100
# Letters of a query up to which it is remembered.
_REMEMBERED = 200
_SETTINGS = frozenset({"model", "top_k", *SURENESS_FIELDS})
_KINDS = frozenset({"image", "audio", "text", "record"})
_RAW_TYPES = ("image", "audio", "text", "application/octet-stream")
_EXPECTED_TYPES = (
    "expected multipart/form-data, application/json, application/octet-stream, or the type of a "
    "picture, a sound or a text"
)


@dataclass(frozen=True, slots=True)
class PredictInput:
    """What a request to predict holds.

    Attributes
    ----------
    samples : sequence of SampleInput, or of an id and bytes
    models : sequence of str
        Names of predictors; empty for all.
    top_k : int
        Classes to list.
    modality : str, default=None
        The kind of all samples, where the content type says it.
    kinds : frozenset of str, default=frozenset()
        The kinds that the samples seem to be of, which choose predictors where no name does.
    sureness : mapping, default={}
        Arguments of ``Predictor.with_abstention``; none where nothing was asked.
    fields : sequence of pairs, default=()
        The fields of a form that may be the columns of a record, each with its name; bytes of a file, or a
        text.
    settings : frozenset of str, default=frozenset()
        The names of fields of a form that were taken for settings of the request.
    """

    samples: Sequence[_Raw]
    models: Sequence[str]
    top_k: int
    modality: str | None = None
    kinds: frozenset[str] = frozenset()
    sureness: Mapping[str, Any] = field(default_factory=dict)
    fields: Sequence[tuple[str, str | bytes]] = ()
    settings: frozenset[str] = frozenset()

    def of(self, served: ServedPredictor) -> Sequence[_Raw]:
        """Return the samples as a predictor reads them: the fields of a form are one record, or files.

        Raises
        ------
        HTTPError
            The form has a field that the predictor knows nothing of, or one that may be a setting as well
            as a column (422).
        """
        for name in sorted(self.settings & served.input.columns.keys()):
            raise HTTPError(
                422,
                "unprocessable",
                f"field {name!r}: {served.name} reads a column of that name; name the model in the query, or "
                "send values in JSON",
            )
        if served.input.is_record and self.fields:
            values: dict[str, Any] = {}
            for name, value in self.fields:
                # A browser sends what was not chosen as nothing.
                known = values.setdefault(name, [])
                if value:
                    known.append(value)
            one = {
                name: found[0] if len(found) == 1 else found or None
                for name, found in values.items()
            }
            return [("form", one)]
        for name, value in self.fields:
            if isinstance(value, str) and name != "text":
                raise HTTPError(
                    422,
                    "unprocessable",
                    f"field {name[:100]!r}: expected files, or fields named text, model, top_k, "
                    f"{', '.join(SURENESS_FIELDS)}",
                )
        return self.samples


def read_query(request: Request) -> PredictQuery:
    """Return what the query says; raise HTTPError (422) where that cannot be."""
    text: bytes = request.scope["query_string"]
    read = _read_query if len(text) <= _REMEMBERED else _read_query.__wrapped__
    return read(text)


# The requests of a client differ in their bodies. What is returned is shared: nobody may change it.
@lru_cache(maxsize=64)
def _read_query(text: bytes) -> PredictQuery:
    query = QueryParams(text)
    values: dict[str, Any] = {"model": query.getlist("model")}
    values |= {
        name: query[name] for name in ("top_k", "explain", *SURENESS_FIELDS) if name in query
    }
    return validate(PredictQuery, values, within="query")


async def read_body(request: Request, pool: Pool, limits: Limits) -> bytes:
    """Return the body without its Content-Encoding, once it is whole; it needs no slot of the pool meanwhile.

    Raises
    ------
    HTTPError
        It is not what its Content-Encoding says (400, 413, 415).
    """
    body = await _whole_body(request)
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return body
    inflated = await pool.parse(
        partial(decode_body, body, encoding, limit=limits.max_body), limits.max_body
    )
    request.scope["featx.client"].count_bytes(len(inflated))
    return inflated


async def _whole_body(request: Request) -> bytes:
    """Return the body as it is sent: that of Starlette is a stream, which takes longer than all else here."""
    pieces: list[bytes] = []
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def check_json_type(request: Request) -> None:
    """Raise HTTPError (415) for JSON of a type that a page of another site may send without being asked.

    Whoever shows the token may send it as any type.
    """
    media_type = media_type_of(request)
    if is_simple_type(media_type) and not request.scope["featx.client"].trusted:
        raise HTTPError(
            415,
            "unsupported_media_type",
            f"Content-Type: expected application/json, found {media_type}",
        )


def media_type_of(request: Request) -> str:
    """Return the type of the body without its parameters, in small letters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def parse_predict_input(
    body: bytes,
    request: Request,
    query: PredictQuery,
    limits: Limits,
    *,
    columns: Collection[str] = (),
) -> PredictInput:
    """Return what a request holds; what its body says of models and classes goes before the query.

    ``columns`` are those of the record that is meant, where the query alone tells: fields of a form that have
    these names are no settings.

    Raises
    ------
    HTTPError
        The content type is not one that is read (415), or the body is not what it says (400, 413, 422).
    """
    media_type = media_type_of(request)
    kind = media_type.partition("/")[0]
    if media_type == "multipart/form-data":
        return _parse_form(body, request, query, limits, columns)
    if media_type == "application/json":
        table = parse_json(body, max_values=max_values(limits))
        check_list(table, "samples", limits.max_samples)
        check_list(table, "model", _MAX_NAMES, "names")
        given = validate(PredictRequest, table)
        models = [given.model] if isinstance(given.model, str) else given.model
        top_k = query.top_k if given.top_k is None else given.top_k
        samples = given.all_samples()
        kinds = frozenset(map(_kind_of_object, samples)) - {""}
        sureness = {**query.asked(), **given.asked()}
        return PredictInput(samples, models or query.model, top_k, kinds=kinds, sureness=sureness)
    if kind not in _RAW_TYPES and media_type not in _RAW_TYPES:
        raise HTTPError(
            415,
            "unsupported_media_type",
            f"Content-Type: {_EXPECTED_TYPES}; found {media_type[:100] or 'none'}",
        )
    modality = None if kind == "application" else kind
    sample = request.headers.get("x-sample-id", "body"), body
    kinds = frozenset({kind} & _KINDS)
    return PredictInput([sample], query.model, query.top_k, modality, kinds, query.asked())


def bytes_to_parse(request: Request, body: bytes) -> int:
    """Return how many bytes parsing looks at: none of a picture or sound as it is, which a worker decodes."""
    return 0 if media_type_of(request).startswith(("image/", "audio/")) else len(body)


def max_values(limits: Limits) -> int:
    """Return how many values a body of JSON may hold that has no tensor of numbers."""
    return max(50_000, 16 * limits.max_samples)


def check_list(table: Any, name: str, most: int, what: str = "samples") -> None:
    """Raise HTTPError (413) where a list of an object is longer than it may be, before its items are read."""
    items = table.get(name) if isinstance(table, dict) else None
    if isinstance(items, list) and len(items) > most:
        words = f"{len(items)} {what}: expected at most {most} a request"
        raise HTTPError(413, f"too_many_{what}", words)


def _kind_of_object(given: SampleInput) -> str:
    """Return the kind that a sample says it is of, as a text or by its data: URL; empty where it does not."""
    if given.values is not None:
        return "record"
    if given.text is not None:
        return "text"
    kind = media_type_of_url(given.data or "").partition("/")[0]
    return kind if kind in _KINDS else ""


def _parse_form(
    body: bytes,
    request: Request,
    query: PredictQuery,
    limits: Limits,
    columns: Collection[str],
) -> PredictInput:
    samples: list[_Raw] = []
    fields: list[tuple[str, str | bytes]] = []
    kinds: set[str] = set()
    models: list[str] = []
    settings: set[str] = set()
    top_k, sureness = query.top_k, {**query.asked()}
    # One more file than the limit, so that too many are refused in featx's words.
    form = parse_form(
        body,
        request.headers,
        max_files=limits.max_samples + 1,
        max_fields=limits.max_samples + _MAX_NAMES,
    )
    for name, value in form:
        if isinstance(value, FormFile):
            samples.append((value.name or name, value.data))
            fields.append((name, value.data))
            kinds.add(value.media_type.partition("/")[0].strip().lower())
        elif name == "text":
            samples.append(SampleInput(id=f"samples[{len(samples)}]", text=value))
            fields.append((name, value))
            kinds.add("text")
        elif name in columns or name not in _SETTINGS:
            fields.append((name, value))
        else:
            settings.add(name)
            if name == "model":
                models.append(value)
            elif name == "top_k":
                top_k = validate(PredictRequest, {"top_k": value}).top_k or top_k
            else:
                sureness |= validate(PredictRequest, {name: value}).asked()
    plain = all(isinstance(value, bytes) or name == "text" for name, value in fields)
    known = frozenset(kinds & _KINDS) if plain else frozenset({"record"})
    return PredictInput(
        samples,
        models or query.model,
        top_k,
        kinds=known,
        sureness=sureness,
        fields=fields,
        settings=frozenset(settings),
    )


def validate(model: type[M], value: Any, *, within: str = "") -> M:
    """Return a value as a model has it; raise HTTPError (422) where it does not fit.

    ``within`` goes before the names of fields in the message. The first error is told, and how many more
    there are.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
    first, *others = dict(_told(one, model) for one in errors).items()
    location = ".".join(str(part)[:100] for part in ([within] if within else []) + [*first[0]])
    more = f" (and {len(others)} more)" if others else ""
    message = f"{location or 'the body'}: {first[1]}{more}"
    raise HTTPError(422, "unprocessable", message)


def _told(error: Mapping[str, Any], model: type[BaseModel]) -> tuple[tuple[int | str, ...], str]:
    """Return where an error is, and what it is: one for a value of a record, whatever it might have been."""
    location: tuple[int | str, ...] = error["loc"]
    start = location.index("values") + 2 if "values" in location else 0
    if start and len(location) > start:
        kinds = "a text, a number, true, false, null, or a list of texts and numbers"
        return location[:start], f"expected {kinds}"
    if issubclass(model, PredictRequest) and error["type"] == "extra_forbidden":
        return location, f"{error['msg']}; the columns of a record stand within values"
    return location, error["msg"]


def to_samples(
    given: Sequence[_Raw], served: ServedPredictor, limits: Limits, *, modality: str | None = None
) -> list[Sample | Reject]:
    """Return samples as a predictor's reader takes them, and rejects where it cannot.

    Raises
    ------
    HTTPError
        There are none (422), too many (413), or they are of another kind than the predictor reads (415).
    """
    if not given:
        raise HTTPError(422, "no_samples", "the request holds no sample; expected at least one")
    check_count(len(given), limits)
    _check_characters(given, served, limits)
    if modality not in (None, served.input.modality):
        raise HTTPError(
            415,
            "unsupported_media_type",
            f"Content-Type: found {modality}, {served.name} reads {served.input.modality}",
        )
    samples = [
        _from_object(sample, f"samples[{index}]", served)
        if isinstance(sample, SampleInput)
        else _from_raw(sample[0], sample[1], served)
        for index, sample in enumerate(given)
    ]
    if served.input.is_record:
        check_records(samples, limits)
        return samples
    texts = [sample.data for sample in samples if isinstance(sample, Sample)]
    if sum(len(text) for text in texts if isinstance(text, str)) > limits.max_characters:
        raise _too_long(limits)
    return samples


def check_count(n_samples: int, limits: Limits) -> None:
    """Raise HTTPError (413) where a request holds more samples than the limit."""
    if n_samples > limits.max_samples:
        raise HTTPError(
            413,
            "too_many_samples",
            f"{n_samples} samples: expected at most {limits.max_samples} a request",
        )


def _check_characters(given: Sequence[_Raw], served: ServedPredictor, limits: Limits) -> None:
    """Raise HTTPError (413) where the texts of a request are longer together than the limit.

    A file of texts counts as the characters that UTF-8 has at least in as many bytes.
    """
    if not served.input.string_is_sample:
        return
    count = 0
    for sample in given:
        if isinstance(sample, SampleInput):
            # Base64 has four letters for three bytes.
            count += len(sample.text or "") + len(sample.data or "") * 3 // 16
        else:
            count += len(sample[1]) // 4
    if count > limits.max_characters:
        raise _too_long(limits)


def _too_long(limits: Limits) -> HTTPError:
    return HTTPError(
        413,
        "too_many_characters",
        f"the texts hold more than {limits.max_characters:,} characters: expected fewer a request",
    )


def _from_raw(id: str, data: bytes | Mapping[str, Any], served: ServedPredictor) -> Sample | Reject:
    if isinstance(data, Mapping):
        return to_record(data, id, served)
    if served.input.is_record:
        return Reject(shorten(to_text(id)), _no_record(served))
    return _from_bytes(id, data, served.input)


def _no_record(served: ServedPredictor) -> str:
    names = ", ".join(served.input.columns)
    return (
        f"expected a value for each column that {served.name} reads: values in JSON, or a form with the "
        f"fields {names:.300}"
    )


def _from_bytes(id: str, data: bytes, reading: ServedInput) -> Sample | Reject:
    """Return a sample of bytes that a client sent; they are never taken for a path."""
    id = shorten(to_text(id))
    if not reading.string_is_sample:
        return Sample(id, data)
    try:
        return Sample(id, data.decode("utf-8"))
    except UnicodeDecodeError:
        return Reject(id, "text: expected UTF-8")


def _from_object(given: SampleInput, id: str, served: ServedPredictor) -> Sample | Reject:
    reading, id = served.input, shorten(to_text(given.id or id))
    if given.values is not None and (given.data is not None or given.text is not None):
        return Reject(id, "values: expected them alone, found data or text beside them")
    if given.values is not None and reading.is_record:
        return to_record(given.values, id, served)
    if reading.is_record:
        return Reject(id, _no_record(served))
    if given.values is not None:
        return Reject(id, f"values: {served.name} reads {reading.modality}; expected data or text")
    if given.text is not None:
        if reading.string_is_sample:
            return Sample(id, given.text)
        return Reject(
            id, f"text: {served.name} reads {reading.modality}; send it as data, in base64"
        )
    if given.data is None:
        return Reject(id, "expected data (base64) or text")
    try:
        return _from_bytes(id, decode_base64(given.data), reading)
    except ValueError as error:
        return Reject(id, f"data: {error}")
