"""Read a ``tokenizer.json``: what it may ask for is bounded before the library builds anything of it."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from featx._extras import require
from featx.errors import BadCard, BadSample, FeatxWarning
from featx.modalities.text.encoding import run_tokenizer
from featx.storage.blob import Blob, to_blob

__all__ = ["open_tokenizer"]

# bytes: the largest vocabularies, of a quarter of a million tokens, take 35 million
MOST_BYTES = 1 << 28
# characters that a normalizer may make of one; Unicode's own forms make up to 18
MOST_GROWTH = 256
# letters of a word that WordPiece looks for tokens in, in time that grows with their cube
MOST_LETTERS = 1000
# steps of a normalizer, of a pre-tokenizer or of what is put around a text
MOST_STEPS = 1000
# tokens that are put around a text
MOST_AROUND = 100
# of an expression: characters that it is tried on, and seconds that it may take for them
_TRIED = (8, 16, 24, 32, 64, 128, 256, 512)
_SECONDS = 0.1
_PROBES = ("a", " ", "1", "!", "é", "中", "\n", "a ", "a1", "A", "'", "-")


def open_tokenizer(path: Path | Blob, *, lowercase: bool = False) -> Any:
    """Return the tokenizer of a ``tokenizer.json``, with its padding and truncation turned off.

    Parameters
    ----------
    lowercase : bool, default=False
        Whether letters are made small ones before whatever the tokenizer does.

    Raises
    ------
    BadCard
        The file is not one that the library can read, or asks for what has no bound.
    MissingExtra
        The library is not installed.
    """
    tokenizers = require("tokenizers", extra="text")
    data = _read(path)
    try:
        tree = json.loads(data)
        regular = _check(tree)
    except BadCard as error:
        raise BadCard(f"{path}: {error}") from None
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError, MemoryError) as error:
        raise BadCard(f"{path}: not a tokenizer.json: {_said(error)}") from error
    del tree
    try:
        tokenizer = tokenizers.Tokenizer.from_buffer(data)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        if lowercase:
            _make_small(tokenizer)
        _without_dropout(tokenizer, path)
        if regular:
            _try(tokenizer)
        # a normalizer that fails does so on the first text
        run_tokenizer(tokenizer, "a")
    except BadCard as error:
        raise BadCard(f"{path}: {error}") from None
    except BaseException as error:
        # the library raises nothing more exact, and a panic in Rust is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit | FeatxWarning):
            raise
        raise BadCard(f"{path}: not a tokenizer.json: {_said(error)}") from error
    return tokenizer


def _read(path: Path | Blob) -> bytes:
    try:
        return to_blob(path).read(MOST_BYTES)
    except (OSError, BadSample) as error:
        raise BadCard(f"{path}: cannot be read: {_said(error)}") from error


def _check(tree: Any) -> bool:
    """Refuse what has no bound; return whether the file has regular expressions of its own."""
    if not isinstance(tree, Mapping) or not isinstance(tree.get("model"), Mapping):
        raise BadCard("not a tokenizer.json: it has no model")
    letters = tree["model"].get("max_input_chars_per_word", 0)
    if not isinstance(letters, int) or not 0 <= letters <= MOST_LETTERS:
        raise BadCard(
            f"max_input_chars_per_word = {str(letters)[:40]}: expected at most {MOST_LETTERS}"
        )
    growth, regular = 1, False
    for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        steps = list(_steps(tree.get(part)))
        for step in steps:
            regular = regular or "Regex" in str(step.get("pattern"))[:20]
            _check_frame(step)
            if part == "normalizer":
                growth *= max(1, _length(step.get("content")), 1 + _length(step.get("prepend")))
            if growth > MOST_GROWTH:
                raise BadCard(
                    f"its normalizer makes more than {MOST_GROWTH} characters of one; expected fewer"
                )
    return regular


def _check_frame(step: Mapping[str, Any]) -> None:
    """Refuse a step that puts more around a text than any model was trained with."""
    tokens = step.get("special_tokens")
    lists = [step.get("single"), step.get("pair")]
    if isinstance(tokens, Mapping):
        lists += [one.get("ids") for one in tokens.values() if isinstance(one, Mapping)]
    most = max((len(one) for one in lists if isinstance(one, list)), default=0)
    if most > MOST_AROUND:
        raise BadCard(f"it puts {most} tokens around a text; expected at most {MOST_AROUND}")


def _steps(part: Any) -> Iterator[Mapping[str, Any]]:
    """Give each step of a part of a tokenizer, however they are nested; refuses too many."""
    stack, count = [part], 0
    while stack:
        step = stack.pop()
        if not isinstance(step, Mapping):
            continue
        count += 1
        if count > MOST_STEPS:
            raise BadCard(f"it has more than {MOST_STEPS} steps; expected a few")
        yield step
        for name in ("normalizers", "pretokenizers", "processors", "decoders"):
            inner = step.get(name)
            if isinstance(inner, list):
                stack.extend(reversed(inner))


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else 0


def _make_small(tokenizer: Any) -> None:
    """Put a step that makes letters small before the others."""
    from tokenizers.normalizers import Lowercase, Sequence

    steps = [Lowercase()]
    if tokenizer.normalizer is not None:
        steps.append(tokenizer.normalizer)
    tokenizer.normalizer = Sequence(steps)


def _without_dropout(tokenizer: Any, path: Path | Blob) -> None:
    """Turn off what makes other tokens of the same text each time, and say so."""
    if getattr(tokenizer.model, "dropout", None):
        tokenizer.model.dropout = None
        warnings.warn(
            f"{path}: its dropout, which is for training, is turned off: the same text has one row",
            FeatxWarning,
            stacklevel=2,
        )


def _try(tokenizer: Any) -> None:
    """Refuse an expression whose time grows out of bounds, on short texts first."""
    for length in _TRIED:
        for letters in _PROBES:
            text = (letters * length)[:length]
            for end in ("", "!", " a"):
                # of this thread alone: a busy machine refuses nothing
                start = time.thread_time()
                run_tokenizer(tokenizer, text + end)
                if time.thread_time() - start > _SECONDS:
                    raise BadCard(
                        f"an expression of it takes more than {_SECONDS} s for {length} characters; "
                        "expected one without repetitions within repetitions"
                    )


def _said(error: BaseException) -> str:
    """Return what a library says, as one line."""
    return " ".join(str(error).split())[:300] or type(error).__name__
