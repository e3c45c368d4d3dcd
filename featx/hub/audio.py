"""Sound: what the configuration of a feature extractor says, as entries of an ``[audio]`` table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from featx.errors import BadCard, BadModelFolder, BadOption
from featx.hub.folder import ModelFolder
from featx.hub.recipe import Recipe
from featx.modalities import read_settings, shown

__all__ = ["read_audio_recipe"]

_FLAT, _NESTED, _CONFIG = "preprocessor_config.json", "processor_config.json", "config.json"
# tables of a nested file, in the order in which they are looked for
_TABLES = ("feature_extractor", "audio_processor")
# Keys that decide no number: names of classes, and what a class works out of other keys again.
_NO_NUMBERS = frozenset(
    "feature_extractor_type audio_processor_type processor_class tokenizer_class auto_map name_or_path "
    "transformers_version _commit_hash _name_or_path _processor_class return_tensors".split()
)
# seconds of a window of a model that hears sounds of any length, whose memory grows with their square
_WINDOW_SECONDS = 30
# Wav2Vec2Config's, where a folder has no config.json
_KERNELS, _STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
# convolutions in front of a transformer
_MOST_LAYERS = 64


@dataclass(slots=True)
class _Extractor:
    """The configuration of a feature extractor while it is read.

    Attributes
    ----------
    folder : ModelFolder
    where : str
        The file, and the table in it.
    table : mapping
    kind : str
        The class, by its name in transformers.
    known : set of str
        The keys that were asked for.
    """

    folder: ModelFolder
    where: str
    table: Mapping[str, Any]
    kind: str
    recipe: Recipe = field(default_factory=lambda: Recipe("audio"))
    known: set[str] = field(default_factory=set)

    def take(self, key: str, default: Any) -> tuple[Any, str]:
        """Return the value of a key and its origin; absent and null ones are the class's own default."""
        self.known.add(key)
        value = self.table.get(key)
        if value is None:
            return default, f"default of {self.kind}"
        return value, f"{self.where}{key}"

    def count(self, key: str, default: int) -> tuple[int, str]:
        """Return the value of a key that counts something, and its origin."""
        value, origin = self.take(key, default)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 1 <= value <= 1 << 30 or value != int(value):
            raise self.refusal(key, value, "a whole number of 1 or more")
        return int(value), origin

    def flag(self, key: str, default: bool) -> tuple[bool, str]:
        """Return the value of a key that is true or false, and its origin."""
        value, origin = self.take(key, default)
        if not isinstance(value, bool):
            raise self.refusal(key, value, "true or false")
        return value, origin

    def number(self, key: str, default: float) -> tuple[float, str]:
        """Return the value of a key that is any finite number, and its origin."""
        value, origin = self.take(key, default)
        fine = isinstance(value, int | float) and not isinstance(value, bool)
        if not fine or not -1e30 <= value <= 1e30:
            raise self.refusal(key, value, "a number")
        return float(value), origin

    def choice(self, key: str, default: str, choices: Mapping[str, Any]) -> tuple[Any, str]:
        """Return what a word means, and its origin."""
        value, origin = self.take(key, default)
        if not isinstance(value, str) or value not in choices:
            raise self.refusal(key, value, f"one of {', '.join(choices)}")
        return choices[value], origin

    def must_be(self, key: str, expected: Any) -> None:
        """Refuse a key that has another value than the only one that a card can say."""
        value, _ = self.take(key, expected)
        if value != expected or isinstance(value, bool) != isinstance(expected, bool):
            wanted = "nothing" if expected is None else shown(expected)
            raise self.refusal(key, value, wanted)

    def ignore(self, *keys: str) -> None:
        """Pass over keys that the class itself works out anew, or does not use."""
        self.known.update(keys)

    def set(self, name: str, found: tuple[Any, str]) -> None:
        """Set an entry of the card to a value, with its origin."""
        self.recipe.set(name, *found)

    def pools(self, pooling: str) -> None:
        """Set how a row is made of a sequence, where no model_type tells it better."""
        config = self.folder.table(_CONFIG) or {}
        if not isinstance(config.get("model_type"), str):
            self.recipe.set_graph("pooling", pooling, f"type {self.kind}")

    def say_windows(self, length: str, instead: str = "") -> None:
        """Add the remark that a long sound is cut."""
        self.recipe.remarks.append(
            f"a sound of more than {length} is cut into windows of that length, and its row is the mean of "
            f"theirs{instead}"
        )

    def refusal(self, key: str, value: Any, expected: str) -> BadModelFolder:
        """Return the refusal of a key's value."""
        return BadModelFolder(
            f"{self.folder.path / self.where}{key} = {shown(value)}: expected {expected} of a {self.kind}"
        )

    def refuse_unknown(self) -> None:
        """Refuse a key that nothing asked for: it may change the numbers."""
        strangers = [
            key
            for key, value in self.table.items()
            if key not in self.known | _NO_NUMBERS and value is not None
        ]
        if strangers:
            raise BadModelFolder(
                f"{self.folder.path / self.where}{shown(strangers[0])[1:-1]}: no key of a {self.kind} that is "
                f"known; it may change the numbers; expected {', '.join(sorted(self.known))}"
            )


def read_audio_recipe(folder: ModelFolder, given: Mapping[str, Any]) -> Recipe:
    """Return what a model folder says of how its graph hears sounds.

    Parameters
    ----------
    folder : ModelFolder
    given : mapping
        Entries of the ``[audio]`` table that win over those of the folder.

    Raises
    ------
    BadModelFolder
        The folder has no configuration of a feature extractor, or one that no card can say.
    BadOption
        What is given cannot be.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as path:
    ...     file = Path(path) / "preprocessor_config.json"
    ...     _ = file.write_text('{"feature_extractor_type": "WhisperFeatureExtractor"}')
    ...     read_audio_recipe(ModelFolder(path), {}).settings["mels"]
    Setting(value=80, origin='default of WhisperFeatureExtractor')
    """
    where, table = _find(folder)
    extractor = _Extractor(folder, where, table, _type(folder, where, table))
    KINDS[extractor.kind](extractor)
    extractor.refuse_unknown()
    recipe = extractor.recipe
    wrong = _fault(recipe.table())
    recipe.override({name: value for name, value in given.items() if value is not None})
    if error := _fault(recipe.table()):
        if given and wrong is None:
            raise BadOption(f"{folder.path}: with what was given: {error}") from error
        raise BadModelFolder(f"{folder.path / where.split(':')[0]}: {error}") from error
    return recipe


def _fault(table: Mapping[str, Any]) -> BadCard | None:
    """Return why no card can have such an ``[audio]`` table, or None where one can."""
    try:
        read_settings("audio", table)
    except BadCard as error:
        return error
    return None


def _find(folder: ModelFolder) -> tuple[str, Mapping[str, Any]]:
    """Return the table of the feature extractor, and where it stands."""
    nested = folder.table(_NESTED) or {}
    for name in _TABLES:
        table = nested.get(name)
        if table is None:
            continue
        if not isinstance(table, Mapping):
            raise BadModelFolder(
                f"{folder.path / _NESTED}: {name} = {shown(table)}: expected a table"
            )
        return f"{_NESTED}: {name}.", table
    flat = folder.table(_FLAT)
    if flat is None:
        raise BadModelFolder(
            f"{folder.path}: expected {_FLAT}, or {_NESTED} with one of {', '.join(_TABLES)}, to say what "
            "the graph hears; add the file of the model's repository"
        )
    return f"{_FLAT}: ", flat


def _type(folder: ModelFolder, where: str, table: Mapping[str, Any]) -> str:
    """Return the class of the feature extractor, by its usual name."""
    for key in ("feature_extractor_type", "audio_processor_type"):
        named = table.get(key)
        if named is not None:
            break
    if named is None:
        config = folder.table(_CONFIG) or {}
        kind = config.get("model_type")
        if not isinstance(kind, str) or kind not in MODEL_TYPES:
            raise BadModelFolder(
                f"{folder.path / where}no feature_extractor_type, and model_type = {shown(kind)} of "
                f"{_CONFIG} does not tell it; expected one of {', '.join(KINDS)}"
            )
        return MODEL_TYPES[kind]
    usual = named.replace("AudioProcessor", "FeatureExtractor") if isinstance(named, str) else ""
    usual = usual.removesuffix("Fast")
    if usual not in KINDS:
        raise BadModelFolder(
            f"{folder.path / where}{key} = {shown(named)}: expected one of {', '.join(KINDS)}; "
            "featx has no front end for another"
        )
    return usual


def _wav2vec2(extractor: _Extractor) -> None:
    """Read a Wav2Vec2FeatureExtractor, of wav2vec2, HuBERT, WavLM and their like."""
    extractor.pools("mean")
    extractor.must_be("feature_size", 1)
    extractor.must_be("padding_value", 0)
    align = {"right": "start", "left": "end"}
    rate, origin = extractor.count("sampling_rate", 16_000)
    extractor.recipe.set("rate", rate, origin)
    normalized, origin = extractor.flag("do_normalize", True)
    extractor.recipe.set("normalize", "clip" if normalized else "none", origin)
    extractor.set("attention_mask", extractor.flag("return_attention_mask", False))
    extractor.set("align", extractor.choice("padding_side", "right", align))
    own = "of featx: memory grows with the square of a window"
    extractor.recipe.set("window", _WINDOW_SECONDS * rate, own)
    extractor.recipe.set("tail", "short", "of featx: filling would change the row")
    _convolutions(extractor)
    extractor.say_windows(f"{_WINDOW_SECONDS} s", "; window= sets another length")


def _convolutions(extractor: _Extractor) -> None:
    """Set what one position of the graph's output is made of, by the convolutions before the transformer."""
    config = extractor.folder.table(_CONFIG) or {}
    origin = f"{_CONFIG}: conv_kernel, conv_stride"
    kernels: Any = config.get("conv_kernel")
    strides: Any = config.get("conv_stride")
    if kernels is None and strides is None:
        kernels, strides, origin = _KERNELS, _STRIDES, "default of Wav2Vec2Config"
    for name, values in (("conv_kernel", kernels), ("conv_stride", strides)):
        fine = isinstance(values, list | tuple) and len(values) <= _MOST_LAYERS
        if not fine or not all(type(value) is int and 1 <= value <= 4096 for value in values):
            raise BadModelFolder(
                f"{extractor.folder.path / _CONFIG}: {name} = {shown(values)}: expected a list of whole numbers"
            )
    if len(kernels) != len(strides) or not kernels:
        raise BadModelFolder(
            f"{extractor.folder.path / _CONFIG}: conv_kernel and conv_stride: expected lists of one length, "
            f"found {len(kernels)} and {len(strides)}"
        )
    stride, receptive = 1, 1
    for kernel, step in zip(kernels, strides, strict=True):
        receptive += (kernel - 1) * stride
        stride *= step
    extractor.recipe.set("min_length", receptive, origin)
    # an adapter behind the transformer leaves fewer positions than these
    if not config.get("add_adapter"):
        extractor.recipe.set("stride", stride, origin)
        extractor.recipe.set("receptive", receptive, origin)


def _whisper(extractor: _Extractor) -> None:
    """Read a WhisperFeatureExtractor."""
    extractor.pools("mean")
    extractor.must_be("padding_value", 0)
    extractor.must_be("dither", 0)
    extractor.must_be("do_normalize", False)
    # in the file of many a model; the class makes them anew
    extractor.ignore("mel_filters", "n_samples", "nb_max_frames")
    align = {"right": "start", "left": "end"}
    rate = extractor.count("sampling_rate", 16_000)
    hop = extractor.count("hop_length", 160)
    seconds, origin = extractor.count("chunk_length", 30)
    extractor.recipe.set("features", "whisper", f"type {extractor.kind}")
    extractor.set("rate", rate)
    extractor.recipe.set("window", seconds * rate[0], origin)
    extractor.set("mels", extractor.count("feature_size", 80))
    extractor.set("n_fft", extractor.count("n_fft", 400))
    extractor.set("frame_hop", hop)
    extractor.set("attention_mask", extractor.flag("return_attention_mask", False))
    extractor.set("align", extractor.choice("padding_side", "right", align))
    extractor.recipe.set("stride", 2 * hop[0], "Whisper's encoder halves the frames")
    extractor.say_windows(f"{seconds} s")


def _ast(extractor: _Extractor) -> None:
    """Read an ASTFeatureExtractor; its frames are 25 ms, 10 ms apart, which the class counts at 16 kHz."""
    extractor.pools("first-mean")
    extractor.must_be("feature_size", 1)
    extractor.must_be("padding_value", 0)
    extractor.must_be("padding_side", "right")
    extractor.must_be("sampling_rate", 16_000)
    # it never returns one
    extractor.ignore("return_attention_mask")
    frames, origin = extractor.count("max_length", 1024)
    length, hop = 400, 160
    extractor.recipe.set("features", "ast", f"type {extractor.kind}")
    extractor.set("rate", extractor.count("sampling_rate", 16_000))
    extractor.recipe.set("window", length + (frames - 1) * hop, origin)
    extractor.recipe.set("hop", frames * hop, origin)
    extractor.set("mels", extractor.count("num_mel_bins", 128))
    mean, std = extractor.number("mean", -4.2677393), extractor.number("std", 4.5689974)
    normalized, origin = extractor.flag("do_normalize", True)
    # neither changes a number
    extractor.set("mean", mean if normalized else (0.0, origin))
    extractor.set("std", std if normalized else (0.5, origin))
    extractor.say_windows(f"{frames * hop / 16_000:g} s")


def _clap(extractor: _Extractor) -> None:
    """Read a ClapFeatureExtractor."""
    extractor.must_be("padding_value", 0)
    extractor.must_be("padding_side", "right")
    extractor.must_be("top_db", None)
    extractor.must_be("return_attention_mask", False)
    # the class works them out of others, or has no use for them
    extractor.ignore(
        "chunk_length_s", "n_fft", "nb_frequency_bins", "nb_max_frames", "nb_max_samples"
    )
    extractor.ignore("mel_filters", "mel_filters_slaney")
    rate = extractor.count("sampling_rate", 48_000)
    seconds, origin = extractor.count("max_length_s", 10)
    fuse = extractor.choice("truncation", "fusion", {"fusion": True, "rand_trunc": False})
    pads = {"repeatpad": "repeat-whole", "repeat": "repeat", "pad": "zeros"}
    extractor.recipe.set("features", "clap", f"type {extractor.kind}")
    extractor.set("rate", rate)
    extractor.recipe.set("window", seconds * rate[0], origin)
    extractor.set("pad", extractor.choice("padding", "repeatpad", pads))
    extractor.set("mels", extractor.count("feature_size", 64))
    extractor.set("n_fft", extractor.count("fft_window_size", 1024))
    extractor.set("frame_hop", extractor.count("hop_length", 480))
    extractor.set("low", extractor.number("frequency_min", 0.0))
    extractor.set("high", extractor.number("frequency_max", 14_000.0))
    extractor.set("fuse", fuse)
    _check_fusion(extractor, fuse[0])
    if fuse[0]:
        extractor.recipe.remarks.append(
            f"of a sound of more than {seconds} s the model hears the whole, shrunk, and three windows; "
            f"{extractor.kind} takes these at random, featx at the beginning, in the middle and at the end, so "
            "that a row is the same each time; is_longer is true of every sound, as the class says of one by "
            "itself"
        )
    else:
        extractor.say_windows(
            f"{seconds} s", f" where {extractor.kind} hears one at a random place"
        )


def _check_fusion(extractor: _Extractor, fuse: bool) -> None:
    """Refuse a folder whose model fuses and whose features do not, or the reverse."""
    config = (extractor.folder.table(_CONFIG) or {}).get("audio_config")
    fuses = config.get("enable_fusion") if isinstance(config, Mapping) else None
    if isinstance(fuses, bool) and fuses != fuse:
        truncation = "fusion" if fuse else "rand_trunc"
        raise BadModelFolder(
            f"{extractor.folder.path / extractor.where}truncation = {truncation!r}: {_CONFIG} says "
            f"audio_config.enable_fusion = {str(fuses).lower()}; expected files of one model"
        )


KINDS: Mapping[str, Callable[[_Extractor], None]] = MappingProxyType(
    {
        "Wav2Vec2FeatureExtractor": _wav2vec2,
        "WhisperFeatureExtractor": _whisper,
        "ASTFeatureExtractor": _ast,
        "ClapFeatureExtractor": _clap,
    }
)
# The class of a file that names none, by the type of the model.
MODEL_TYPES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            "wav2vec2 wav2vec2-conformer hubert wavlm unispeech unispeech-sat data2vec-audio sew sew-d".split(),
            "Wav2Vec2FeatureExtractor",
        ),
        "whisper": "WhisperFeatureExtractor",
        "audio-spectrogram-transformer": "ASTFeatureExtractor",
        **dict.fromkeys(("clap", "clap_audio_model"), "ClapFeatureExtractor"),
    }
)
