"""The classifiers that are served, by name; one backbone for all that share it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from featx._typing import FloatArray
from featx.backbones.backbone import Backbone
from featx.errors import BadOption
from featx.modalities import Reader
from featx.predictor import Classifier
from featx.server.errors import HTTPError
from featx.server.limits import Limits

__all__ = ["LimitedBackbone", "Registry", "Served"]


@dataclass(frozen=True, slots=True, eq=False)
class LimitedBackbone:
    """A backbone whose reader refuses samples that are too large for a server."""

    backbone: Backbone
    reader: Reader

    @property
    def fingerprint(self) -> str:
        """The backbone's: a row that is made is the same row."""
        return self.backbone.fingerprint

    @property
    def cache_key(self) -> str:
        """The backbone's."""
        return self.backbone.cache_key

    @property
    def chunk_size(self) -> int:
        """The backbone's."""
        return self.backbone.chunk_size

    @property
    def batch_size(self) -> int:
        """The backbone's."""
        return self.backbone.batch_size

    @property
    def dim(self) -> int:
        """Columns of a row."""
        return self.backbone.dim

    def embed_items(self, items: Sequence[Any], batch_size: int | None = None) -> FloatArray:
        """One row an item, in order."""
        return self.backbone.embed_items(items, batch_size)


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A classifier under its name, with its backbone opened."""

    name: str
    classifier: Classifier
    backbone: LimitedBackbone

    @property
    def modality(self) -> str:
        """What it reads."""
        return self.classifier.card.modality

    @property
    def string_is_sample(self) -> bool:
        """Whether a text is the sample itself."""
        return self.classifier.card.input.string_is_sample


class Registry:
    """Classifiers by name. Replacing one does not disturb who has chosen the old one already."""

    def __init__(self, classifiers: Mapping[str, Classifier], limits: Limits) -> None:
        if not classifiers:
            raise BadOption("no classifier: expected at least one to serve")
        self._limits = limits
        self._served: dict[str, Served] = {}
        for name, classifier in classifiers.items():
            self.put(name, classifier)

    def __iter__(self) -> Iterator[Served]:
        return iter(list(self._served.values()))

    def put(self, name: str, classifier: Classifier) -> None:
        """Serve a classifier under a name, from now on and instead of what had it before.

        Raises
        ------
        MissingWeights, WrongDigest
            Its backbone is not on this machine.
        """
        fingerprint = classifier.card.fingerprint
        known = (each.backbone for each in self._served.values())
        backbone = next((each for each in known if each.fingerprint == fingerprint), None)
        if backbone is None:
            opened = classifier.open()
            backbone = LimitedBackbone(opened, _lowered(opened.reader, self._limits))
        self._served[name] = Served(name, classifier, backbone)

    def get(self, name: str) -> Served:
        """The classifier of that name; Refusal (404) where there is none."""
        if name not in self._served:
            known = ", ".join(sorted(self._served))
            raise HTTPError(404, "unknown_model", f"no model named {name!r}; served: {known}")
        return self._served[name]

    def choose(self, names: Sequence[str]) -> list[Served]:
        """Classifiers of those names, or all; they read the same kind of sample.

        Raises
        ------
        Refusal
            A name is unknown (404), or the chosen ones read several kinds (422).
        """
        chosen = [self.get(name) for name in dict.fromkeys(names)] or list(self._served.values())
        kinds = sorted({each.modality for each in chosen})
        if len(kinds) > 1:
            raise HTTPError(
                422,
                "model_needed",
                f"model: the classifiers read {' and '.join(kinds)}; name those that are meant: "
                f"{', '.join(each.name for each in chosen)}",
            )
        return chosen


def _lowered(reader: Reader, limits: Limits) -> Reader:
    """The reader with the limits that it has at no more than the server's."""
    held = vars(type(reader)).get("__dataclass_fields__", {})
    ceilings = {"max_pixels": limits.max_pixels, "max_seconds": limits.max_seconds}
    own = {name: getattr(reader, name) for name in ceilings if name in held}
    lowered = {
        name: ceilings[name] if value is None else min(value, ceilings[name])
        for name, value in own.items()
    }
    bounded: Reader = replace(cast(Any, reader), **lowered) if lowered else reader
    return bounded
