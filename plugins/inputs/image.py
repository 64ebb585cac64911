"""The `image` input: JPEG, PNG and WebP through Pillow."""

from io import BytesIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from multigraft.core.data.media import BadSample, Media
from multigraft.core.interfaces.input import Input, Span
from multigraft.core.interfaces.picture import Transform
from multigraft.plugins.inputs.options import ImageOptions
from multigraft.plugins.inputs.resize import resize

_FORMATS = ("JPEG", "PNG", "WEBP")


class ImageInput(Input):
    """One picture; turned as its EXIF tag says, on white where it is transparent."""

    kind = "image"
    extensions = ("jpg", "jpeg", "png", "webp")

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels

    def decode(self, data: bytes, transform: Transform, span: Span | None) -> Media:
        """Frames `(1, 3, size, size)`.

        Raises:
            BadSample: `empty file`, `not an image`, `too large`, `truncated image` or `broken image`.
        """
        if not data:
            raise BadSample("empty file")
        with self._open(data) as image:
            frame = resize(_rgb(image), transform)
        return Media(self.kind, frame[None], np.zeros(1, np.float32))

    def _open(self, data: bytes) -> Image.Image:
        try:
            image = Image.open(BytesIO(data), formats=_FORMATS)
        except UnidentifiedImageError:
            raise BadSample("not an image", f"begins with {data[:12]!r}") from None
        except Image.DecompressionBombError as error:
            raise BadSample("too large", str(error)) from None
        except Exception as error:
            raise _broken(error) from None
        if image.width * image.height > self._max_pixels:
            raise BadSample("too large", f"{image.width} x {image.height} pixels, more than {self._max_pixels}")
        return image

    def fingerprint(self) -> str:
        """Nothing but the code decides the picture."""
        return "image/1"


def _rgb(image: Image.Image) -> Image.Image:
    """Decode, turn, and flatten to RGB.

    Raises:
        BadSample: `truncated image` or `broken image`.
    """
    try:
        image.load()
        turned = ImageOps.exif_transpose(image)
        if turned.has_transparency_data:
            layer = turned.convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
        return _eight_bits(turned).convert("RGB")
    except Exception as error:
        raise _broken(error) from None


def _broken(error: Exception) -> BadSample:
    return BadSample("truncated image" if "truncated" in str(error).lower() else "broken image", str(error))


def _eight_bits(image: Image.Image) -> Image.Image:
    """A 16-bit grey picture as an 8-bit one, which Pillow would clip instead of scale."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))


def build(options: ImageOptions) -> Input:
    """The input."""
    return ImageInput(options.max_pixels)
