"""Measure what each part of an extraction costs a picture or a row: the numbers of the plan in docs/scale.md.

    python benchmarks/scale_parts.py                        # 4000 drawn pictures of 320 x 240, 384 columns
    python benchmarks/scale_parts.py --pictures 400

All times are processor time of one process, so that a busy machine changes them little; memory is what the
process grew by. Bytes read and written are those of the files.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import time
from collections.abc import Callable
from typing import Any

import common
import numpy as np
from many_pictures import write_tars

SIZE, ROWS = (240, 320), 100_000


def draw_large(rng: np.random.Generator, _place: int) -> dict[str, bytes]:
    """Return a picture of SIZE, without a class."""
    from PIL import Image

    small = rng.integers(0, 256, (SIZE[0] // 8, SIZE[1] // 8, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(small).resize(SIZE[::-1]).save(stream, "JPEG", quality=90)
    return {".jpg": stream.getvalue()}


def memory() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def timed(step: Callable[[], Any]) -> tuple[Any, float, int]:
    """Return what a step gives, its processor seconds, and the bytes that the process grew by."""
    grown, begun = memory(), time.process_time()
    result = step()
    return result, time.process_time() - begun, memory() - grown


def main() -> None:
    from featx import Backbone, Engine, Rows, get_card
    from featx.modalities.formats import readable
    from featx.sources import make_samples, read_source
    from featx.tables.shards import Shard, ShardFolder, merge_shards
    from featx.tables.stored_rows import open_stored_rows

    parser = common.make_parser(__doc__)
    parser.add_argument("--pictures", type=int, default=4000, help="[%(default)s]")
    parser.add_argument("--backbone", default="featx-image-nano", help="[%(default)s]")
    given = common.parse(parser)
    card = get_card(given.backbone)
    folder, n = given.work / f"parts-{given.pictures}", given.pictures
    write_tars(folder, n, draw_large)
    backbone, lines = Backbone(card), []

    def add(part: str, seconds: float, count: int, grown: int = 0, size: int = 0) -> None:
        us, bytes_each = 1e6 * seconds / count, grown / count
        lines.append((part, f"{us:.1f}", f"{bytes_each:.0f}" if grown else "", size or ""))

    samples, seconds, grown = timed(lambda: read_source(folder, readable(card.input)))
    add("list a sample of a tar", seconds, n, grown)
    reader = backbone.reader
    contents, seconds, _ = timed(lambda: [one.data.read() for one in samples])
    add("read a picture", seconds, n, size=sum(map(len, contents)) // n)
    few = contents[: max(1, n // 4)]
    items, seconds, _ = timed(lambda: [reader.read(reader.load(one)) for one in few])
    add("decode and resize a picture", seconds, len(few))
    backbone.embed_items(items[:8])
    _, seconds, _ = timed(lambda: backbone.embed_items(items, 8))
    add("infer a picture", seconds, len(items))
    whole, seconds, _ = timed(lambda: Engine(n_jobs=1).embed(samples, backbone))
    add("all of that in the engine", seconds, n)
    table = np.random.default_rng(0).standard_normal((ROWS, backbone.dim), np.float32)
    output = given.work / "parts-rows"
    shutil.rmtree(output, ignore_errors=True)
    shards = ShardFolder(
        output,
        4,
        fingerprint=card.fingerprint,
        dim=backbone.dim,
        dtype="float16",
        columns={},
    )
    shards.open()
    seconds = 0.0
    for number in range(4):
        own = Shard(number, 4)
        ids = tuple(f"shard-{i:06d}.tar/{i:09d}.jpg" for i in own.of(ROWS))
        known = make_samples(list(ids), ids=list(ids))
        block = Rows(ids, (None,) * len(ids), table[: len(ids)], card.fingerprint)

        def write(own: Shard = own, known: Any = known, block: Any = block) -> None:
            with shards.writing(own, known) as writer:
                writer.write(block)

        seconds += timed(write)[1]
    size = sum(path.stat().st_size for path in output.iterdir()) // ROWS
    add("write a row as float16", seconds, ROWS, size=size)
    _, seconds, grown = timed(lambda: merge_shards(output))
    add("merge: check a row", seconds, ROWS, grown)
    stored = open_stored_rows(output)
    facts, seconds, grown = timed(stored.facts)
    add("fit: id and label of a row", seconds, ROWS, grown)
    _, seconds, _ = timed(lambda: sum(len(block) for block in stored.blocks(8192)))
    add("fit: read a row", seconds, ROWS)
    print(common.format_table(("part", "us", "bytes of memory", "bytes of files"), lines))
    common.write_json(given.json, lines)
    print(json.dumps({"rows": len(facts.ids), "pictures": len(whole)}))
    shutil.rmtree(output)


if __name__ == "__main__":
    main()
