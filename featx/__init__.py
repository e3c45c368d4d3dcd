"""Transfer learning on a plain CPU: frozen ONNX backbones, scikit-learn heads.

Importing featx is quick and has no effect; each public name is loaded from its room when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featx._lazy import lazy_attributes as _from_rooms

if TYPE_CHECKING:
    from featx.backbones.backbone import Backbone as Backbone
    from featx.catalog import Card as Card
    from featx.catalog import get_card as get_card
    from featx.catalog import list_cards as list_cards
    from featx.embedding.engine import Engine as Engine
    from featx.embedding.rows import Rows as Rows
    from featx.errors import FeatxError as FeatxError
    from featx.errors import FeatxWarning as FeatxWarning
    from featx.evaluation import evaluate as evaluate
    from featx.extractor import FeatureExtractor as FeatureExtractor
    from featx.persistence.artifact import load as load
    from featx.persistence.artifact import save as save
    from featx.predictor import Classifier as Classifier
    from featx.reading import read_samples as read_samples
    from featx.sources import Sample as Sample
    from featx.sources import make_samples as make_samples
    from featx.tables import read_rows as read_rows
    from featx.tables import write_rows as write_rows
    from featx.training import fit as fit

__version__ = "0.1.0"

_MODULE_OF = {
    "Backbone": "featx.backbones.backbone",
    "Card": "featx.catalog",
    "Classifier": "featx.predictor",
    "Engine": "featx.embedding.engine",
    "FeatureExtractor": "featx.extractor",
    "FeatxError": "featx.errors",
    "FeatxWarning": "featx.errors",
    "Rows": "featx.tables",
    "Sample": "featx.sources",
    "evaluate": "featx.evaluation",
    "fit": "featx.training",
    "get_card": "featx.catalog",
    "list_cards": "featx.catalog",
    "load": "featx.persistence.artifact",
    "make_samples": "featx.sources",
    "read_rows": "featx.tables",
    "read_samples": "featx.reading",
    "save": "featx.persistence.artifact",
    "write_rows": "featx.tables",
}

__all__ = sorted(["__version__", *_MODULE_OF])

__getattr__ = _from_rooms("featx", _MODULE_OF)


def __dir__() -> list[str]:
    return __all__
