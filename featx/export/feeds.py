"""The feeds of an exported graph for a sample, and the row that the predictor makes of the same values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from types import MappingProxyType
from typing import Any

import numpy as np

from featx._typing import FloatArray
from featx.backbones.backbone import Backbone, open_backbone
from featx.errors import BadSample
from featx.export.encoders import encoder_feed
from featx.export.inputs import graph_names
from featx.export.names import USUAL, Names
from featx.export.strings import IDS, TEXT
from featx.inputs.categories import CategoryEncoder
from featx.inputs.dates import DateEncoder
from featx.inputs.encoder import ColumnEncoder
from featx.inputs.input import Input, is_joint
from featx.inputs.joint import open_joint
from featx.inputs.numbers import NumberEncoder
from featx.inputs.vectors import VectorEncoder
from featx.modalities.audio.decode import stream
from featx.modalities.audio.settings import AudioSettings
from featx.modalities.image.settings import ImageSettings
from featx.modalities.text.settings import TextSettings
from featx.predictor import Predictor
from featx.sources import Sample, make_samples
from featx.sources.record import Record

__all__ = ["draw_samples", "feeds_of", "text_inputs"]

_SIZES = ((48, 64), (64, 48), (97, 131), (224, 224), (300, 401), (640, 480))
# Records that are drawn.
_RECORDS = 6

Feeds = dict[str, Any]


def feeds_of(predictor: Predictor, sample: Sample) -> tuple[Feeds, FloatArray]:
    """Return what is fed for one sample, by the names of the graph's inputs, and the row of the same values.

    Raises
    ------
    BadSample
        It cannot be read, or is none that the graph takes: several values of an input, or none.
    """
    if not is_joint(predictor.inputs):
        backbone = predictor.open()
        feeds, item = _FEEDS[type(backbone.card.input)](backbone, sample, USUAL)
        return feeds, backbone.embed_items([item])[0]
    joint = open_joint(predictor.inputs, predictor.provider)
    feeds, blocks = {}, []
    parts = zip(predictor.inputs, joint.parts, graph_names(predictor.inputs), strict=True)
    for one, part, names in parts:
        values = part.values_of(sample.data)
        if len(values) != len(names):
            raise BadSample(
                f"{sample.id}: {one.name}: has {len(values)} values, expected {len(names)}, as the graph takes"
            )
        rows = []
        for name, value in zip(names, values, strict=True):
            fed, row = _value(predictor, one, Sample(sample.id, value), name)
            feeds |= fed
            rows.append(row)
        blocks.append(part.combine(rows))
    return feeds, np.concatenate(blocks)


def _value(predictor: Predictor, one: Input, sample: Sample, name: str) -> tuple[Feeds, FloatArray]:
    """Return what is fed for one value of an input, and its row."""
    if not one.has_backbone:
        value = one.encoder.read(sample.data)
        return {name: encoder_feed(one.encoder, value)}, one.encoder.encode([value])[0]
    backbone = open_backbone(one.card, predictor.provider)
    feeds, item = _FEEDS[type(one.card.input)](backbone, sample, Names(name))
    return feeds, backbone.embed_items([item])[0]


def text_inputs(
    predictor: Predictor,
) -> list[tuple[Backbone, str, str, Callable[[Sample], Any]]]:
    """Return, for each text that goes into a graph as it is, its backbone, two names and a function.

    The names are those of the text and of its tokens; the function returns the text of a sample.
    """
    if not is_joint(predictor.inputs):
        return [(predictor.open(), USUAL.whole(TEXT), USUAL.part(IDS), lambda sample: sample.data)]
    found = []
    for one, fed in zip(predictor.inputs, graph_names(predictor.inputs), strict=True):
        if one.kind != TextSettings.modality:
            continue
        backbone = open_backbone(one.card, predictor.provider)
        for column, name in zip(one.columns, fed, strict=True):
            names = Names(name)
            found.append((backbone, names.whole(TEXT), names.part(IDS), _getter(column)))
    return found


def _getter(column: str) -> Callable[[Sample], Any]:
    def value_of(sample: Sample) -> Any:
        return sample.data[column]

    return value_of


def draw_samples(predictor: Predictor) -> list[Sample]:
    """Return samples that need no data: canaries, and variants of them in other sizes."""
    if not is_joint(predictor.inputs):
        return list(make_samples(_drawn(predictor.card.input)))
    columns: dict[str, list[Any]] = {}
    for one in predictor.inputs:
        values = _drawn(one.card.input) if one.has_backbone else _drawn_cells(one.encoder)
        for shift, column in enumerate(one.columns):
            # The two of a pair are not the same.
            columns.setdefault(column, list(islice(cycle(values), shift, _RECORDS + shift)))
            values = iter(columns[column])
    return [
        Sample(str(number), Record({name: own[number] for name, own in columns.items()}))
        for number in range(_RECORDS)
    ]


def _drawn_cells(encoder: ColumnEncoder) -> Iterator[Any]:
    """Yield cells that an encoder reads: an empty one, and such as training had."""
    yield None
    if isinstance(encoder, NumberEncoder):
        yield from (encoder.low, encoder.median, encoder.high)
    elif isinstance(encoder, CategoryEncoder):
        yield from (*encoder.categories[:3], "no such category")
    elif isinstance(encoder, DateEncoder):
        epoch = datetime(1970, 1, 1, tzinfo=UTC if encoder.spelling.zoned else None)
        yield from (
            epoch + timedelta(seconds=at) for at in (encoder.first, encoder.median, encoder.last)
        )
    elif isinstance(encoder, VectorEncoder):
        shape = (3, encoder.length)
        yield from np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def _drawn(settings: Any) -> Iterator[Any]:
    """Yield samples that need no data: the canary, and variants of it in other sizes."""
    canary = settings.canary()
    if isinstance(settings, ImageSettings):
        yield np.asarray(canary)
        yield from map(settings.in_own_range, _noise(np.random.default_rng(0)))
    elif isinstance(settings, TextSettings):
        yield from (" ".join([canary] * times) for times in (1, 2, 7))
    else:
        yield from (canary, canary[: len(canary) // 3], np.tile(canary, 2))


def _noise(rng: np.random.Generator) -> Iterator[Any]:
    """Yield images of several sizes, with coarse and fine structure."""
    for height, width in _SIZES:
        coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3))
        fine = np.kron(coarse, np.ones((8, 8, 1)))[:height, :width]
        noise = rng.normal(0, 12, (height, width, 3))
        yield np.clip(fine + noise, 0, 255).astype(np.uint8)


def _image(backbone: Backbone, sample: Sample, names: Names) -> tuple[Feeds, Any]:
    """Return the feed of an image at its own size, and the item that the backbone reads of it."""
    settings: Any = backbone.card.input
    plain = ImageSettings(
        layout="NHWC",
        dtype="uint8",
        draft=0.0,
        max_pixels=settings.max_pixels,
        range=settings.range,
        truncated=settings.truncated,
        transparency=settings.transparency,
    )
    picture = plain.read(plain.load(sample.data))
    # the range is in the pixels already
    reader: ImageSettings = replace(settings, range=())
    return {names.whole("image"): picture[None]}, reader.read(picture)


def _text(backbone: Backbone, sample: Sample, names: Names) -> tuple[Feeds, Any]:
    text = backbone.reader.load(sample.data)
    item = backbone.reader.read(text)
    [batch] = backbone.reader.batches([item], 1)
    # The graph fills the tokens up itself where the backbone wants that.
    tokens = len(item[0].ids)
    settings: Any = backbone.card.input
    left = settings.padding_side == "left"
    part = slice(-tokens, None) if left else slice(tokens)
    feeds = {names.part(name): feed.reshape(1, -1)[:, part] for name, feed in batch.feeds.items()}
    return {**feeds, names.whole(TEXT): np.array([text], np.object_)}, item


def _sound(backbone: Backbone, sample: Sample, names: Names) -> tuple[Feeds, Any]:
    settings: Any = backbone.card.input
    content = backbone.reader.load(sample.data)
    wave = np.concatenate(list(stream(content, settings.rate, full_scale=settings.range)))
    return {names.whole("waveform"): wave[None]}, backbone.reader.read(content)


_FEEDS: Mapping[type, Callable[[Backbone, Sample, Names], tuple[Feeds, Any]]] = MappingProxyType(
    {ImageSettings: _image, TextSettings: _text, AudioSettings: _sound}
)
