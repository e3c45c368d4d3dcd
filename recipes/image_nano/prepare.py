"""Pictures of the repositories, decoded and cut to squares, without those of the evaluation sets."""

import io
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from recipes.image_nano.duplicates import EvaluationImages, difference_hash, find_images
from recipes.image_nano.repositories import REPOSITORIES, TINY_IMAGENET, ImageRepository
from recipes.image_nano.store import KINDS, SHARP, create, save_sharp

__all__ = ["prepare"]

# Side of the larger pictures that the student sees views of, in pixels.
SQUARE = 128


def decode(data: bytes) -> Image.Image | None:
    """Return a picture as RGB on white; None if it is broken, narrow or smaller than 96 pixels."""
    try:
        image: Image.Image = Image.open(io.BytesIO(data))
        image.draft("RGB", (300, 300))
        if image.mode in ("RGBA", "LA", "P"):
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("RGB")
    except (OSError, ValueError):
        return None
    short, long = sorted(image.size)
    return None if short < 96 or long > 4 * short else image


def new_images(
    repository: ImageRepository,
    root: Path,
    evaluation: EvaluationImages,
    seen: set[bytes],
    rng: random.Random,
) -> Iterator[Image.Image]:
    """Yield a repository's pictures in random order, at most ``repository.most``.

    Those of the evaluation sets, and those whose difference hash is in ``seen``, are left out; the
    others are added to ``seen``.
    """
    paths = [path for path in find_images(root) if repository.wants(path)]
    rng.shuffle(paths)
    kept = 0
    for path in paths:
        if kept >= repository.most:
            return
        data = path.read_bytes()
        image = decode(data)
        if image is None or evaluation.contain(data, image, scan=repository.kind == "scans"):
            continue
        key = difference_hash(image).tobytes()
        if key not in seen:
            seen.add(key)
            kept += 1
            yield image


def cut_squares(image: Image.Image, second: bool, rng: random.Random) -> Iterator[Image.Image]:
    """Yield the centre square and, with ``second``, a smaller random one, of ``SHARP`` pixels."""
    width, height = image.size
    side = min(width, height)
    part = int(side * rng.uniform(0.55, 0.85))
    corner = rng.randint(0, width - part), rng.randint(0, height - part)
    squares = [((width - side) // 2, (height - side) // 2, side), (*corner, part)]
    for left, top, length in squares if second else squares[:1]:
        box = (left, top, left + length, top + length)
        yield image.resize((SHARP, SHARP), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)


def large_squares(sources: Path, kind: str, evaluation: EvaluationImages) -> Iterator[Image.Image]:
    """Yield the squares of all the repositories of one kind, of ``SHARP`` pixels."""
    rng, seen = random.Random(0), set[bytes]()
    for repository in REPOSITORIES:
        if repository.kind == kind:
            root = sources / repository.name
            for image in new_images(repository, root, evaluation, seen, rng):
                yield from cut_squares(image, repository.second, rng)


def prepare_small(sources: Path, evaluation: EvaluationImages, work: Path) -> None:
    """Write the pictures of Tiny ImageNet; those outside its training part have no label."""
    images, classes = [], []
    for path in sorted((sources / TINY_IMAGENET.name).rglob("*.JPEG")):
        data = path.read_bytes()
        image = Image.open(io.BytesIO(data)).convert("RGB")
        if not evaluation.contain(data, image):
            images.append(np.asarray(image))
            parts = path.parts
            classes.append(parts[parts.index("train") + 1] if "train" in parts else "")
    names = dict.fromkeys(filter(None, classes))
    numbers = {name: number for number, name in enumerate(names)}
    create(work, "small", images, [numbers.get(name, -1) for name in classes])


def prepare(sources: Path, avoid: Path, work: Path) -> None:
    """Write small pictures (64 pixels, with labels) and squares of three kinds, in both sizes."""
    work.mkdir(parents=True, exist_ok=True)
    evaluation = EvaluationImages(avoid)
    prepare_small(sources, evaluation, work)
    for kind in KINDS[1:]:
        squares = []
        for number, sharp in enumerate(large_squares(sources, kind, evaluation)):
            save_sharp(work, kind, number, sharp)
            square = sharp.resize((SQUARE, SQUARE), Image.Resampling.BICUBIC)
            squares.append(np.asarray(square))
        create(work, kind, squares, [-1] * len(squares))
