"""Make featx-text-nano: a table of tokens, a table of token pairs and one small layer, distilled
from all-MiniLM-L6-v2.

    python recipe.py sources                         print the public repositories, commits and
                                                     files that the text comes from
    python recipe.py corpus SOURCES EVALUATION WORK  sentences of them, less all that is like an
                                                     evaluation text
    python recipe.py tokens TEACHER WORK             the vocabulary (from the teacher's) and every
                                                     sentence as token ids
    python recipe.py teach  TEACHER WORK             the teacher's embedding of each sentence and
                                                     token; hours of one core
    python recipe.py train  WORK                     the student; a quarter of an hour of
                                                     one core
    python recipe.py export WORK OUT                 int8 tables: OUT/backbone.onnx and
                                                     OUT/tokenizer.json
    python recipe.py check  OUT                      the graph against the same mathematics in
                                                     numpy, masks, padding, neighbours
    python recipe.py quick  [--teacher TEACHER]      all of this but sources and corpus, on made-up
                                                     sentences, under a minute (without a teacher,
                                                     made-up targets instead of tokens and teach)

SOURCES holds a checkout of each repository as owner/name. EVALUATION holds <set>/*.csv with a
column "text": those sentences are never learned from. TEACHER holds backbone.onnx and
tokenizer.json of all-MiniLM-L6-v2, with an output "sentence_embedding".
The defaults are those of the shipped bytes; sums run in another order on another machine, so a new
run agrees closely, not exactly.

Needs numpy, onnx, onnxruntime, tokenizers and torch; featx itself needs none of this.
"""

import argparse
import csv
import json
import math
import random
import re
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PRIME = 1_000_003  # spreads the first id of a pair over the buckets
LENGTH = 16.0  # of every embedding: the square root of its 256 columns


@dataclass(frozen=True)
class Settings:
    """All that decides the student, beside its text."""

    taught: int = 501_760  # sentences, in the order of the corpus
    rarest: int = 20  # times a token of the teacher occurs in the corpus, to be kept
    width: int = 256  # of a token and of the embedding
    buckets: int = 16_384  # pairs of tokens are hashed to so many rows
    pair_width: int = 64
    hidden: int = 512
    epochs: int = 6
    batch: int = 1024
    rate: float = 3e-3
    relation: float = 0.0  # weight of the loss on cosines within a batch; 0.1 made no sure gain
    feeling: float = 0.0  # weight of the loss on good against bad reviews; 0.1 helped nowhere
    held_out: float = 0.01
    seed: int = 0


# -- text ------------------------------------------------------------------------------

SENTENCE_END = re.compile(r"(?<=[.!?])['\")]*\s+(?=[\"'(]?[A-Z0-9])")


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def sentences(text: str) -> list[str]:
    return SENTENCE_END.split(re.sub(r"<br\s*/?>|\s+", " ", text))


def columns(path: Path, wanted: list[int], delimiter: str = ",") -> Iterator[str]:
    quoting = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        table = csv.reader(file, delimiter=delimiter, quoting=quoting)
        next(table)
        for row in table:
            yield from (row[i] for i in wanted if i < len(row))


def fields(path: Path, names: set[str]) -> Iterator[str]:
    """Every string under one of ``names``, however deep."""

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for key, value in node.items():
                if isinstance(value, str) and key in names:
                    yield value
                else:
                    yield from walk(value)
        elif isinstance(node, list):
            for value in node:
                yield from walk(value)

    text = path.read_text(encoding="utf-8", errors="replace")
    for document in text.splitlines() if path.suffix == ".jsonl" else [text]:
        yield from walk(json.loads(document))


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def zipped(path: Path, member: str, clean: Callable[[str], str]) -> Iterator[str]:
    archive = zipfile.ZipFile(path)
    for name in archive.namelist():
        if re.search(member, name):
            yield from filter(
                None, map(clean, archive.read(name).decode("utf-8", "replace").splitlines())
            )


def clinc(path: Path) -> Iterator[str]:
    for split in json.loads(path.read_text(encoding="utf-8")).values():
        yield from (text for text, _ in split)


def snips(path: Path) -> Iterator[str]:
    for intent in json.loads(path.read_text(encoding="utf-8", errors="replace")).values():
        yield from ("".join(part["text"] for part in example["data"]) for example in intent)


def untagged(line: str) -> str:
    return re.sub(r" ([.,;:?!])", r"\1", " ".join(word.rsplit("/", 1)[0] for word in line.split()))


def untag_review(line: str) -> str:
    return line.split("##")[1].strip() if "##" in line else ""


def strip_markup(line: str) -> str:
    return re.sub(r"<[^>]*>", "", line).strip()


def split_pairs(path: Path) -> Iterator[str]:
    for line in lines(path):
        yield from line.split("\t")[1].split("<::::>")


@dataclass(frozen=True)
class Source:
    """Files of one repository; ``most`` sentences of them are kept, ``weight`` puts them early in
    the corpus.
    """

    repository: str
    commit: str
    terms: str
    files: str
    read: Callable[[Path], Iterable[str]]
    most: int | None = None
    weight: float = 0.5


NLTK = ("nltk/nltk_data", "5db857e6f7df11eabb5e5665836db9ec8df07e28")
SOURCES = [
    Source(
        "clinc/oos-eval",
        "828f8093932c8fe6ca7936c3d2e52903b1c523de",
        "CC BY 3.0",
        "data/data_full.json",
        clinc,
        weight=1,
    ),
    Source(
        "xliuhw/NLU-Evaluation-Data",
        "f6071b496b17d71e6eb43f543af0707f4ff30557",
        "CC BY 4.0",
        "CrossValidation/out4WatsonReal/*/CrossValidation/KFold_[123]/merged/intents/*.csv",
        lambda p: columns(p, [0]),
        weight=1,
    ),
    Source(
        "sonos/nlu-benchmark",
        "b86ac7f1577868c42158d0dec77db50956046696",
        "CC0 1.0",
        "2017*/*/train_*_full.json",
        snips,
        weight=1,
    ),
    Source(
        "PolyAI-LDN/task-specific-datasets",
        "57ec275d8078af65b7731c2a98be812d844a6d6b",
        "CC BY 4.0; NLU++ only, not BANKING77",
        "nlupp/data/*/*.json",
        lambda p: (example["text"] for example in json.loads(p.read_text(encoding="utf-8"))),
        weight=1,
    ),
    Source(
        "awslabs/multi-domain-goal-oriented-dialogues-dataset",
        "baa30639c4b271f394b81443c842193407cdf26d",
        "CDLA Permissive 1.0",
        "data/paper_splits/splits_annotated_at_sentence_level/*/*.tsv",
        lambda p: columns(p, [4], "\t"),
        weight=1,
    ),
    Source(
        "google-research-datasets/dstc8-schema-guided-dialogue",
        "e852981ae34990f4358979625854259302feaa78",
        "CC BY-SA 4.0",
        "*/dialogues_*.json",
        lambda p: fields(p, {"utterance"}),
        130_000,
        0.45,
    ),
    Source(
        "google-research-datasets/Taskmaster",
        "d92cb6af3005f1dc09c39e75e7daf4a04905e00b",
        "CC BY 4.0, from memory",
        "TM-4-2024/data/*.json",
        lambda p: fields(p, {"text"}),
        30_000,
    ),
    Source(
        "google-research-datasets/query-wellformedness",
        "fb69c21416195cddc797277ea9e4d393226571d2",
        "CC BY-SA 4.0",
        "*.tsv",
        lambda p: columns(p, [0], "\t"),
        weight=1,
    ),
    Source(
        "google-research-datasets/Disfl-QA",
        "1f0c16171c77b3d3408be92c485f11b8998a9189",
        "CC BY 4.0",
        "*.json",
        lambda p: fields(p, {"original", "disfluent"}),
        weight=1,
    ),
    Source(
        "google-research-datasets/natural-questions",
        "fb26a3073b1fe636c97302890a27b491d6530130",
        "Apache-2.0 on the repository",
        "nq_open/*.jsonl",
        lambda p: fields(p, {"question"}),
        weight=1,
    ),
    Source(
        "wenhuchen/HybridQA",
        "db22fda8c5951438fade3c69d75b350335ba93b3",
        "MIT",
        "released_data/*.json",
        lambda p: fields(p, {"question"}),
    ),
    Source(
        "wenhuchen/OTT-QA",
        "b289bcca691db21a5259c3420e6b9819a9be9ba3",
        "MIT",
        "released_data/*.json",
        lambda p: fields(p, {"question"}),
    ),
    Source(
        "MrJay10/banking-faq-bot",
        "30c5e817a70fc2973af4e640ed8b8775c8ee2a08",
        "none stated",
        "BankFAQs.csv",
        lambda p: columns(p, [0, 1]),
        weight=1,
    ),
    Source(
        "PVidyadhar/Detection-of-Fraud-apps-using-Sentiment-Analysis",
        "81406d56e9c006de30f9d50737fd66177a4a1434",
        "Large Movie Review Dataset (Maas et al. 2011), free for research, to be cited",
        "aclImdb/t*/*/*.txt",
        lambda p: [p.read_text(encoding="utf-8", errors="replace")],
        260_000,
        0.4,
    ),
    Source(
        *NLTK,
        "Pang and Lee 2004, CC BY 4.0",
        "packages/corpora/movie_reviews.zip",
        lambda p: zipped(p, r"/(pos|neg)/", str.strip),
        45_000,
        0.4,
    ),
    Source(
        *NLTK,
        "Liu 2004 and 2007, CC BY 4.0",
        "packages/corpora/product_reviews_*.zip",
        lambda p: zipped(p, r"txt$", untag_review),
        weight=0.4,
    ),
    Source(
        *NLTK,
        "Liu 2008, CC BY 4.0",
        "packages/corpora/pros_cons.zip",
        lambda p: zipped(p, r"Integrated", strip_markup),
        weight=0.4,
    ),
    Source(
        *NLTK,
        "Brown corpus, non-commercial use",
        "packages/corpora/brown.zip",
        lambda p: zipped(p, r"brown/c[a-r]\d\d$", untagged),
        40_000,
        0.4,
    ),
    Source(
        *NLTK,
        "ABC 2006, none stated",
        "packages/corpora/abc.zip",
        lambda p: zipped(p, r"txt$", str.strip),
        15_000,
        0.4,
    ),
    Source(
        *NLTK,
        "web text collection, none stated",
        "packages/corpora/webtext.zip",
        lambda p: zipped(p, r"(overheard|firefox|singles|wine)\.txt$", str.strip),
        15_000,
        0.4,
    ),
    Source(
        "cardiffnlp/tweeteval",
        "4fbd22cd78421f05b1ecdb4fc5725bc7a7bd8f66",
        "unrestricted but for the single tasks' and Twitter's terms",
        "datasets/*/*_text.txt",
        lines,
        70_000,
        0.35,
    ),
    Source(
        "declare-lab/MELD",
        "2d2011b409d3ca2d7e94460cd007d434b1d0a102",
        "GPL-3.0",
        "data/MELD/*.csv",
        lambda p: columns(p, [1]),
    ),
    Source(
        "google-research-datasets/wiki-split",
        "80f5bddf42d1a68201b7b107ee4b8d86d82e9fde",
        "CC BY-SA 4.0",
        "*.tsv",
        split_pairs,
        30_000,
        0.3,
    ),
    Source(
        "brmson/dataset-sts",
        "e1d3375f5b3bc24f21aa4e46f96eb379e9fc1081",
        "SemEval STS, research use",
        "data/sts/semeval-sts/*/*.tsv",
        lambda p: columns(p, [1, 2], "\t"),
    ),
    Source(
        "brmson/dataset-sts",
        "e1d3375f5b3bc24f21aa4e46f96eb379e9fc1081",
        "SICK, CC BY-NC-SA 3.0",
        "data/sts/sick2014/SICK_t*.txt",
        lambda p: columns(p, [1, 2], "\t"),
    ),
    Source(
        "felipessalvatore/NLI_datasets",
        "9551b739a830fafb2ec4b98d49a9ecd4bf3dcbd0",
        "MIT on the repository; SNLI, MNLI, QNLI and JOCI each their own",
        "nli_datasets/*/*.csv",
        lambda p: columns(p, [0, 1]),
        60_000,
        0.35,
    ),
]
LARGEST_FILE = 4 * 2**20  # larger files of the repositories above were not read
FIRST_AT_RANDOM = 61_440  # sentences at the head of the corpus; after them, short ones of the weightier sources come first


def feelings(sources: Path) -> dict[str, int]:
    """1 for a sentence of a good review (or a list of pros), 0 for one of a bad review (or cons),
    -1 where it is in both.
    """
    seen: dict[str, int] = {}
    reviews = sources / "PVidyadhar/Detection-of-Fraud-apps-using-Sentiment-Analysis/aclImdb"
    corpora = sources / "nltk/nltk_data/packages/corpora"
    for value, folder, title in ((1, "pos", "Pros"), (0, "neg", "Cons")):
        texts = [
            p.read_text(encoding="utf-8", errors="replace")
            for p in sorted(reviews.glob(f"t*/{folder}/*.txt"))
        ]
        texts += zipped(corpora / "movie_reviews.zip", f"/{folder}/", str.strip)
        texts += zipped(corpora / "pros_cons.zip", f"Integrated{title}", strip_markup)
        for text in texts:
            for sentence in sentences(text):
                key = " ".join(words(sentence))
                seen[key] = value if seen.get(key, value) == value else -1
    return seen


def corpus(sources: Path, evaluation: Path, work: Path) -> None:
    """Write WORK/sentences.tsv: sentence, source, feeling. A sentence that is, or shares seven
    words running with, an evaluation text is left out.
    """
    csv.field_size_limit(2**31 - 1)
    chance = random.Random(0)
    known, runs = set(), set()
    for path in sorted(evaluation.glob("*/*.csv")):
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                word = words(row["text"])
                known.add(" ".join(word))
                runs.update(tuple(word[i : i + 7]) for i in range(len(word) - 6))
    seen: set[str] = set()
    kept: list[tuple[str, Source]] = []
    for source in SOURCES:
        found, left_out = [], 0
        for path in sorted((sources / source.repository).glob(source.files)):
            if path.stat().st_size > LARGEST_FILE:
                continue
            for sentence in (s.strip() for text in source.read(path) for s in sentences(text)):
                word = words(sentence)
                key = " ".join(word)
                if not 1 <= len(word) <= 40 or len(sentence) > 260 or key in seen:
                    continue
                if key in known or any(
                    tuple(word[i : i + 7]) in runs for i in range(len(word) - 6)
                ):
                    left_out += 1
                    continue
                seen.add(key)
                found.append(sentence)
        if source.most and len(found) > source.most:
            found = chance.sample(found, source.most)
        kept += [(sentence.replace("\t", " "), source) for sentence in found]
        print(
            f"{source.repository} {source.files}: {len(found)} sentences, {left_out} like an evaluation text",
            flush=True,
        )
    chance.shuffle(kept)
    chance = random.Random(1)

    def late(item: tuple[str, Source]) -> float:
        return (
            9 + chance.random() if len(item[0].split()) > 26 else chance.random() / item[1].weight
        )

    kept[FIRST_AT_RANDOM:] = sorted(kept[FIRST_AT_RANDOM:], key=late)
    feeling = feelings(sources)
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "sentences.tsv", "w", encoding="utf-8") as file:
        for sentence, source in kept:
            file.write(
                f"{sentence}\t{source.repository}\t{feeling.get(' '.join(words(sentence)), -1)}\n"
            )


def read(work: Path, s: Settings) -> tuple[list[str], np.ndarray]:
    """The sentences that are taught, and their feelings."""
    rows = [
        line.split("\t")
        for line in (work / "sentences.tsv").read_text(encoding="utf-8").splitlines()[: s.taught]
    ]
    return [row[0] for row in rows], np.array([int(row[2]) for row in rows], np.int8)


# -- tokens ----------------------------------------------------------------------------


def tokens(teacher: Path, work: Path, s: Settings) -> None:
    """Keep the teacher's frequent word pieces and all of ASCII, write WORK/tokenizer.json (no
    special tokens, padding or truncation) and the ids.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    full = Tokenizer.from_file(str(teacher / "tokenizer.json"))
    full.no_padding()
    full.no_truncation()
    texts = [
        line.split("\t")[0]
        for line in (work / "sentences.tsv").read_text(encoding="utf-8").splitlines()
    ]
    count = np.zeros(full.get_vocab_size(), np.int64)
    for i in range(0, len(texts), 20_000):
        for encoding in full.encode_batch_fast(texts[i : i + 20_000], add_special_tokens=False):
            np.add.at(count, encoding.ids, 1)
    pieces = ["[PAD]", "[UNK]"]
    for piece, at in sorted(full.get_vocab().items(), key=lambda item: item[1]):
        letters = piece.removeprefix("##")
        special = len(piece) > 1 and piece.startswith("[") and piece.endswith("]")
        if not special and (count[at] >= s.rarest or (len(letters) == 1 and letters.isascii())):
            pieces.append(piece)
    own = Tokenizer(
        models.WordPiece(
            {piece: i for i, piece in enumerate(pieces)},
            unk_token="[UNK]",
            max_input_chars_per_word=100,
        )
    )
    own.normalizer, own.pre_tokenizer, own.decoder = (
        normalizers.BertNormalizer(),
        pre_tokenizers.BertPreTokenizer(),
        decoders.WordPiece(),
    )
    own.save(str(work / "tokenizer.json"), pretty=False)
    flat, ends = [], [0]
    for i in range(0, min(len(texts), s.taught), 20_000):
        for encoding in own.encode_batch_fast(
            texts[i : min(i + 20_000, s.taught)], add_special_tokens=False
        ):
            flat.append(np.array(encoding.ids[:40], np.uint16))
            ends.append(ends[-1] + len(flat[-1]))
    np.savez(work / "ids.npz", flat=np.concatenate(flat), ends=np.array(ends))
    print(f"{len(pieces)} pieces, {ends[-1] / (len(ends) - 1):.1f} a sentence")


# -- the teacher -----------------------------------------------------------------------


def quantised(teacher: Path, work: Path) -> Path:
    """The teacher with int8 matrix products (twice as fast; cosine to the original .994 on
    average, .981 at worst over 2 000 questions).
    """
    import onnx
    from onnx import numpy_helper
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(str(teacher / "backbone.onnx"))
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in [
        n for n in model.graph.node if n.op_type == "Cast" and n.input[0] in weights
    ]:  # fp16 weights: cast once, here
        whole = numpy_helper.to_array(weights[node.input[0]]).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(whole, node.output[0]))
        model.graph.node.remove(node)
    onnx.save(model, str(work / "teacher-fp32.onnx"))
    quantize_dynamic(
        str(work / "teacher-fp32.onnx"),
        str(work / "teacher-int8.onnx"),
        per_channel=True,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul", "Gemm"],
    )
    return work / "teacher-int8.onnx"


def embedded(
    graph: Path, tokenizer: Path, texts: list[str], out: np.ndarray, batch: int = 32
) -> None:
    """Fill ``out`` with the teacher's embeddings, short texts first within each ten thousand."""
    import onnxruntime
    from tokenizers import Tokenizer

    cut = Tokenizer.from_file(str(tokenizer))
    cut.no_padding()
    cut.enable_truncation(64)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(graph), options)
    for begin in range(0, len(texts), 10_240):
        encodings = cut.encode_batch(texts[begin : begin + 10_240])
        order = np.argsort([len(e.ids) for e in encodings], kind="stable")
        for i in range(0, len(order), batch):
            rows = order[i : i + batch]
            ids, mask = padded([encodings[r].ids for r in rows])
            feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            out[begin + rows] = session.run(["sentence_embedding"], feed)[0]
        print(f"taught {min(begin + 10_240, len(texts))} of {len(texts)}", flush=True)


def padded(rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    length = max(1, max(map(len, rows)))
    ids, mask = np.zeros((len(rows), length), np.int64), np.zeros((len(rows), length), np.int64)
    for r, row in enumerate(rows):
        ids[r, : len(row)], mask[r, : len(row)] = row, 1
    return ids, mask


def teach(teacher: Path, work: Path, s: Settings) -> None:
    """Write WORK/targets.npy and WORK/token_targets.npy: the teacher on every sentence, and on
    every token as if it were one.
    """
    texts, _ = read(work, s)
    pieces = json.loads((work / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    graph = quantised(teacher, work)
    for name, rows in (
        ("token_targets", [piece.removeprefix("##") for piece in pieces]),
        ("targets", texts),
    ):
        out = np.lib.format.open_memmap(
            work / f"{name}.npy", mode="w+", dtype=np.float16, shape=(len(rows), 384)
        )
        embedded(graph, teacher / "tokenizer.json", rows, out)
        out.flush()


# -- the student -----------------------------------------------------------------------


def basis(targets: np.ndarray, width: int) -> np.ndarray:
    """The directions of the teacher's space that hold most of the targets, shape (384, width)."""
    values, vectors = np.linalg.eigh(targets.T @ targets / len(targets))
    return np.ascontiguousarray(vectors[:, ::-1][:, :width], np.float32)


def train(work: Path, s: Settings) -> None:
    """Write WORK/student.npz: the weights that bring the student's embedding nearest to the
    teacher's, by cosine.
    """
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Student(nn.Module):
        """Mean of token rows and of rows for neighbouring tokens; its direction, bent by one
        hidden layer.
        """

        def __init__(self, table: np.ndarray) -> None:
            super().__init__()
            self.tokens = nn.Parameter(torch.from_numpy(table))
            self.pairs = nn.Parameter(torch.randn(s.buckets, s.pair_width) * 0.01)
            self.widen = nn.Linear(s.pair_width, s.width, bias=False)
            self.into, self.out = nn.Linear(s.width, s.hidden), nn.Linear(s.hidden, s.width)
            self.feeling = nn.Linear(s.width, 1)
            nn.init.zeros_(self.out.weight)
            nn.init.zeros_(self.out.bias)

        def forward(self, ids: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
            pair = (ids[:-1] * PRIME + ids[1:]) % s.buckets
            within = torch.ones(len(pair), dtype=torch.bool)
            within[ends[1:-1] - 1] = False
            before = F.pad(torch.cumsum(within, 0), (1, 0))
            pairs = F.embedding_bag(pair[within], self.pairs, before[ends[:-1]], mode="sum")
            bag = F.embedding_bag(ids, self.tokens, ends[:-1], mode="sum") + self.widen(pairs)
            unit = F.normalize(bag, dim=1)
            bend = self.out(torch.relu(self.into(unit * (math.sqrt(s.width) / 2))))
            return F.normalize(unit + bend, dim=1)

    torch.manual_seed(s.seed)
    rng = np.random.default_rng(s.seed)
    _, feeling = read(work, s)
    stored = np.load(work / "ids.npz")
    flat, ends = stored["flat"].astype(np.int64), stored["ends"]
    targets = np.load(work / "targets.npy", mmap_mode="r")
    usable = np.diff(ends) > 0
    held = rng.random(len(usable)) < s.held_out
    learn, judge = np.flatnonzero(usable & ~held), np.flatnonzero(usable & held)
    turn = basis(
        targets[np.sort(rng.choice(learn, min(60_000, len(learn)), replace=False))].astype(
            np.float32
        ),
        s.width,
    )
    goal = np.empty((len(targets), s.width), np.float16)
    for i in range(0, len(goal), 50_000):
        goal[i : i + 50_000] = F.normalize(
            torch.from_numpy(targets[i : i + 50_000].astype(np.float32) @ turn), dim=1
        ).numpy()
    pieces = np.load(work / "token_targets.npy").astype(np.float32) @ turn
    share = np.bincount(flat, minlength=len(pieces)) / len(flat)
    student = Student((pieces * (1e-3 / (1e-3 + share))[:, None]).astype(np.float32))

    def batch(rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        parts = [flat[ends[r] : ends[r + 1]] for r in rows]
        return torch.from_numpy(np.concatenate(parts)), torch.from_numpy(
            np.cumsum([0, *map(len, parts)])
        )

    optimizer = torch.optim.AdamW(student.parameters(), s.rate, betas=(0.9, 0.99), weight_decay=0.0)
    total = s.epochs * (len(learn) // s.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, s.rate, total_steps=total, pct_start=0.05
    )
    itself = torch.eye(s.batch, dtype=torch.bool)
    start = time.time()
    for epoch in range(s.epochs):
        order, away = rng.permutation(learn), 0.0
        for i in range(0, len(order) - s.batch + 1, s.batch):
            rows = order[i : i + s.batch]
            y, want = student(*batch(rows)), torch.from_numpy(goal[rows]).float()
            loss = (1 - (y * want).sum(1)).mean()
            away += loss.item()
            if s.relation:
                ours, theirs = (((m @ m.T) / 0.05).masked_fill(itself, -1e4) for m in (y, want))
                loss = loss + s.relation * F.kl_div(
                    F.log_softmax(ours, 1),
                    F.log_softmax(theirs, 1),
                    log_target=True,
                    reduction="batchmean",
                )
            felt = torch.from_numpy(feeling[rows])
            if s.feeling and (felt >= 0).any():
                score = student.feeling(y * LENGTH)[felt >= 0, 0]
                loss = loss + s.feeling * F.binary_cross_entropy_with_logits(
                    score, felt[felt >= 0].float()
                )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            near = np.mean(
                [
                    (
                        student(*batch(judge[i : i + 1000]))
                        * torch.from_numpy(goal[judge[i : i + 1000]]).float()
                    )
                    .sum(1)
                    .mean()
                    .item()
                    for i in range(0, len(judge), 1000)
                ]
            )
        mean = away / (len(learn) // s.batch)
        print(
            f"epoch {epoch}: distance {mean:.4f}, cosine to the teacher on held-out text {near:.4f}, {time.time() - start:.0f} s",
            flush=True,
        )
        np.savez(
            work / "student.npz",
            **{
                name.replace(".", "_"): p.detach().numpy() for name, p in student.named_parameters()
            },
        )


# -- the graph -------------------------------------------------------------------------


def eighths(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 rows, and what to multiply each by."""
    gain = np.maximum(np.abs(table).max(1), 1e-12) / 127
    return np.round(table / gain[:, None]).astype(np.int8), gain.astype(np.float32)


def export(work: Path, out: Path, s: Settings) -> None:
    """Write OUT/backbone.onnx and OUT/tokenizer.json: only the gathered rows leave int8, and the
    masked sum is one product.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    w = dict(np.load(work / "student.npz"))
    constants: dict[str, np.ndarray] = {
        "b_in": w["into_bias"],
        "b_out": w["out_bias"],
        "prime": np.array(PRIME),
        "buckets": np.array(s.buckets),
        "one": np.array([1]),
        "end": np.array([2**62]),
        "nil": np.array([[0]]),
        "tiny": np.float32(1e-12),
        "reach": np.float32(math.sqrt(s.width) / 2),
        "length": np.float32(LENGTH),
    }
    constants["tokens"], constants["token_gain"] = eighths(w["tokens"])
    constants["pairs"], constants["pair_gain"] = eighths(w["pairs"])
    for name, matrix in (
        ("widen", w["widen_weight"]),
        ("w_in", w["into_weight"]),
        ("w_out", w["out_weight"]),
    ):
        constants[f"{name}_half"] = matrix.T.astype(np.float16)
    row, real = {"axes": [1], "keepdims": 1}, {"to": TensorProto.FLOAT}

    def masked_sum(ids: str, table: str, mask: str) -> list[tuple[Any, ...]]:
        return [
            ("Gather", f"{table}s {ids}", f"{table}_int8"),
            ("Cast", f"{table}_int8", f"{table}_rows", real),
            ("Gather", f"{table}_gain {ids}", f"{table}_gains"),
            ("Mul", f"{table}_gains {mask}", f"{table}_weights"),
            ("Unsqueeze", f"{table}_weights one", f"{table}_weights3"),
            ("MatMul", f"{table}_weights3 {table}_rows", f"{table}_sum3"),
            ("Squeeze", f"{table}_sum3 one", f"{table}_sum"),
        ]

    def unit(x: str, y: str) -> list[tuple[Any, ...]]:
        return [
            ("ReduceL2", x, f"{x}_size", row),
            ("Max", f"{x}_size tiny", f"{x}_size_safe"),
            ("Div", f"{x} {x}_size_safe", y),
        ]

    steps = [
        *(("Cast", f"{name}_half", name, real) for name in ("widen", "w_in", "w_out")),
        ("Cast", "attention_mask", "mask", real),
        *masked_sum("input_ids", "token", "mask"),
        ("Slice", "input_ids one end one", "ids_after"),
        ("Slice", "mask one end one", "mask_after"),
        ("ReduceMax", "input_ids", "highest", row),
        ("Mul", "highest nil", "no_id"),
        ("Cast", "no_id", "no_mask", real),
        ("Concat", "ids_after no_id", "next_ids", {"axis": 1}),
        ("Concat", "mask_after no_mask", "next_mask", {"axis": 1}),
        ("Mul", "input_ids prime", "spread"),
        ("Add", "spread next_ids", "key"),
        ("Mod", "key buckets", "pair_ids"),
        ("Mul", "mask next_mask", "both"),
        *masked_sum("pair_ids", "pair", "both"),
        ("MatMul", "pair_sum widen", "pair_wide"),
        ("Add", "token_sum pair_wide", "bag"),
        *unit("bag", "direction"),
        ("Mul", "direction reach", "stretched"),
        ("Gemm", "stretched w_in b_in", "hidden"),
        ("Relu", "hidden", "active"),
        ("Gemm", "active w_out b_out", "bend"),
        ("Add", "direction bend", "bent"),
        *unit("bent", "bent_direction"),
        ("ReduceMax", "mask", "any", row),
        ("Mul", "any length", "scale"),
        ("Mul", "bent_direction scale", "embedding"),
    ]
    nodes = [
        helper.make_node(op, i.split(), [o], name=o, **(more[0] if more else {}))
        for op, i, o, *more in steps
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["N", "L"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", s.width])
    tensors = [
        numpy_helper.from_array(np.asarray(value, order="C"), name)
        for name, value in constants.items()
    ]
    graph = helper.make_graph(nodes, "featx-text-nano", inputs, [output], tensors)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="featx"
    )
    onnx.checker.check_model(model, full_check=True)
    out.mkdir(parents=True, exist_ok=True)
    (out / "backbone.onnx").write_bytes(model.SerializeToString())
    (out / "tokenizer.json").write_bytes((work / "tokenizer.json").read_bytes())
    print(
        f"{sum((out / name).stat().st_size for name in ('backbone.onnx', 'tokenizer.json'))} bytes"
    )


def oracle(constants: dict[str, np.ndarray], ids: list[int]) -> np.ndarray:
    """The embedding of one sentence in float64 numpy, from the graph's constants."""
    c = {name: value.astype(np.float64) for name, value in constants.items()}
    if not ids:
        return np.zeros(len(c["b_out"]))
    key = [(a * PRIME + b) % int(constants["buckets"]) for a, b in zip(ids, ids[1:], strict=False)]
    bag = (c["tokens"][ids] * c["token_gain"][ids, None]).sum(0)
    bag = bag + (c["pairs"][key] * c["pair_gain"][key, None]).sum(0) @ c["widen_half"]
    unit = bag / max(np.linalg.norm(bag), 1e-12)
    bent = (
        unit
        + np.maximum(unit * c["reach"] @ c["w_in_half"] + c["b_in"], 0) @ c["w_out_half"]
        + c["b_out"]
    )
    return bent / max(np.linalg.norm(bent), 1e-12) * LENGTH


def check(out: Path) -> None:
    """Raise unless the graph keeps its contract to 1e-5 (of an embedding of unit length 1)."""
    import onnx
    import onnxruntime
    from onnx import numpy_helper
    from tokenizers import Tokenizer

    own = Tokenizer.from_file(str(out / "tokenizer.json"))
    session = onnxruntime.InferenceSession(str(out / "backbone.onnx"))
    constants = {
        t.name: numpy_helper.to_array(t)
        for t in onnx.load(str(out / "backbone.onnx")).graph.initializer
    }
    texts = [
        "This is an example sentence",
        "card",
        "Where is my new card? I ordered it two weeks ago!",
        "zzz qqq",
        "",
        "naïve café 漢字",
    ]
    rows = [own.encode(text).ids for text in texts]
    ids, mask = padded(rows)
    together = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    alone = np.concatenate(
        [
            session.run(
                None, dict(zip(("input_ids", "attention_mask"), padded([row]), strict=True))
            )[0]
            for row in rows
        ]
    )
    wide = np.pad(ids, ((0, 0), (0, 9)), constant_values=7), np.pad(mask, ((0, 0), (0, 9)))
    strewn = session.run(None, {"input_ids": wide[0], "attention_mask": wide[1]})[0]
    worst = {
        "numpy": np.stack([oracle(constants, row) for row in rows]),
        "neighbours": alone,
        "padding": strewn,
    }
    for name, other in worst.items():
        apart = float(np.abs(together - other).max()) / LENGTH
        print(f"{name}: {apart:.1e}")
        if not apart <= 1e-5:
            raise SystemExit(f"{name}: differs by {apart:.1e}")
    if together[4].any():
        raise SystemExit("an all-zero mask does not give zeros")
    print(f"{texts[0]!r} begins {np.round(together[0, :8], 4).tolist()}")


# -- the command -----------------------------------------------------------------------


def quick(teacher: Path | None) -> None:
    """Every step after ``corpus`` on made-up sentences; without a teacher, random targets stand in
    for its embeddings.
    """
    small = Settings(
        taught=3000, rarest=1, buckets=256, pair_width=8, hidden=32, epochs=2, batch=256
    )
    chance = random.Random(0)
    parts = (
        "my your the a",
        "card parcel film invoice phone song",
        "is was will be",
        "late lost wonderful broken cheap dull",
        "today again ?",
    )
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        made = [
            " ".join(chance.choice(part.split()) for part in parts) for _ in range(small.taught)
        ]
        (work / "sentences.tsv").write_text(
            "".join(f"{text}\tmade\t{int('wonderful' in text)}\n" for text in made),
            encoding="utf-8",
        )
        if teacher:
            tokens(teacher, work, small)
            teach(teacher, work, small)
        else:
            stand_in(work, made)
        train(work, small)
        export(work, work / "out", small)
        check(work / "out")


def stand_in(work: Path, made: list[str]) -> None:
    """A word-piece tokenizer of the made-up words, and random directions for targets."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    pieces = [
        "[PAD]",
        "[UNK]",
        *sorted({word for text in made for word in text.split()}),
        *(f"##{i}" for i in range(256)),
    ]
    own = Tokenizer(
        models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]")
    )
    own.normalizer, own.pre_tokenizer = (
        normalizers.BertNormalizer(),
        pre_tokenizers.BertPreTokenizer(),
    )
    own.save(str(work / "tokenizer.json"))
    ids = [own.encode(text).ids for text in made]
    np.savez(
        work / "ids.npz",
        flat=np.concatenate(ids).astype(np.uint16),
        ends=np.cumsum([0, *map(len, ids)]),
    )
    directions = np.random.default_rng(0).normal(size=(len(pieces), 384))
    np.save(work / "token_targets.npy", directions.astype(np.float16))
    np.save(
        work / "targets.npy", np.stack([directions[row].mean(0) for row in ids]).astype(np.float16)
    )


def list_sources() -> None:
    for source in SOURCES:
        print(
            f"{source.repository} @ {source.commit}\n    {source.files}\n    terms: {source.terms}; at most {source.most or 'all'} sentences"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    s = Settings()
    does: dict[str, tuple[list[str], Callable[..., None]]] = {
        "sources": ([], list_sources),
        "corpus": (["sources", "evaluation", "work"], corpus),
        "tokens": (["teacher", "work"], lambda *p: tokens(*p, s)),
        "teach": (["teacher", "work"], lambda *p: teach(*p, s)),
        "train": (["work"], lambda *p: train(*p, s)),
        "export": (["work", "out"], lambda *p: export(*p, s)),
        "check": (["out"], check),
    }
    for name, (paths, _) in does.items():
        step = steps.add_parser(name)
        for path in paths:
            step.add_argument(path, type=Path)
    steps.add_parser("quick").add_argument("--teacher", type=Path)
    a = parser.parse_args()
    if a.step == "quick":
        quick(a.teacher)
    else:
        paths, act = does[a.step]
        act(*(getattr(a, path) for path in paths))


if __name__ == "__main__":
    main()
