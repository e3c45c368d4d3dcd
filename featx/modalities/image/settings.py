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

from featx._typing import Doubles, FloatArray, ImageSize, Integers
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
from featx.modalities.image.resizing import (
    Placement,
    check_placement,
    crop_or_pad,
    crop_start,
    pair,
    resize_float,
    resized_size,
)
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
_TRANSPARENCY = ("white", "white-all", "drop")
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
    which rounds one pixel in a hundred to the neighbouring level. With ``resize_whole`` the whole is
    resized, then cropped, and each pixel is that of the libraries.
    """

    modality: ClassVar[str] = "image"
    baseline_name: ClassVar[str] = "raw pixels"
    string_is_sample: ClassVar[bool] = False
    takes_segments: ClassVar[bool] = False
    extent_unit: ClassVar[str] = "pixels"
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
    # how resize is meant: see featx.modalities.image.resizing
    fit: str = added_later("sides")
    # the most pixels of the long side where resize is the short one
    longest: int | None = added_later(None)
    # resize the whole picture, then crop
    resize_whole: bool = added_later(False)
    # resize in floating point, so that pixels are not rounded to 8 bits
    resize_float: bool = added_later(False)
    # where the crop begins: "round" as in torchvision, "floor" as in transformers
    crop_origin: str = added_later("round")
    # 0 to 255 a channel of the picture: what is beside a picture that is smaller than the crop; () refuses it
    fill: tuple[float, ...] = added_later(())
    # "white": as on a white page; "white-all": also the colour that a picture without alpha names as
    # transparent; "drop": the colours as they are stored
    transparency: str = added_later("white")

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
            fill=tuple(map(float, images.fill)),
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
        for name in ("truncated", "resize_whole", "resize_float"):
            if not isinstance(value := getattr(self, name), bool):
                raise BadCard(f"[image] {name} = {shown(value)}: expected true or false")
        among("image", "transparency", self.transparency, _TRANSPARENCY)
        if self.resize_float and self.dtype == "uint8":
            raise BadCard("[image] resize_float: expected dtype float32 or float16, found uint8")
        check_channels("fill", self.fill, 1 if self.color == "L" else 3)
        check_placement(
            self.resize,
            self.crop,
            fit=self.fit,
            longest=self.longest,
            crop_origin=self.crop_origin,
            fill=self.fill,
        )

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
        pixels = self._pixels(decoded.image)
        width, height = decoded.image.size
        place = self._place(width, height)
        across = decoded.reduced * width / place.width
        down = decoded.reduced * height / place.height
        right, bottom = place.left + place.crop[1], place.top + place.crop[0]
        # a JPEG that was decoded smaller may end in a part of a pixel; a border lies outside the picture
        stored = decoded.stored if decoded.orientation < 5 else decoded.stored[::-1]
        box = (
            place.left * across,
            place.top * down,
            right * across if right > place.width else min(right * across, float(stored[0])),
            bottom * down if bottom > place.height else min(bottom * down, float(stored[1])),
        )
        geometry = ImageGeometry(*decoded.stored, decoded.orientation, box, place.crop)
        return self._tensor(pixels), geometry

    def picture(self, content: Any) -> Image.Image:
        """Return the picture upright and in the card's colours, not resized; a JPEG as small as will do."""
        return self._decode(content).image

    def is_item(self, value: Any) -> bool:
        """Return whether a value is a tensor of one image: of three axes and the card's dtype."""
        return isinstance(value, np.ndarray) and value.ndim == 3 and value.dtype == self.dtype

    def _tensor(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return pixels in the card's layout, dtype and numbers."""
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
            # of a single one, half a megabyte need not be copied
            several = stop - start > 1
            stacked = (
                np.stack(items[start:stop]) if several else np.ascontiguousarray(items[start])[None]
            )
            yield Batch({"input": stacked}, np.arange(start, stop))
            start = stop

    def merge(self, rows: FloatArray, item_index: Integers, n: int) -> FloatArray:
        """Return the rows as they are: one an image, in order."""
        return rows

    def pull_merge(self, weights: Doubles, rows: FloatArray) -> Doubles:
        """Return the weights as they are, for the only row of an image."""
        return weights[None]

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

    def extent(self, data: Any) -> float:
        """Return the pixels of a picture by its header; 0 for what cannot be read."""
        from featx.modalities.image.extent import count_pixels

        return count_pixels(data, self.max_pixels)

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
            transparency=self.transparency,
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
        wanted = self.range or None
        with refusals():
            if isinstance(content, np.ndarray):
                if content.size:
                    check_size((*content.shape, 1, 1)[1::-1], self.max_pixels)
                image = picture_of(content, wanted)
                return _Decoded(self._in_colors(image), image.size)
            if isinstance(content, Image.Image):
                check_size(content.size, self.max_pixels)
                turn = orientation(content)
                plain = self._in_colors(in_range(content, wanted))
                return _Decoded(upright(plain, turn), content.size, turn)
            return self._decode_file(content, wanted)

    def _in_colors(self, image: Image.Image) -> Image.Image:
        mode = _COLORS[self.color]
        if self.transparency == "drop":
            return image.convert(mode)
        return in_colors(image, mode, keyed=self.transparency == "white-all")

    def _decode_file(self, content: bytes, wanted: tuple[float, ...] | None) -> _Decoded:
        name = format_of(content)
        if name is None:
            raise refuse_format(content)
        if name == "DICOM":
            from featx.modalities.image.dicom import read_dicom

            plain = read_dicom(content, wanted, self.max_pixels)
            return _Decoded(self._in_colors(plain), plain.size)
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
            return _Decoded(self._in_colors(in_range(numbers, wanted)), stored)
        level = sixteen_bit_colors(image, reopen, wanted)
        image = load_pixels(image, content, name, reopen, truncated=self.truncated)
        turn = orientation(image)
        plain = self._in_colors(level(image))
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

    def _place(self, width: int, height: int) -> Placement:
        """Return where the tensor of a picture lies in the resized picture."""
        new_width, new_height = width, height
        if self.resize is not None:
            new_width, new_height = resized_size(width, height, self.resize, self.fit, self.longest)
        crop_height, crop_width = pair(self.crop) if self.crop else (new_height, new_width)
        whole = self.crop is None or self._resizes_whole
        # a float takes four bytes
        limit = self.max_pixels // 4 if self.resize_float else self.max_pixels
        if whole and self.resize and new_width * new_height > max(limit, _LEAST_LIMIT):
            raise BadSample(
                f"image of {width} × {height} pixels: too narrow, it would be resized to "
                f"{new_width} × {new_height}; "
                + ("set crop" if self.crop is None else "cut it")
                + ", or resize to height,width"
            )
        if not self.fill and (crop_width > new_width or crop_height > new_height):
            raise BadSample(
                f"image of {width} × {height} pixels: smaller than the crop of "
                f"{crop_width} × {crop_height}, "
                + ("and the card does not resize" if self.resize is None else "once it is resized")
            )
        left = crop_start(new_width, crop_width, self.crop_origin)
        top = crop_start(new_height, crop_height, self.crop_origin)
        return Placement(new_width, new_height, left, top, (crop_height, crop_width))

    @property
    def _resizes_whole(self) -> bool:
        # nearest and box jump: a hair's breadth is another pixel
        exact = self.resize_whole or self.resize_float or bool(self.fill)
        return exact or self.interpolation in ("nearest", "box")

    def _pixels(self, image: Image.Image) -> npt.NDArray[Any]:
        """Return what is shown of an image, of shape (height, width) or (height, width, 3)."""
        place, resample = self._place(*image.size), _FILTERS[self.interpolation]
        size, (height, width) = (place.width, place.height), place.crop
        if size == image.size or self._resizes_whole:
            if self.resize_float and size != image.size:
                return resize_float(image, place, resample, self.fill)
            image = image if size == image.size else image.resize(size, resample)
            if not place.is_padded:
                image = image.crop((place.left, place.top, place.left + width, place.top + height))
                return np.asarray(image)
            return crop_or_pad(np.asarray(image), place, self.fill)
        # in one pass over the pixels that are kept
        across, down = image.width / place.width, image.height / place.height
        box = (
            place.left * across,
            place.top * down,
            min(image.width, (place.left + width) * across),
            min(image.height, (place.top + height) * down),
        )
        return np.asarray(image.resize((width, height), resample, box))


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


def _draw_canary() -> npt.NDArray[np.uint8]:
    width, height = 320, 256
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[..., 0] = np.round(255 * np.arange(width) / (width - 1))
    pixels[..., 1] = np.round(255 * np.arange(height) / (height - 1))[:, None]
    pixels[..., 2] = 51
    return pixels
