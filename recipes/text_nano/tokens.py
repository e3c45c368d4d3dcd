"""The vocabulary, and sentences as token ids."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from featx.modalities.text.settings import TextSettings
from featx.modalities.text.tokenizer import TokenReader
from recipes.text_nano.sentences import read_sentences
from recipes.text_nano.settings import SHIPPED, Settings

__all__ = ["Spelled", "TokenIds", "pad_ids", "word_piece_tokenizer", "write_ids", "write_tokens"]

# Sentences that are tokenised together.
CHUNK = 20_000
# Later tokens of a sentence are not learned from.
LONGEST = 40


class Spelled:
    """A tokenizer whose unknown words are spelled in letters, as featx reads texts."""

    def __init__(self, tokenizer: Any, longest: int = 256, letters: int = 1024) -> None:
        own = Tokenizer.from_str(tokenizer.to_str())
        own.no_padding()
        own.no_truncation()
        settings = TextSettings(max_length=longest, letters=letters)
        self._reader = TokenReader(settings, own)
        self._tokenizer, self._longest = own, longest

    def ids(self, text: str) -> list[int]:
        """Return the tokens of a text, and then its letters; none of one without either."""
        if not text.strip():
            return []
        ids: list[int] = self._reader.read(text)[0].ids.tolist()
        return ids

    def ids_of(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the same of each text, tokenized together; only what may be spelled is looked into."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [
            self._ids_of(text, encoding.ids)
            for text, encoding in zip(texts, encodings, strict=True)
        ]

    def _ids_of(self, text: str, ids: list[int]) -> list[int]:
        speller = self._reader.speller
        if speller is None or not speller.may_spell(text, ids):
            return ids[: self._longest]
        return self.ids(text)


class TokenIds:
    """The ids of all sentences, one after the other, and where each sentence ends."""

    def __init__(self, work: Path) -> None:
        stored = np.load(work / "ids.npz")
        self.flat, self.ends = stored["flat"].astype(np.int64), stored["ends"]

    def __len__(self) -> int:
        return len(self.ends) - 1

    def of(self, row: int) -> np.ndarray:
        """Return the ids of one sentence, int64."""
        ids: np.ndarray = self.flat[self.ends[row] : self.ends[row + 1]]
        return ids

    def lengths(self) -> np.ndarray:
        """Return how many tokens each sentence has."""
        return np.diff(self.ends)


def write_ids(work: Path, ids: Sequence[np.ndarray]) -> None:
    """Write WORK/ids.npz, which ``TokenIds`` reads."""
    ends = np.cumsum([0, *map(len, ids)])
    np.savez(work / "ids.npz", flat=np.concatenate(ids), ends=ends)


def pad_ids(rows: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return ids padded with 0 and their mask, int64, shape (rows, longest row or 1)."""
    ids = np.zeros((len(rows), max(1, max(map(len, rows)))), np.int64)
    mask = np.zeros_like(ids)
    for r, row in enumerate(rows):
        ids[r, : len(row)], mask[r, : len(row)] = row, 1
    return ids, mask


def encode(tokenizer: Any, texts: Sequence[str]) -> Iterator[list[int]]:
    """Yield the ids of each text, without special tokens."""
    for i in range(0, len(texts), CHUNK):
        batch = tokenizer.encode_batch_fast(texts[i : i + CHUNK], add_special_tokens=False)
        yield from (encoding.ids for encoding in batch)


def select_pieces(teacher: Any, texts: Sequence[str], rarest: int) -> list[str]:
    """Return the teacher's frequent word pieces and all of ASCII, in the teacher's order.

    Parameters
    ----------
    teacher : tokenizers.Tokenizer
    texts : sequence of str
        The corpus, in which pieces are counted.
    rarest : int
        How often a piece of several letters occurs to be kept.
    """
    count = np.zeros(teacher.get_vocab_size(), np.int64)
    for ids in encode(teacher, texts):
        np.add.at(count, ids, 1)
    pieces = ["[PAD]", "[UNK]"]
    for piece, number in sorted(teacher.get_vocab().items(), key=lambda item: item[1]):
        letters = piece.removeprefix("##")
        special = len(piece) > 1 and piece.startswith("[") and piece.endswith("]")
        single = len(letters) == 1 and letters.isascii()
        if not special and (count[number] >= rarest or single):
            pieces.append(piece)
    return pieces


def word_piece_tokenizer(pieces: Sequence[str]) -> Any:
    """Return a lower-casing word-piece tokenizer: no special tokens, padding or truncation."""
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer: Any = Tokenizer(
        models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100)
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def write_tokens(teacher: Path, work: Path, settings: Settings = SHIPPED) -> None:
    """Write WORK/tokenizer.json and WORK/ids.npz."""
    full = Tokenizer.from_file(str(teacher / "tokenizer.json"))
    full.no_padding()
    full.no_truncation()
    texts = read_sentences(work)
    pieces = select_pieces(full, texts, settings.rarest)
    tokenizer = word_piece_tokenizer(pieces)
    tokenizer.save(str(work / "tokenizer.json"), pretty=False)
    taught = texts[: settings.taught]
    ids = [np.array(row[:LONGEST], np.uint16) for row in encode(tokenizer, taught)]
    write_ids(work, ids)
    print(f"{len(pieces)} pieces, {sum(map(len, ids)) / len(ids):.1f} a sentence")
