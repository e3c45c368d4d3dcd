"""Contender: featx, as anyone would call it."""

from __future__ import annotations

from typing import Any

from protocol import Embed, answer


def open_(job: dict[str, Any]) -> Embed:
    import featx

    backbone, engine = featx.Backbone(job["backbone"]), featx.Engine()
    return lambda paths: engine.embed(featx.make_samples(paths), backbone).embeddings


if __name__ == "__main__":
    answer(open_)
