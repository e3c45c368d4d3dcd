"""Transfer learning on a plain CPU: frozen ONNX backbones, scikit-learn heads.

Importing featx is quick and has no effect; each public name is loaded from its room when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featx.rooms import from_rooms as _from_rooms

if TYPE_CHECKING:
    from featx.artifact import load as load
    from featx.artifact import save as save
    from featx.backbone import Backbone as Backbone
    from featx.catalog import Card as Card
    from featx.catalog import get_card as get_card
    from featx.catalog import list_cards as list_cards
    from featx.classifier import Classifier as Classifier
    from featx.engine import Engine as Engine
    from featx.errors import FeatxError as FeatxError
    from featx.errors import FeatxWarning as FeatxWarning
    from featx.evaluation import evaluate as evaluate
    from featx.extractor import FeatureExtractor as FeatureExtractor
    from featx.samples import Sample as Sample
    from featx.samples import make_samples as make_samples
    from featx.samples import read_samples as read_samples
    from featx.tables import Rows as Rows
    from featx.tables import read_rows as read_rows
    from featx.tables import write_rows as write_rows
    from featx.training import fit as fit

__version__ = "0.1.0"

_HOMES = {
    "Backbone": "featx.backbone",
    "Card": "featx.catalog",
    "Classifier": "featx.classifier",
    "Engine": "featx.engine",
    "FeatureExtractor": "featx.extractor",
    "FeatxError": "featx.errors",
    "FeatxWarning": "featx.errors",
    "Rows": "featx.tables",
    "Sample": "featx.samples",
    "evaluate": "featx.evaluation",
    "fit": "featx.training",
    "get_card": "featx.catalog",
    "list_cards": "featx.catalog",
    "load": "featx.artifact",
    "make_samples": "featx.samples",
    "read_rows": "featx.tables",
    "read_samples": "featx.samples",
    "save": "featx.artifact",
    "write_rows": "featx.tables",
}

__all__ = sorted(["__version__", *_HOMES])

__getattr__ = _from_rooms("featx", _HOMES)


def __dir__() -> list[str]:
    return __all__
