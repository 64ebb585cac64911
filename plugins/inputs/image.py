"""The `image` input: JPEG, PNG and WebP, opened by Pillow, resized by torch."""

from collections.abc import Mapping
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from multigraft import BadSample, Input, Media, Preparation, Span, Transform
from multigraft.plugins.inputs.fitting import fitted_size
from multigraft.plugins.inputs.flatten import turn_of, upright_rgb
from multigraft.plugins.inputs.jpeg import decoded_jpeg, draft_factor
from multigraft.plugins.inputs.options import ImageOptions
from multigraft.plugins.inputs.picture_cost import cost_of
from multigraft.plugins.inputs.raster import Raster, is_sideways, raster_of
from multigraft.plugins.inputs.resize import resize_raster
from multigraft.plugins.inputs.tensor_resize import resize_by_torch

_FORMATS = ("JPEG", "PNG", "WEBP")
_SCALABLE = ("JPEG", "MPO")
_LONGEST_SIDE = 1 << 19
"""Pixels of a side: a picture of one column takes more memory for its rows than for its pixels."""


class ImageInput(Input):
    """One picture; turned as its EXIF tag says, on white where it is transparent."""

    kind = "image"
    extensions = ("jpg", "jpeg", "png", "webp")

    def __init__(self, max_pixels: int, max_bytes: int, scaled: bool = False) -> None:
        self._max_pixels, self._max_bytes, self._scaled = max_pixels, max_bytes, scaled

    def decode(self, data: bytes, preparation: Preparation, span: Span | None) -> Media:
        """Frames `(1, 3, size, size)`.

        Raises:
            BadSample: `empty file`, `not an image`, `too large`, `truncated image` or `broken image`.
        """
        assert isinstance(preparation, Transform)
        if not data:
            raise BadSample("empty file")
        with self._open(data) as image:
            frame = self._frame(image, data, preparation)
        return Media(self.kind, self.modality, frame[None], np.zeros(1, np.float32))

    def _frame(self, image: Image.Image, data: bytes, transform: Transform) -> NDArray[np.uint8]:
        """What is only for showing is left to Pillow, so that torch need not be there for it."""
        fitted = _draft(image, transform) if self._scaled and image.format in _SCALABLE else None
        self._check_cost(image, data)
        raster = _raster(image, data)
        return (resize_raster if transform.fit == "whole" else resize_by_torch)(raster, transform, fitted)

    def _check_cost(self, image: Image.Image, data: bytes) -> None:
        cost = cost_of(image, data)
        if cost > self._max_bytes:
            kind = f"{image.width} x {image.height} pixels of a {image.format} in mode {image.mode}"
            raise BadSample(
                "too large",
                f"decoding {kind} takes {_megabytes(cost)}, more than `max_bytes` ({_megabytes(self._max_bytes)})",
            )

    def _open(self, data: bytes) -> Image.Image:
        try:
            image = Image.open(BytesIO(data), formats=_FORMATS)
        except UnidentifiedImageError:
            raise BadSample("not an image", f"begins with {data[:12]!r}; JPEG, PNG and WebP are read") from None
        except Image.DecompressionBombError as error:
            raise BadSample("too large", str(error)) from None
        except Exception as error:
            raise _broken(error, data) from None
        if image.width * image.height > self._max_pixels:
            raise BadSample(
                "too large", f"{image.width} x {image.height} pixels, more than `max_pixels` ({self._max_pixels})"
            )
        if max(image.size) > _LONGEST_SIDE:
            raise BadSample("too large", f"a side of {max(image.size)} pixels, more than {_LONGEST_SIDE}")
        return image

    def facts(self, data: bytes) -> Mapping[str, float]:
        """Width and height.

        Raises:
            BadSample: `empty file`, `not an image`, `too large` or `broken image`.
        """
        if not data:
            raise BadSample("empty file")
        with self._open(data) as image:
            if not self._scaled:  # which makes a JPEG smaller, by what it is resized to
                self._check_cost(image, data)
            return {"width": image.width, "height": image.height}

    def fingerprint(self) -> str:
        """The number counts changes of what comes out."""
        return "image/2/scaled" if self._scaled else "image/2"


def _draft(image: Image.Image, transform: Transform) -> tuple[int, int]:
    """Let a JPEG be decoded smaller, and say what size it is to get by its true one."""
    upright = image.size[::-1] if is_sideways(turn_of(image)) else image.size
    fitted = fitted_size(*upright, transform)
    factor = draft_factor(upright, fitted)
    if factor > 1:
        image.draft(None, (image.width // factor, image.height // factor))
    return fitted


def _raster(image: Image.Image, data: bytes) -> Raster:
    """The upright picture.

    Raises:
        BadSample: `truncated image` or `broken image`.
    """
    pixels = decoded_jpeg(image, data) if image.format == "JPEG" else None
    if pixels is not None:
        return raster_of(pixels, turn_of(image))
    try:
        return upright_rgb(image, data)
    except Exception as error:
        raise _broken(error, data) from None


def _megabytes(size: int) -> str:
    return f"{-(-size // (1 << 20)):,} MB"


def _broken(error: Exception, data: bytes) -> BadSample:
    cut = "truncated" in str(error).lower() or _is_cut_webp(data)
    return BadSample("truncated image" if cut else "broken image", str(error))


def _is_cut_webp(data: bytes) -> bool:
    """Whether a file has fewer bytes than its RIFF header says; libwebp does not tell."""
    return data[:4] == b"RIFF" and len(data) < 8 + int.from_bytes(data[4:8], "little")


def build(options: ImageOptions) -> Input:
    """The input."""
    return ImageInput(options.max_pixels, options.max_bytes, options.scaled)
