"""What ``fit`` was asked for: a record that a predictor keeps and that can be run again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import tomli_w

from featx.catalog import Card, get_card
from featx.errors import BadOption, FeatxError, wrong_type
from featx.modalities import MODALITIES
from featx.storage.toml_text import parse_toml

__all__ = ["FitConfig", "card_changes"]

# entries that are no text, with the types that they may have
_TYPES: Mapping[str, tuple[type, ...]] = {
    "normalize": (bool,),
    "options": (dict,),
    "random_state": (int,),
    "keep_rows": (bool,),
    "keep_samples": (bool,),
    "ignore_label_case": (bool,),
    "baseline": (bool,),
    "target_column": (list, tuple),
    "inputs": (list, tuple),
    "pairs": (list, tuple),
    "test_size": (float, int),
    "min_samples": (int,),
    "log_target": (bool,),
    "threshold": (float, int),
    "target_error": (float, int),
}

# Entries that are one of a few words; names of tasks, backbones and heads are looked up where they are used.
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "on_error": ("fail", "skip"),
    "unlabelled": ("fail", "skip"),
    "class_weight": ("balanced",),
    "missing": ("reject", "zero"),
    "modality": tuple(MODALITIES),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FitConfig:
    """Every choice that decides what ``fit`` gives, besides the samples.

    Attributes
    ----------
    task : str, default="classification"
    backbone : str or None
        A name in the catalogue; None: the default for what the samples are.
    tap, pooling, normalize, options
        What is changed of its card; see ``Backbone``.
    head : str or None
        A name among the heads of the task, "auto", or "own:TYPE" for an estimator that was passed; None is
        the first of them.
    class_weight : {"balanced"} or None
    random_state : int, default=0
    keep_rows : bool or None
        Whether the rows of training samples are kept in the predictor; None: as many as 4 MB hold.
    keep_samples : bool, default=True
        Whether ids, digests, targets and out-of-fold scores of training samples are kept.
    baseline : bool, default=True
        Whether a head without the backbone is measured beside it.
    on_error : {"fail", "skip"}, default="fail"
    test_size : float or None
        The share of the samples on which the head is measured; None: what their number suggests.
    min_samples : int or None
        Classes of fewer samples are left out.
    unlabelled : {"fail", "skip"}, default="fail"
        What is done with samples without a target.
    groups : str or None
        A regular expression that finds the group of a sample in its name, or "parent".
    log_target : bool, default=False
        Whether the logarithm of numbers is predicted.
    threshold : float or None
        The probability from which a label is given; None: one a label, chosen on samples left out.
    target_error : float or None
        The share of answers that may be wrong; None answers all.
    modality, path_column, text_column, id_column : str or None
    start_column, end_column, duration_column, encoding, label_separator : str or None
    group_column, weight_column, split_column, time_column : str or None
        How the source was read; see ``read_samples``.
    target_column : tuple of str, default=()
    ignore_label_case : bool or None
        Likewise.
    inputs : tuple of str, default=()
        Several inputs, such as ("photo:image", "price:number"); () is one, the sample itself.
    pairs : tuple of str, default=()
        The two columns of each input that compares them, with a comma between.
    pool_by : str or None
        The column of a table whose equal values make one sample of several rows.
    missing : {"reject", "zero"} or None
        What is done with a row without its photo, text or sound, where there are several inputs.

    Examples
    --------
    >>> config = FitConfig(backbone="featx-image-nano", class_weight="balanced")
    >>> FitConfig.from_toml(config.to_toml()) == config
    True
    """

    task: str = "classification"
    backbone: str | None = None
    tap: str | None = None
    pooling: str | None = None
    normalize: bool | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    head: str | None = None
    class_weight: str | None = None
    random_state: int = 0
    keep_rows: bool | None = None
    keep_samples: bool = True
    baseline: bool = True
    on_error: str = "fail"
    test_size: float | None = None
    min_samples: int | None = None
    unlabelled: str = "fail"
    groups: str | None = None
    log_target: bool = False
    threshold: float | None = None
    target_error: float | None = None
    modality: str | None = None
    path_column: str | None = None
    text_column: str | None = None
    target_column: tuple[str, ...] = ()
    id_column: str | None = None
    ignore_label_case: bool | None = None
    start_column: str | None = None
    end_column: str | None = None
    encoding: str | None = None
    label_separator: str | None = None
    group_column: str | None = None
    weight_column: str | None = None
    split_column: str | None = None
    time_column: str | None = None
    duration_column: str | None = None
    inputs: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    missing: str | None = None
    pool_by: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return every entry that is not None, as JSON values."""
        table = {key: value for key, value in asdict(self).items() if value is not None}
        for key in ("inputs", "pairs"):
            if not table[key]:
                # A predictor of one input is written as it always was.
                del table[key]
        lists = {key: list(value) for key, value in table.items() if isinstance(value, tuple)}
        return table | lists | {"target_column": list(self.target_column)}

    def to_toml(self) -> str:
        """Return the entries as TOML; ``featx fit --config`` reads it."""
        return tomli_w.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> FitConfig:
        """Return the configuration that ``to_dict`` gave.

        Raises
        ------
        BadOption
            A key is unknown, or a value has a wrong type.
        """
        if not isinstance(table, Mapping):
            raise wrong_type("config", table, "entries by their names")
        table = dict(table)
        if "label_column" in table and "target_column" not in table:
            # The name of an earlier version.
            table["target_column"] = [table.pop("label_column")]
        known = {one.name for one in fields(cls)}
        if unknown := sorted(set(table) - known):
            raise BadOption(
                f"config: {', '.join(map(repr, unknown))}: expected keys among {', '.join(sorted(known))}"
            )
        for key, value in table.items():
            expected = _TYPES.get(key, (str,))
            if not isinstance(value, expected) or (
                isinstance(value, bool) and bool not in expected
            ):
                names = " or ".join(kind.__name__ for kind in expected)
                raise BadOption(f"config: {key} = {value!r:.60}: expected {names}")
        lists = {key: table.get(key, ()) for key in ("target_column", "inputs", "pairs")}
        for key, columns in lists.items():
            if not all(isinstance(name, str) for name in columns):
                raise BadOption(f"config: {key} = {columns!r:.60}: expected names of columns")
        for key, choices in _CHOICES.items():
            if key in table and table[key] not in choices:
                expected_words = " or ".join(map(repr, choices))
                raise BadOption(f"config: {key} = {table[key]!r:.60}: expected {expected_words}")
        return cls(**{**table, **{key: tuple(names) for key, names in lists.items()}})

    @classmethod
    def from_toml(cls, text: str) -> FitConfig:
        """Return the configuration of a TOML text.

        Raises
        ------
        BadOption
            The text is not TOML, a key is unknown, or a value has a wrong type.
        """
        if not isinstance(text, str):
            raise wrong_type("config", text, "the text of a TOML file")
        try:
            table = parse_toml(text)
        except ValueError as error:
            raise BadOption(f"config: not TOML: {error}") from error
        return cls.from_dict(table)


def card_changes(card: Card) -> dict[str, Any]:
    """Return the parameters of ``Backbone`` that make this card of the one of its name.

    >>> from featx import get_card
    >>> card_changes(get_card("featx-image-nano").variant(pooling="max", tap="last-map"))
    {'tap': 'last-map', 'pooling': 'max'}
    """
    try:
        named = get_card(card.name)
    except FeatxError:
        return {}
    changes: dict[str, Any] = {}
    if card.output != named.output:
        changes["tap"] = card.output
    if card.pooling != named.pooling:
        changes["pooling"] = card.pooling
    if card.normalize != named.normalize:
        changes["normalize"] = card.normalize
    theirs, ours = _entries(named), _entries(card)
    options = {key: value for key, value in ours.items() if value != theirs.get(key)}
    return changes | ({"options": options} if options else {})


def _entries(card: Card) -> dict[str, Any]:
    """Return the entries of the modality's table in a card."""
    return {one.name: getattr(card.input, one.name) for one in fields(type(card.input))}  # type: ignore[arg-type]
