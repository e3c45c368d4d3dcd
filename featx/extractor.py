"""The scikit-learn face of a backbone."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

from featx._typing import FloatArray
from featx.backbones.backbone import Backbone, open_backbone
from featx.backbones.providers import read_provider
from featx.catalog import Card, get_card
from featx.embedding.engine import Cache, Engine, OnError
from featx.errors import BadOption, FeatxWarning
from featx.sources import Sample, shorten
from featx.sources.iterables import is_one_picture
from featx.storage.blob import Blob

__all__ = ["FeatureExtractor", "predictor_tags"]


class FeatureExtractor(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Turn samples into rows of a frozen backbone, inside any scikit-learn pipeline.

    Stateless: the backbone is frozen, so ``transform`` works before ``fit``. A clone or a pickle carries
    the parameters only; sessions are shared within a process and opened anew in another one.

    Parameters
    ----------
    backbone : str or Card, default="featx-image-nano"
        A name in the catalogue.
    tap, pooling, normalize, options : default=None
        What to change of the card; see ``Backbone``.
    batch_size, n_jobs, cache : default=None
        How to run; see ``Engine``. ``cache=True`` makes the second pass over the same samples, such as the
        folds of a grid search, a look-up.
    provider : str, default="cpu"
        Where it is computed, such as "openvino"; see ``featx.backbones.providers.read_provider``.
    on_error : {"fail", "skip"}, default="fail"
        With "skip" a sample that cannot be read becomes a row of NaN, with a warning: rows stay aligned
        with ``y``.

    Examples
    --------
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 255)]
    >>> FeatureExtractor().transform(images).shape
    (2, 384)
    """

    def __init__(
        self,
        backbone: str | Card = "featx-image-nano",
        *,
        tap: str | None = None,
        pooling: str | None = None,
        normalize: bool | None = None,
        batch_size: int | None = None,
        n_jobs: int | None = None,
        cache: Cache = None,
        provider: str = "cpu",
        on_error: OnError = "fail",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.backbone = backbone
        self.tap = tap
        self.pooling = pooling
        self.normalize = normalize
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.cache = cache
        self.provider = provider
        self.on_error = on_error
        self.options = options

    def fit(self, X: Any, y: Any = None) -> FeatureExtractor:
        """Do nothing: the backbone is frozen. Returns itself."""
        return self

    def transform(self, X: Any) -> FloatArray:
        """Return one row for each sample of ``X``.

        Parameters
        ----------
        X : sequence of samples
            Paths, bytes, Pillow images or uint8 arrays, for an image backbone; texts, for a text backbone,
            where a ``Path`` names a file; paths or arrays, for one of sounds. A column of them (a
            Series, an object array or a DataFrame of one column) works too.

        Returns
        -------
        ndarray of shape (n_samples, dim), float32

        Raises
        ------
        BadSample
            A sample cannot be read, and ``on_error`` is "fail".
        """
        column = _column(X)
        names = [_name(data, index) for index, data in enumerate(column)]
        engine = Engine(
            n_jobs=self.n_jobs,
            batch_size=self.batch_size,
            cache=self.cache,
            on_error=self.on_error,
        )
        backbone = self.open()
        if self.on_error == "fail":
            samples = map(Sample, names, column)
            return engine.embed(samples, backbone).embeddings
        rows = engine.embed((Sample(str(i), data) for i, data in enumerate(column)), backbone)
        table = np.full((len(column), backbone.dim), np.nan, np.float32)
        table[[int(id) for id in rows.ids]] = rows.embeddings
        for reject in rows.rejects:
            name = names[int(reject.id)]
            warnings.warn(f"{name}: {reject.reason}; its row is NaN", FeatxWarning, stacklevel=2)
        return table

    @property
    def _n_features_out(self) -> int:
        return self.open().dim

    def open(self) -> Backbone:
        """Return its backbone, shared within the process; raise UnknownBackbone or MissingWeights."""
        card = get_card(self.backbone) if isinstance(self.backbone, str) else self.backbone
        return open_backbone(
            card.variant(
                tap=self.tap,
                pooling=self.pooling,
                normalize=self.normalize,
                options=self.options,
            ),
            read_provider(self.provider),
        )

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


def _column(X: Any) -> Sequence[Any]:
    """Return the samples of whatever scikit-learn hands a transformer."""
    if isinstance(X, (str, bytes)) or not hasattr(X, "__len__") or is_one_picture(X):
        raise BadOption(
            f"X: expected a list of inputs, found one {type(X).__name__}; put it in a list"
        )
    # a pandas object is recognised without importing pandas
    if hasattr(X, "iloc"):
        if getattr(X, "ndim", 1) == 2:
            if X.shape[1] != 1:
                raise BadOption(f"X has {X.shape[1]} columns: expected one column of samples")
            X = X.iloc[:, 0]
        return list(X)
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind in "OUS":
        if X.shape[1] != 1:
            raise BadOption(f"X has {X.shape[1]} columns: expected one column of samples")
        return list(X[:, 0])
    return list(X)


def _name(data: Any, index: int) -> str:
    """Return what an error calls a sample: its path or its index."""
    named = isinstance(data, str | Blob) or hasattr(data, "__fspath__")
    return shorten(str(data)) if named else f"sample {index}"


def predictor_tags(kind: str) -> Tags:
    """Return what scikit-learn asks of a fitted predictor of samples before it measures or draws one.

    Parameters
    ----------
    kind : {"classifier", "regressor"}

    Examples
    --------
    >>> predictor_tags("classifier").estimator_type
    'classifier'
    """
    is_classifier = kind == "classifier"
    tags = Tags(
        estimator_type=kind,
        target_tags=TargetTags(required=True),
        classifier_tags=ClassifierTags() if is_classifier else None,
        regressor_tags=None if is_classifier else RegressorTags(),
        requires_fit=False,
    )
    tags.input_tags.two_d_array = False
    tags.input_tags.string = True
    return tags
