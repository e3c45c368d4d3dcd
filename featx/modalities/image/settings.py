"""Image settings: how any picture becomes the tensor that an image card asks for."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.ImageFile import ImageFile

from featx._typing import FloatArray, ImageSize, Integers
from featx.errors import BadCard, BadSample
from featx.modalities import Batch, added_later, among, refuse_unknown, shown
from featx.modalities.image.bounds import check_bytes, check_picture, check_size
from featx.modalities.image.decode import (
    in_colors,
    load_pixels,
    orientation,
    picture_of,
    refusals,
    upright,
)
from featx.modalities.image.entries import (
    check_channels,
    check_gain,
    check_range,
    check_sides,
    is_number,
)
from featx.modalities.image.formats import SUFFIXES, format_of, open_picture, refuse_format
from featx.modalities.image.netpbm import load_netpbm
from featx.modalities.image.values import in_range, sixteen_bit_colors
from featx.modalities.remarks import collected
from featx.storage.blob import Blob, read_bytes

if TYPE_CHECKING:
    from featx.modalities.image.geometry import ImageGeometry

__all__ = ["ImageSettings"]

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
}
# as the card says: as Pillow decodes
_COLORS = {"RGB": "RGB", "BGR": "RGB", "L": "L"}
_LAYOUTS = ("NCHW", "NHWC")
_DTYPES = ("float32", "float16", "uint8")
# of one picture, about as many as have a two-gigabyte copy in colour
_MOST_PIXELS = 1 << 29
# of a resized picture, whatever max_pixels says of the stored one
_LEAST_LIMIT = 1 << 24


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """The ``[image]`` table of a card, and the reader that it describes.

    An image is turned upright, converted to ``color``, resized (an int is the short side, a pair is
    height and width), cropped at the centre, multiplied by ``scale``, less ``mean``, divided by
    ``std``. Resizing and cropping are those of torchvision on Pillow images, done in one pass,
    which rounds one pixel in a hundred to the neighbouring level.
    """

    modality: ClassVar[str] = "image"
    baseline_name: ClassVar[str] = "raw pixels"
    string_is_sample: ClassVar[bool] = False
    takes_segments: ClassVar[bool] = False
    suffixes: ClassVar[frozenset[str]] = frozenset(SUFFIXES)
    chunk_size: ClassVar[int] = 4
    # larger batches leave the processor's cache and are slower
    batch_size: ClassVar[int] = 2

    resize: ImageSize | None = None
    crop: ImageSize | None = None
    interpolation: str = "bilinear"
    color: str = "RGB"
    layout: str = "NCHW"
    dtype: str = "float32"
    scale: float = 1 / 255
    # one a channel, in the tensor's order, after scaling; () is zero
    mean: tuple[float, ...] = ()
    # likewise; () is one
    std: tuple[float, ...] = ()
    # decode a JPEG smaller, to no less than this many times the side; 0: never
    draft: float = 3.0
    # Pillow's own limit; as RGB that is half a gigabyte
    max_pixels: int = 178_956_970
    # the values that are black and white; () is the range of the file's type, see featx.modalities.image.values
    range: tuple[float, ...] = added_later(())
    # read what there is of a file that is cut off
    truncated: bool = added_later(False)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> ImageSettings:
        """Return the settings that a card's ``[image]`` table describes; raises BadCard."""
        refuse_unknown(cls, table)
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, (list, tuple)) else value
            for key, value in table.items()
        }
        images = cls(**values)
        images._check()
        # 1 and 1.0 are the same number, and make the same fingerprint
        return replace(
            images,
            scale=float(images.scale),
            draft=float(images.draft),
            mean=tuple(map(float, images.mean)),
            std=tuple(map(float, images.std)),
            range=tuple(map(float, images.range)),
        )

    def _check(self) -> None:
        among("image", "interpolation", self.interpolation, _FILTERS)
        among("image", "color", self.color, _COLORS)
        among("image", "layout", self.layout, _LAYOUTS)
        among("image", "dtype", self.dtype, _DTYPES)
        for name in ("resize", "crop"):
            check_sides(name, getattr(self, name))
        for name in ("mean", "std"):
            check_channels(name, getattr(self, name), 1 if self.color == "L" else 3)
        if 0 in self.std:
            raise BadCard("[image] std holds 0: expected what each channel is divided by")
        if not is_number(self.scale) or abs(self.scale) < 1e-30:
            raise BadCard(f"[image] scale = {shown(self.scale)}: expected a number, not 0")
        check_gain(self.scale, self.mean, self.std)
        if not is_number(self.draft) or (self.draft != 0 and self.draft < 1):
            raise BadCard(
                f"[image] draft = {shown(self.draft)}: expected 0 for never, or 1 or more"
            )
        most = self.max_pixels
        if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= _MOST_PIXELS:
            raise BadCard(f"[image] max_pixels = {shown(most)}: expected 1 to {_MOST_PIXELS}")
        check_range(self.range)
        if not isinstance(self.truncated, bool):
            raise BadCard(f"[image] truncated = {shown(self.truncated)}: expected true or false")
        if self.resize is not None and self.crop is not None:
            crop, resize = _pair(self.crop), _pair(self.resize)
            if crop[0] > resize[0] or crop[1] > resize[1]:
                raise BadCard(f"[image] crop = {self.crop} is larger than resize = {self.resize}")

    def open(self, files: Mapping[str, Blob]) -> ImageSettings:
        """Return itself: an image card needs no further files."""
        return self

    def load(self, data: Any) -> Any:
        """Return the bytes of what names or holds a file; a Pillow image or an array as it is."""
        return data if isinstance(data, (Image.Image, np.ndarray)) else read_bytes(data)

    def digest(self, content: Any) -> bytes:
        """Return the SHA-256 of the file's bytes, or of mode, size and pixels."""
        if isinstance(content, bytes):
            return hashlib.sha256(content).digest()
        if (
            isinstance(content, np.ndarray)
            and content.dtype != np.uint8
            and content.dtype != object
        ):
            head = f"{content.dtype.str} {content.shape}\0".encode()
            return hashlib.sha256(head + content.tobytes()).digest()
        image = content if isinstance(content, Image.Image) else picture_of(content)
        head = f"{image.mode} {image.size} {orientation(image)}\0".encode()
        palette = bytes(image.getpalette() or ()) if image.mode == "P" else b""
        return hashlib.sha256(head + palette + image.tobytes()).digest()

    def read(self, content: Any) -> npt.NDArray[Any]:
        """Return one image as the tensor that the graph takes, without its batch axis."""
        return self._tensor(self._pixels(self._decode(content).image))

    def read_with_geometry(self, content: Any) -> tuple[npt.NDArray[Any], ImageGeometry]:
        """Return what ``read`` returns, and which part of the picture it shows."""
        from featx.modalities.image.geometry import ImageGeometry

        decoded = self._decode(content)
        image = self._pixels(decoded.image)
        width, height = decoded.image.size
        resized, left, top, (crop_height, crop_width) = self._crop(width, height)
        across = decoded.reduced * width / resized[0]
        down = decoded.reduced * height / resized[1]
        # a JPEG that was decoded smaller may end in a part of a pixel
        stored = decoded.stored if decoded.orientation < 5 else decoded.stored[::-1]
        box = (
            left * across,
            top * down,
            min((left + crop_width) * across, float(stored[0])),
            min((top + crop_height) * down, float(stored[1])),
        )
        size = (crop_height, crop_width)
        geometry = ImageGeometry(*decoded.stored, decoded.orientation, box, size)
        return self._tensor(image), geometry

    def is_item(self, value: Any) -> bool:
        """Return whether a value is a tensor of one image: of three axes and the card's dtype."""
        return isinstance(value, np.ndarray) and value.ndim == 3 and value.dtype == self.dtype

    def _tensor(self, image: Image.Image) -> npt.NDArray[Any]:
        """Return an image's pixels in the card's layout, dtype and numbers."""
        values = np.asarray(image)
        if values.ndim == 2:
            values = values[:, :, None]
        if self.color == "BGR":
            values = values[:, :, ::-1]
        if self.layout == "NCHW":
            values = values.transpose(2, 0, 1)
        if self.dtype == "uint8":
            return np.ascontiguousarray(values)
        gain, offset = self._affine()
        out: FloatArray = np.multiply(values, gain, dtype=np.float32, order="C")
        out += offset
        return out if self.dtype == "float32" else out.astype(np.float16)

    def batches(self, items: Sequence[npt.NDArray[Any]], size: int) -> Iterator[Batch]:
        """Give consecutive images of one shape, stacked."""
        start = 0
        while start < len(items):
            stop = start + 1
            while (
                stop < len(items)
                and stop - start < size
                and items[stop].shape == items[start].shape
            ):
                stop += 1
            yield Batch({"input": np.stack(items[start:stop])}, np.arange(start, stop))
            start = stop

    def merge(self, rows: FloatArray, item_index: Integers, n: int) -> FloatArray:
        """Return the rows as they are: one an image, in order."""
        return rows

    def canary(self) -> Image.Image | npt.NDArray[Any]:
        """Return an image drawn by arithmetic, 320 × 256: red rises to the right, green down, blue is a fifth.

        It catches swapped channels, transposed axes, wrong scales and wrong crops.
        """
        pixels = _draw_canary()
        return self.in_own_range(pixels) if self.range else Image.fromarray(pixels)

    def in_own_range(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Return pixels of 0 to 255 as values that the card reads as these."""
        if not self.range:
            return pixels
        low, high = self.range
        return (low + pixels * ((high - low) / 255)).astype(np.float32)

    def probes(self) -> tuple[npt.NDArray[Any], ...]:
        """Return the canary, its negative, noise, and squares of black and white, all of one size."""
        canary = _draw_canary()
        noise = np.random.default_rng(0).integers(0, 256, canary.shape, np.uint8)
        rows, columns = np.indices(canary.shape[:2]) // 32
        squares = np.stack([np.uint8(255) * ((rows + columns) % 2).astype(np.uint8)] * 3, axis=2)
        return tuple(map(self.in_own_range, (canary, 255 - canary, noise, squares)))

    def baseline(self) -> ImageSettings:
        """Return a reader of 16 × 16 pixels in colour: 768 values from 0 to 1."""
        return RawPixels(
            resize=(16, 16),
            draft=2,
            max_pixels=self.max_pixels,
            range=self.range,
            truncated=self.truncated,
        )

    def _affine(self) -> tuple[FloatArray, FloatArray]:
        """Return gain and offset of each channel, shaped to broadcast over the tensor."""
        channels = 1 if self.color == "L" else 3
        mean = np.array(self.mean or (0.0,) * channels)
        std = np.array(self.std or (1.0,) * channels)
        shape = (channels, 1, 1) if self.layout == "NCHW" else (1, 1, channels)
        gain = (self.scale / std).astype(np.float32).reshape(shape)
        return gain, (-mean / std).astype(np.float32).reshape(shape)

    def _decode(self, content: Any) -> _Decoded:
        """Return an upright image in the card's colours."""
        mode, wanted = _COLORS[self.color], self.range or None
        with refusals():
            if isinstance(content, np.ndarray):
                if content.size:
                    check_size((*content.shape, 1, 1)[1::-1], self.max_pixels)
                image = picture_of(content, wanted)
                return _Decoded(in_colors(image, mode), image.size)
            if isinstance(content, Image.Image):
                check_size(content.size, self.max_pixels)
                turn = orientation(content)
                plain = in_colors(in_range(content, wanted), mode)
                return _Decoded(upright(plain, turn), content.size, turn)
            return self._decode_file(content, mode, wanted)

    def _decode_file(self, content: bytes, mode: str, wanted: tuple[float, ...] | None) -> _Decoded:
        name = format_of(content)
        if name is None:
            raise refuse_format(content)
        if name == "DICOM":
            from featx.modalities.image.dicom import read_dicom

            plain = read_dicom(content, wanted, self.max_pixels)
            return _Decoded(in_colors(plain, mode), plain.size)
        check_bytes(content, name, self.max_pixels)
        stored, reduced = (0, 0), 1

        def reopen(content: bytes = content) -> ImageFile:
            nonlocal stored, reduced
            image = open_picture(content, name)
            check_picture(image, name, self.max_pixels)
            stored = image.size
            reduced = self._draft(image) if self.draft else 1
            return image

        image = reopen()
        if name == "PPM" and (numbers := load_netpbm(image, content)):
            return _Decoded(in_colors(in_range(numbers, wanted), mode), stored)
        level = sixteen_bit_colors(image, reopen, wanted)
        image = load_pixels(image, content, name, reopen, truncated=self.truncated)
        turn = orientation(image)
        plain = in_colors(level(image), mode)
        if plain is not image:
            # its pixels are not needed any more, and turning makes a copy
            image.close()
        return _Decoded(upright(plain, turn), stored, turn, reduced)

    def _draft(self, image: Image.Image) -> int:
        """Have a JPEG decoded at the smallest of 1, 1/2, 1/4, 1/8 that keeps enough pixels.

        Returns how many stored pixels one decoded pixel is wide and high.
        """
        if self.resize is None or image.format != "JPEG":
            return 1
        if isinstance(self.resize, int):
            scale = self.draft * self.resize / min(image.size)
            wanted = (math.ceil(image.width * scale), math.ceil(image.height * scale))
        else:
            # the orientation may exchange the sides
            wanted = (math.ceil(self.draft * max(self.resize)),) * 2
        width = image.width
        drafted = image.draft(None, wanted)
        return 1 if drafted is None else round(width / drafted[1][2])

    def _crop(self, width: int, height: int) -> tuple[tuple[int, int], int, int, tuple[int, int]]:
        """Return width and height after resizing, and left, top, height and width of the crop."""
        if self.resize is None:
            new_width, new_height = width, height
        elif isinstance(self.resize, int):
            new_width, new_height = _short_side(width, height, self.resize)
        else:
            new_height, new_width = self.resize
        crop_height, crop_width = _pair(self.crop) if self.crop else (new_height, new_width)
        # with a crop only the pixels that are shown are made, but for these two
        whole = self.crop is None or self.interpolation in ("nearest", "box")
        if whole and self.resize and new_width * new_height > max(self.max_pixels, _LEAST_LIMIT):
            raise BadSample(
                f"image of {width} × {height} pixels: too narrow, it would be resized to "
                f"{new_width} × {new_height}; set crop, or resize to height,width"
            )
        if crop_width > new_width or crop_height > new_height:
            raise BadSample(
                f"image of {width} × {height} pixels: smaller than the crop of "
                f"{crop_width} × {crop_height}, and the card does not resize"
            )
        left = round((new_width - crop_width) / 2)
        top = round((new_height - crop_height) / 2)
        return (new_width, new_height), left, top, (crop_height, crop_width)

    def _pixels(self, image: Image.Image) -> Image.Image:
        """Resize and crop as torchvision does, in one pass over the pixels that are kept."""
        width, height = image.size
        (new_width, new_height), left, top, (crop_height, crop_width) = self._crop(width, height)
        edges = (left, top, left + crop_width, top + crop_height)
        resample = _FILTERS[self.interpolation]
        if (new_width, new_height) == (width, height):
            return image if edges == (0, 0, width, height) else image.crop(edges)
        # these two jump: a hair's breadth is another pixel
        if self.interpolation in ("nearest", "box"):
            return image.resize((new_width, new_height), resample).crop(edges)
        across, down = width / new_width, height / new_height
        box = (
            left * across,
            top * down,
            min(width, (left + crop_width) * across),
            min(height, (top + crop_height) * down),
        )
        return image.resize((crop_width, crop_height), resample, box)


class _Decoded(NamedTuple):
    """An upright image, and what became of the stored one on the way."""

    image: Image.Image
    # width and height of the stored picture
    stored: tuple[int, int]
    orientation: int = 1
    # stored pixels a decoded pixel is wide and high
    reduced: int = 1


class RawPixels(ImageSettings):
    """Images whose items are rows: a few pixels, flattened."""

    __slots__ = ()

    def read(self, content: Any) -> FloatArray:
        # the backbone's reader has said it
        with collected():
            return super().read(content).ravel()


def _short_side(width: int, height: int, size: int) -> tuple[int, int]:
    """Return width and height with the short side at ``size``; the long one is rounded down."""
    if width <= height:
        return size, max(size, int(size * height / width))
    return max(size, int(size * width / height)), size


def _draw_canary() -> npt.NDArray[np.uint8]:
    width, height = 320, 256
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[..., 0] = np.round(255 * np.arange(width) / (width - 1))
    pixels[..., 1] = np.round(255 * np.arange(height) / (height - 1))[:, None]
    pixels[..., 2] = 51
    return pixels


def _pair(size: ImageSize) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
