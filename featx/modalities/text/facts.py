"""Facts of texts: how long they are, and a signature that case, accents and punctuation do not change."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from featx._typing import FloatArray
from featx.modalities import Settings
from featx.modalities.text.baseline import digest_text, load_text

__all__ = ["TextFacts"]

_WORD = re.compile(r"\w+")
_BITS = 64


@dataclass(frozen=True, slots=True)
class TextFacts:
    """Texts whose items are facts: ``letters`` is the share of characters that are letters or digits.

    The signature is a digest of the words in small letters without accents: equal, or unlike altogether.
    """

    names: ClassVar[tuple[str, ...]] = ("characters", "words", "letters")
    bits: ClassVar[int] = _BITS
    near_bits: ClassVar[int] = 0
    chunk_size: ClassVar[int] = 128
    batch_size: ClassVar[int] = 128

    # a longer text is refused
    max_characters: int | None = None

    @classmethod
    def of(cls, settings: Settings) -> TextFacts:
        """Return the reader of texts as a card reads them."""
        return cls(getattr(settings, "max_characters", None))

    def load(self, data: Any) -> str:
        """Return the text; see ``load_text``."""
        return load_text(data, self.max_characters)

    def digest(self, content: str) -> bytes:
        """Return what identifies the text."""
        return digest_text(content)

    def read(self, content: str) -> FloatArray:
        """Return the facts and the signature of a text."""
        words = _WORD.findall(content)
        letters = sum(map(len, words)) / max(1, len(content))
        folded = unicodedata.normalize("NFKD", " ".join(words).casefold())
        plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
        digest = hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()[: _BITS // 8]
        bits = np.unpackbits(np.frombuffer(digest, np.uint8)).astype(np.float32) * 2 - 1
        facts = np.asarray([len(content), len(words), letters], np.float32)
        return np.concatenate([facts, bits])
