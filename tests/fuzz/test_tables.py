"""Hostile tables of every format: read or refused in words, with bounded time and memory, and no row lost.

``FEATX_FUZZ_TABLES=N`` tries so many mutations of each table.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import itertools
import json
import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from featx import FeatxError
from featx.sources import Columns, Readable, open_source, read_bytes, read_source
from tests.support.fuzzing import altered_trees, attack, mutated

SEED = 12
COUNT = int(os.environ.get("FEATX_FUZZ_TABLES", "60"))
READABLES = {
    "image": Readable(frozenset({".jpg", ".png"})),
    "audio": Readable(frozenset({".wav"}), segments=True),
    "text": Readable(frozenset({".txt"}), string_is_sample=True),
}

Case = tuple[str, bytes, dict[str, Any]]


def read_table(case: Case) -> None:
    """Read a table in every modality, and the content of what it names within itself."""
    name, content, options = case
    refusals: list[FeatxError] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        source = path.parent if "/" in name else path
        for modality, readable in READABLES.items():
            try:
                _read(source, readable, modality, Columns(**options))
            except FeatxError as error:
                # Without its traceback, which would keep all that was read.
                refusals.append(FeatxError(str(error)))
    if len(refusals) == len(READABLES):
        raise refusals[0]


def _read(source: Path, readable: Readable, modality: str, columns: Columns) -> None:
    open_source(source, columns).peek()
    samples = read_source(source, readable, split=None, columns=columns)
    assert len({sample.id for sample in samples}) == len(samples)
    for sample in samples[:50]:
        sample.id.encode("utf-8")
        assert sample.label is None or sample.label.strip()
        if modality == "image":
            with suppress(FeatxError):
                read_bytes(sample.data, limit=1 << 20)


ROWS = [
    {
        "path": f"{k}.jpg",
        "label": "ab"[k % 2],
        "id": k,
        "split": "train",
        "start": 0,
        "end": k + 1.5,
    }
    for k in range(6)
]
TEXTS = [{"text": text, "label": "x"} for text in ('so "it" is', "a\nb", "c\td", '"', "é", "")]


def delimited(rows: list[dict[str, Any]], mark: str, quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), delimiter=mark, quoting=quoting)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def json_lines(rows: list[Any]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode("utf-8", "surrogatepass")


def parquet_bytes(rows: list[dict[str, Any]], **options: Any) -> bytes:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    features = {"label": {"names": ["a", "b"], "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    described = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    stream = io.BytesIO()
    table = arrow.Table.from_pylist(rows).replace_schema_metadata(described)
    parquet.write_table(table, stream, row_group_size=3, **options)
    return stream.getvalue()


def whole_tables() -> list[Case]:
    """Return tables that make sense, one of each way in which they can be written."""
    tables: list[Case] = [
        (f"a{suffix}", delimited(rows, mark, quoting), {})
        for rows in (ROWS, TEXTS)
        for suffix, mark in ((".csv", ","), (".csv", ";"), (".tsv", "\t"), (".csv", "|"))
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
    ]
    tables += [("a.jsonl", json_lines(rows), {}) for rows in (ROWS, TEXTS)]
    wide = codecs.BOM_UTF16_LE + delimited(TEXTS, "\t").decode().encode("utf-16-le")
    tables += [("a.tsv", wide, {}), ("a.csv", b"sep=;\n" + delimited(ROWS, ";"), {})]
    tables += [
        ("a.csv", delimited(TEXTS, ","), {"encoding": name}) for name in ("cp1252", "gb18030")
    ]
    packed = delimited(ROWS, ",")
    tables += [("a.csv.gz", gzip.compress(packed), {}), ("a.csv.bz2", bz2.compress(packed), {})]
    return tables


def whole_parquet() -> list[Case]:
    pictures = [
        {"image": {"bytes": bytes([k]) * 400, "path": f"{k}.jpg"}, "label": k % 2} for k in range(6)
    ]
    return [
        ("a.parquet", parquet_bytes(ROWS), {}),
        ("a.parquet", parquet_bytes(TEXTS, compression="none"), {}),
        ("a.parquet", parquet_bytes(pictures), {}),
        ("a.parquet", parquet_bytes(pictures, use_dictionary=False, compression="none"), {}),
        ("set/train-00000-of-00001.parquet", parquet_bytes(pictures, compression="zstd"), {}),
    ]


def hand_made() -> Iterator[Case]:
    """Give tables that are wrong in a way that somebody thought of."""
    odd = (
        b"",
        b"\n",
        b"\0",
        b'"',
        b",",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"sep=;",
        b"sep=\0\n",
        b"sep=s\n",
    )
    for suffix, content in itertools.product(
        (".csv", ".tsv", ".jsonl", ".parquet", ".csv.gz"), odd
    ):
        yield f"a{suffix}", content, {}
    for line in (f'{{"text": {"[" * 200_000}', "NaN", '{"text": 1e999}', '{"": 1}'):
        yield "a.jsonl", line.encode(), {}
    yield "a.csv", b"path,start,end\n" + b"a.wav,nan,-1\na.wav,1e999,1\na.wav,1,\n", {}
    yield (
        "a.csv",
        b"path\n" + b"../../etc/passwd\n/etc/passwd\n//\n..\n.\na\0b\n" + b"x/" * 5000,
        {},
    )
    yield "a.csv.gz", gzip.compress(gzip.compress(b"path\na.jpg\n")), {}
    for name in ("\0", "é", "utf-7", "zlib", "punycode", "x" * 100_000):
        yield "a.csv", b"text\nx\n", {"encoding": name}
    for root in ("\0", "nowhere", "x" * 5000):
        yield "a.csv", b"path\nx\n", {"root": root}
    yield "set/train-0-of-999999999.csv", b"text\nx\n", {}
    yield "set/train-1-of-0.csv", b"text\nx\n", {}


def huge() -> Iterator[Case]:
    """Give tables that take much room, or unfold to it."""
    yield "a.jsonl", f'{{"text": "{"x" * 4_000_000}"}}'.encode(), {}
    yield "a.jsonl", b'{"text": [' + b"[]," * 1_390_000 + b"[]]}", {}
    yield "a.jsonl", b"{" + b'"a":{},' * 580_000 + b'"text":"x"}', {}
    yield "a.jsonl", b'{"text": "a"}\n' + b'{"text": ' + b"9" * 100_000 + b"}", {}
    yield "a.csv", b"path" + b",x" * 1_000_000 + b"\na.jpg\n", {}
    yield "a.csv", b'text,label\n"' + b"a\n" * 1_000_000, {}
    yield "a.tsv", b"text\tlabel\n" + b'"\t\n' * 100_000, {}
    yield "a.tsv", b"text\tlabel\n" + b'"a\tx\nb"\tx\n' * 100_000, {}
    yield "a.csv.gz", gzip.compress(bytes(1 << 28), 1) * 2, {}
    yield "a.csv.bz2", bz2.compress(bytes(1 << 28)) * 2, {}


def hostile_tables(seed: int, count: int, tables: list[Case]) -> Iterator[Case]:
    for number, (name, content, options) in enumerate(tables):
        for damaged in mutated(content, seed + number, count):
            yield name, damaged, options


def hostile_rows(seed: int, count: int) -> Iterator[Case]:
    """Give tables whose cells, names of columns and numbers of cells are odd."""
    for tree in altered_trees(ROWS, seed, count):
        yield "a.jsonl", json_lines(tree if isinstance(tree, list) else [tree]), {}
    rng = random.Random(seed)
    pieces = [
        "text",
        "path",
        "label",
        "id",
        "a",
        '"',
        '""',
        ",",
        "\t",
        ";",
        "|",
        "\n",
        "\r",
        " ",
        "\0",
    ]
    for _ in range(count):
        content = "".join(rng.choices(pieces, k=rng.randrange(60)))
        yield rng.choice(("a.csv", "a.tsv")), f"text\tpath,label\n{content}".encode(), {}


@pytest.mark.slow
def test_tables_made_by_hand_are_read_or_refused():
    tally = attack(read_table, hand_made(), seconds=20, memory=1 << 30)
    assert not tally.faults, str(tally)
    assert tally.total > 60


@pytest.mark.slow
def test_huge_tables_are_read_or_refused():
    tally = attack(read_table, huge(), seconds=20, memory=1 << 30)
    assert not tally.faults, str(tally)
    assert tally.total > 8


@pytest.mark.slow
def test_damaged_tables_of_text_are_read_or_refused():
    cases = itertools.chain(
        hostile_tables(SEED, max(1, COUNT // 12), whole_tables()), hostile_rows(SEED, COUNT)
    )
    tally = attack(read_table, cases, memory=400 << 20)
    assert not tally.faults, str(tally)
    assert tally.counts["ok"] > COUNT


@pytest.mark.slow
def test_damaged_parquet_is_read_or_refused():
    tally = attack(read_table, hostile_tables(SEED, COUNT, whole_parquet()), memory=400 << 20)
    assert not tally.faults, str(tally)
    assert tally.counts["refused"] > COUNT


@pytest.mark.slow
def test_many_more_damaged_tables_are_read_or_refused():
    cases = itertools.chain(
        hostile_tables(SEED + 1000, 6 * COUNT, whole_parquet()),
        hostile_tables(SEED + 2000, 2 * COUNT, whole_tables()),
        hostile_rows(SEED + 1000, 10 * COUNT),
    )
    tally = attack(read_table, cases, memory=400 << 20)
    assert not tally.faults, str(tally)
