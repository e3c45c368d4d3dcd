"""Compare folders of texts with sentence-transformers, which wrote them: the same tokens, and the same rows.

    python -m tools.oracles.text_folders make FOLDER      # where torch and sentence-transformers are installed
    python -m tools.oracles.text_folders compare FOLDER   # where featx is: a table of the largest differences
    python -m tools.oracles.text_folders pin FOLDER DATA  # some of it as data of the fast tests

Models are tiny and have random weights: a BERT, a RoBERTa that counts positions from its pad token on, and a
decoder whose texts are filled up at the left.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from tools.oracles.torch_export import export_model

# of rows
ALLOWED = 1e-5
CORPUS = (
    "The quick brown fox jumps over the lazy dog, and the dog does not mind. A classifier is trained on rows; "
    "every sample has one label. She said: “what a lovely day!” — and they went out; 3.14 is about 22/7. "
    "İstanbul ÀÉÎ straße query passage: classify "
)
TEXTS = (
    "yes",
    "The quick brown FOX",
    "  padded  text \n with spaces ",
    "a dog and a fox " * 20,
    "Ünïcödé İstanbul STRASSE ΟΔΥΣΣΕΥΣ",
    "3.14!?",
    "the lazy dog does not mind at all",
)
_ALL = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
_CLASSIFY = {"query": "query: ", "classification": "classify: "}
_PASSAGE = {"document": "passage: "}
# a name, after the kind of model: the poolings, and what else the model has
CASES: dict[str, dict[str, Any]] = {
    "bert, mean, normalised": {"pool": "mean", "norm": True},
    "bert, cls, 20 tokens": {"pool": "cls", "length": 20},
    "bert, dense tanh, normalised": {"pool": "mean", "dense": [(8, 12, "Tanh")], "norm": True},
    "bert, two dense": {"pool": "mean", "dense": [(8, 12, "Identity"), (12, 4, "Tanh")]},
    "bert, layer norm": {"pool": "mean", "layer_norm": True},
    "bert, normalised, then dense": {
        "pool": "mean",
        "norm_first": True,
        "dense": [(8, 6, "Identity")],
    },
    "bert, six joined": {"pool": _ALL},
    "bert, two joined, dense": {"pool": ("cls", "mean"), "dense": [(16, 5, "Identity")]},
    "bert, mean over root": {"pool": "mean_sqrt_len_tokens"},
    "bert, weighted mean": {"pool": "weightedmean"},
    "bert, prompt": {"pool": "mean", "prompts": _CLASSIFY},
    "bert, prompt not pooled": {"pool": "mean", "prompts": _CLASSIFY, "include_prompt": False},
    "bert, prompt not pooled, joined": {
        "pool": ("cls", "weightedmean", "max"),
        "prompts": _CLASSIFY,
        "include_prompt": False,
    },
    "bert, prompt not pooled, dense": {
        "pool": "mean",
        "prompts": _CLASSIFY,
        "include_prompt": False,
        "dense": [(8, 6, "Tanh")],
    },
    "bert, cut to 4": {"pool": "mean", "norm": True, "dim": 4},
    "bert, dense, cut to 4": {"pool": "mean", "dense": [(8, 6, "Tanh")], "dim": 4},
    "roberta, cls, normalised": {"pool": "cls", "norm": True},
    "roberta, mean, lower case": {"pool": "mean", "lower": True},
    "roberta, max": {"pool": "max"},
    "decoder, last token, normalised": {"pool": "lasttoken", "norm": True},
    "decoder, last token, prompt": {"pool": "lasttoken", "prompts": _PASSAGE},
    "decoder, weighted mean": {"pool": "weightedmean"},
    "decoder, prompt not pooled, joined": {
        "pool": ("cls", "mean"),
        "prompts": _PASSAGE,
        "include_prompt": False,
    },
    "decoder, dense": {"pool": "lasttoken", "dense": [(8, 5, "Tanh")]},
}
PINNED = (
    "bert, mean, normalised",
    "bert, dense tanh, normalised",
    "bert, layer norm",
    "bert, normalised, then dense",
    "bert, six joined",
    "bert, prompt not pooled, joined",
    "bert, prompt not pooled, dense",
    "bert, dense, cut to 4",
    "decoder, last token, prompt",
    "decoder, weighted mean",
    "decoder, prompt not pooled, joined",
)
_SHAPE = {
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
}


def make(folder: Path) -> None:
    """Write each case's folder, with its graph, and what sentence-transformers makes of the texts."""
    for name, case in CASES.items():
        path = folder / name
        path.mkdir(parents=True, exist_ok=True)
        kind = name.split(",")[0]
        trained = _save(kind, case, path)
        options = {
            "truncate_dim": case.get("dim"),
            "normalize_embeddings": "dim" in case,
            "prompt_name": _prompt_name(case),
            "convert_to_numpy": True,
        }
        together = trained.encode(list(TEXTS), batch_size=len(TEXTS), **options)
        alone = np.concatenate([trained.encode([text], **options) for text in TEXTS])
        prompt = case.get("prompts", {}).get(options["prompt_name"])
        ids = [_ids(trained, text, prompt) for text in TEXTS]
        found = {"ids": ids, "rows": together.tolist(), "dim": case.get("dim")}
        (path / "found.json").write_text(json.dumps(found), encoding="utf-8")
        print(
            f"{name}: {together.shape}, company changes rows by {np.abs(together - alone).max():.1g}"
        )


def _prompt_name(case: dict[str, Any]) -> str | None:
    prompts = case.get("prompts", {})
    return next((name for name in ("classification", "document") if name in prompts), None)


def _ids(trained: Any, text: str, prompt: str | None) -> list[int]:
    features = trained.preprocess([text], prompt=prompt) if prompt else trained.preprocess([text])
    ids: list[int] = features["input_ids"][0].tolist()
    return ids


def _save(kind: str, case: dict[str, Any], path: Path) -> Any:
    """Write the folder of a case with random weights, and return it as sentence-transformers loads it."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules as parts

    torch.set_num_threads(1)
    torch.manual_seed(0)
    base = path / "base"
    base.mkdir(exist_ok=True)
    model, tokenizer = {"bert": _bert, "roberta": _roberta, "decoder": _decoder}[kind](base)
    model.save_pretrained(base)
    tokenizer.save_pretrained(base)
    length = {"max_seq_length": case["length"]} if "length" in case else {}
    steps = [parts.Transformer(str(base), do_lower_case=case.get("lower", False), **length)]
    prompted = case.get("include_prompt", True)
    steps.append(parts.Pooling(8, pooling_mode=case["pool"], include_prompt=prompted))
    if "norm_first" in case:
        steps.append(parts.Normalize())
    for wanted, given, activation in case.get("dense", []):
        steps.append(
            parts.Dense(wanted, given, activation_function=getattr(torch.nn, activation)())
        )
    if "layer_norm" in case:
        steps.append(parts.LayerNorm(8))
        torch.nn.init.normal_(steps[-1].norm.weight)
        torch.nn.init.normal_(steps[-1].norm.bias)
    if "norm" in case:
        steps.append(parts.Normalize())
    whole = SentenceTransformer(modules=steps, prompts=case.get("prompts"), device="cpu")
    whole.save(str(path / "model"))
    loaded = SentenceTransformer(str(path / "model"), device="cpu").eval()
    _export(loaded[0].auto_model, path / "model", with_types=kind == "bert")
    (path / "model" / "model.safetensors").unlink()
    return loaded


def _bert(path: Path) -> tuple[Any, Any]:
    import transformers

    # the library's trainer gives other numbers each time
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = sorted(set("abcdefghijklmnopqrstuvwxyz0123456789.,;:!?/()“”—"))
    words = sorted({word for word in CORPUS.lower().split() if word.isascii() and word.isalpha()})
    tokens = [*special, *letters, *(f"##{letter}" for letter in letters[:26]), *words]
    tokens = list(dict.fromkeys(tokens))
    (path / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    tokenizer = transformers.BertTokenizer(str(path / "vocab.txt"), model_max_length=48)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), max_position_embeddings=64, **_SHAPE
    )
    return transformers.BertModel(config), tokenizer


def _roberta(path: Path) -> tuple[Any, Any]:
    import tokenizers
    import transformers

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    words = _byte_level(special)
    words.post_processor = tokenizers.processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), add_prefix_space=False
    )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words,
        model_max_length=48,
        **{"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"},
        **{"pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"},
    )
    config = transformers.RobertaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=50,
        pad_token_id=1,
        type_vocab_size=1,
        **_SHAPE,
    )
    return transformers.RobertaModel(config), tokenizer


def _decoder(path: Path) -> tuple[Any, Any]:
    import transformers

    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=_byte_level(["<|endoftext|>", "<|pad|>"]),
        eos_token="<|endoftext|>",
        pad_token="<|pad|>",
        padding_side="left",
        model_max_length=40,
    )
    config = transformers.Qwen2Config(
        vocab_size=len(tokenizer),
        num_key_value_heads=2,
        max_position_embeddings=64,
        use_cache=False,
        pad_token_id=1,
        **_SHAPE,
    )
    return transformers.Qwen2Model(config), tokenizer


def _byte_level(special: list[str]) -> Any:
    import tokenizers

    words = tokenizers.Tokenizer(tokenizers.models.BPE())
    words.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=special,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    words.train_from_iterator([CORPUS], trainer)
    return words


def _export(model: Any, folder: Path, *, with_types: bool) -> None:
    """Write the graph of a transformer as optimum names it."""
    import torch

    ids = torch.arange(14).reshape(2, 7) + 5
    mask = torch.ones_like(ids)
    mask[0, 5:] = 0
    values = {"input_ids": ids, "attention_mask": mask}
    values |= {"token_type_ids": torch.zeros_like(ids)} if with_types else {}
    export_model(model, folder, values, {0: "batch", 1: "tokens"}, opset=14)


def compare(folder: Path) -> None:
    """Print the tokens and rows of each case that featx makes otherwise."""
    from featx.backbones.adding import add_backbone
    from featx.backbones.backbone import Backbone

    failed = 0
    for name in CASES:
        found = json.loads((folder / name / "found.json").read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as own, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            os.environ |= {"FEATX_DATA_DIR": own, "FEATX_CACHE_DIR": own}
            options = {} if found["dim"] is None else {"dim": found["dim"]}
            card = add_backbone(folder / name / "model", name="one", options=options)
            backbone = Backbone(card)
            reader = backbone.reader
            ids = [reader.read(reader.load(text))[0].ids.tolist() for text in TEXTS]
            same = sum(one == other for one, other in zip(ids, found["ids"], strict=True))
            difference = np.abs(backbone.embed(TEXTS) - np.array(found["rows"])).max()
        fine = same == len(TEXTS) and difference <= ALLOWED
        failed += not fine
        print(
            f"{name:36} {same} of {len(TEXTS)} texts have the same tokens; rows of {card.dim} differ by "
            f"{difference:.1g}{'' if fine else '  !'}"
        )
    if failed:
        raise SystemExit(f"{failed} of {len(CASES)} differ by more than {ALLOWED}")


def pin(folder: Path, data: Path) -> None:
    """Write cases as data of tests: a graph a kind of model, and of each case its files and rows."""
    cases = {}
    for name in PINNED:
        kind, model = name.split(",")[0], folder / name / "model"
        (data / f"{kind}.onnx").write_bytes((model / "onnx" / "model.onnx").read_bytes())
        (data / f"{kind}-tokenizer.json").write_bytes((model / "tokenizer.json").read_bytes())
        files = [file for file in model.rglob("*") if file.suffix in (".json", ".safetensors")]
        kept = {file.relative_to(model).as_posix(): file.read_bytes() for file in sorted(files)}
        del kept["tokenizer.json"]
        found = json.loads((folder / name / "found.json").read_text(encoding="utf-8"))
        found["rows"] = np.array(found["rows"]).round(7).tolist()
        found["files"] = {
            key: base64.b64encode(value).decode() for key, value in kept.items() if value
        }
        cases[name] = found
    text = json.dumps({"texts": TEXTS, "cases": cases}, ensure_ascii=False, indent=0)
    (data / "cases.json").write_text(text, encoding="utf-8")


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["make", "compare", "pin"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("data", type=Path, nargs="?")
    given = parser.parse_args()
    if given.command == "pin":
        given.data.mkdir(parents=True, exist_ok=True)
        pin(given.folder, given.data)
    else:
        {"make": make, "compare": compare}[given.command](given.folder)


if __name__ == "__main__":
    main()
