"""What a request asks of sets that cover, of answers that are withheld, and of samples that are new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

__all__ = ["SURENESS_FIELDS", "SurenessFields"]


# What is not asked; the schema of a field says what it may be where it is.
_NOT_ASKED: Any = None


class SurenessFields(BaseModel):
    """The fields that say how sure answers are to be; see ``Predictor.with_abstention``."""

    coverage: float = Field(
        default=_NOT_ASKED,
        gt=0,
        lt=1,
        description="Share of new samples whose set holds the right label",
    )
    per_class: bool = Field(default=_NOT_ASKED, description="Hold it for each class by itself")
    sets: Literal["lac", "aps"] = Field(default=_NOT_ASKED, description="How sets are made")
    abstain: bool = Field(default=_NOT_ASKED, description="Answer unsure where it is not sure")
    novelty: float = Field(
        default=_NOT_ASKED,
        gt=0,
        lt=1,
        description="Share of usual samples that may be taken for new",
    )

    def asked(self) -> Mapping[str, Any]:
        """Return the arguments of ``with_abstention`` that were given; none where nothing was asked."""
        if self.model_fields_set.isdisjoint(SURENESS_FIELDS):
            return {}
        values = {name: getattr(self, name) for name in SURENESS_FIELDS}
        values["method"] = values.pop("sets")
        return {name: value for name, value in values.items() if value is not None}


SURENESS_FIELDS = tuple(SurenessFields.model_fields)
