"""Tokenizers of each kind, trained on a few sentences."""

from functools import cache

import pytest

tokenizers = pytest.importorskip("tokenizers")

CORPUS = (
    "The quick brown fox jumps over the lazy dog, and the dog does not mind. A classifier is trained on "
    "rows; rows are made by a backbone that nobody changes. Every sample has one label, and every label a "
    "name. It is not the strongest that survive, nor the most intelligent, but those who use what there is. "
    "She said: “what a lovely day!” — and they went out to the sea; 3.14 is about 22/7 (nearly). hello world "
    "one two three done use SEP or and endoftext. "
)
OTHERS = (
    "Быстрая коричневая лиса прыгает через ленивую собаку. 这家餐厅的服务非常好。我们明天再来吧！"
    * 3
)

KINDS = ("wordpiece", "unigram", "bytes", "metaspace", "words")


def make_tokenizer(kind):
    """A new tokenizer of a kind; nothing that is done to it is seen by others."""
    return tokenizers.Tokenizer.from_str(_trained(kind))


@cache
def _trained(kind):
    models, parts = tokenizers.models, tokenizers.pre_tokenizers
    trainers, normalizers = tokenizers.trainers, tokenizers.normalizers
    quiet = {"show_progress": False}
    if kind == "wordpiece":
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        made = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer = normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer = parts.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=400, special_tokens=special, **quiet)
    elif kind == "unigram":
        special = ["<s>", "</s>", "<unk>"]
        made = tokenizers.Tokenizer(models.Unigram())
        made.normalizer = normalizers.NFKC()
        made.pre_tokenizer = parts.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=300, special_tokens=special, unk_token="<unk>", **quiet
        )
    elif kind == "bytes":
        made = tokenizers.Tokenizer(models.BPE())
        made.pre_tokenizer = parts.ByteLevel(add_prefix_space=False)
        made.decoder = tokenizers.decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=500,
            special_tokens=["<|endoftext|>"],
            initial_alphabet=parts.ByteLevel.alphabet(),
            **quiet,
        )
    elif kind == "metaspace":
        made = tokenizers.Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
        made.pre_tokenizer = parts.Metaspace(prepend_scheme="first")
        special = ["<unk>", "<s>", "</s>"]
        trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, **quiet)
    else:
        made = tokenizers.Tokenizer(models.WordLevel(unk_token="[UNK]"))
        made.pre_tokenizer = parts.Whitespace()
        trainer = trainers.WordLevelTrainer(special_tokens=["[UNK]", "[SEP]"], **quiet)
    made.train_from_iterator([CORPUS, OTHERS], trainer)
    return made.to_str()
