"""The `image` input: JPEG, PNG and WebP through Pillow."""

from io import BytesIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from multigraft import BadSample, Input, Media, Preparation, Span, Transform
from multigraft.plugins.inputs.flatten import upright_rgb
from multigraft.plugins.inputs.options import ImageOptions
from multigraft.plugins.inputs.resize import resize

_FORMATS = ("JPEG", "PNG", "WEBP")
_LONGEST_SIDE = 1 << 19
"""Pixels of a side: a picture of one column takes more memory for its rows than for its pixels."""


class ImageInput(Input):
    """One picture; turned as its EXIF tag says, on white where it is transparent."""

    kind = "image"
    extensions = ("jpg", "jpeg", "png", "webp")

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels

    def decode(self, data: bytes, preparation: Preparation, span: Span | None) -> Media:
        """Frames `(1, 3, size, size)`.

        Raises:
            BadSample: `empty file`, `not an image`, `too large`, `truncated image` or `broken image`.
        """
        assert isinstance(preparation, Transform)
        if not data:
            raise BadSample("empty file")
        with self._open(data) as image:
            frame = resize(_decoded(image, data), preparation)
        return Media(self.kind, self.modality, frame[None], np.zeros(1, np.float32))

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
            raise BadSample("too large", f"{image.width} x {image.height} pixels, more than {self._max_pixels}")
        if max(image.size) > _LONGEST_SIDE:
            raise BadSample("too large", f"a side of {max(image.size)} pixels, more than {_LONGEST_SIDE}")
        return image

    def fingerprint(self) -> str:
        """Nothing but the code decides the picture."""
        return "image/2"


def _decoded(image: Image.Image, data: bytes) -> Image.Image:
    """Upright RGB.

    Raises:
        BadSample: `truncated image` or `broken image`.
    """
    try:
        return upright_rgb(image, data)
    except Exception as error:
        raise _broken(error, data) from None


def _broken(error: Exception, data: bytes) -> BadSample:
    cut = "truncated" in str(error).lower() or _is_cut_webp(data)
    return BadSample("truncated image" if cut else "broken image", str(error))


def _is_cut_webp(data: bytes) -> bool:
    """Whether a file has fewer bytes than its RIFF header says; libwebp does not tell."""
    return data[:4] == b"RIFF" and len(data) < 8 + int.from_bytes(data[4:8], "little")


def build(options: ImageOptions) -> Input:
    """The input."""
    return ImageInput(options.max_pixels)
