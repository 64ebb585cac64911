from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from multigraft.core.errors import BadSample
from multigraft.plugins.inputs.image import build
from multigraft.plugins.inputs.options import ImageOptions


@pytest.fixture
def decode(transform):
    def run(data, max_pixels=1000, **options):
        return build(ImageOptions(kind="image", max_pixels=max_pixels)).decode(data, transform(**options), None)

    return run


def saved(image, form, **options):
    stream = BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def reason(error):
    return error.value.reason


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_becomes_one_frame(decode, picture_file, form):
    media = decode(picture_file((200, 30, 30), (40, 25), form))
    assert (media.kind, media.arrays.shape, media.arrays.dtype) == ("image", (1, 3, 16, 16), np.uint8)
    assert media.times.tolist() == [0.0]
    assert np.abs(media.arrays[0].mean((1, 2)) - [200, 30, 30]).max() < 4


def test_pixels_are_those_of_pillows_resize_to_rounding(decode):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (25, 40, 3), np.uint8))
    for interpolation, method in (("bicubic", Image.Resampling.BICUBIC), ("bilinear", Image.Resampling.BILINEAR)):
        expected = np.asarray(noise.resize((16, 16), method)).transpose(2, 0, 1)
        difference = np.abs(decode(saved(noise, "PNG"), interpolation=interpolation).arrays[0].astype(int) - expected)
        assert difference.max() <= 2
        assert difference.mean() <= 0.05


def test_crop_keeps_the_middle_and_pad_adds_black(decode):
    half = Image.new("RGB", (32, 16), (0, 0, 255))
    half.paste((255, 0, 0), (8, 0, 24, 16))
    data = saved(half, "PNG")
    cropped, padded = decode(data, fit="crop").arrays[0], decode(data, fit="pad").arrays[0]
    assert (cropped[0, 8, 8], cropped[0, :, 2:-2].min()) == (255, 255)
    assert padded[:, :4].max() == 0
    assert padded[:, 12:].max() == 0
    assert padded[2, 8, 0] == 255


def test_exif_turns_the_picture(decode):
    image = Image.new("RGB", (16, 16), "black")
    image.paste("white", (0, 0, 16, 8))
    exif = Image.Exif()
    exif[0x0112] = 3
    frame = decode(saved(image, "PNG", exif=exif)).arrays[0]
    assert frame[:, :7].max() == 0
    assert frame[:, 9:].min() == 255


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_becomes_white(decode, mode):
    image = Image.new("RGBA", (16, 16), (10, 20, 30, 0)).convert(mode) if mode != "P" else Image.new("P", (16, 16), 0)
    options = {"transparency": 0} if mode == "P" else {}
    assert decode(saved(image, "PNG", **options)).arrays.min() == 255


def test_sixteen_bit_grey_is_scaled_and_not_clipped(decode):
    grey = Image.fromarray(np.full((16, 16), 0x8000, np.uint16))
    assert set(decode(saved(grey, "PNG")).arrays.ravel().tolist()) == {0x80}


@pytest.mark.parametrize("share", [0.5, 0.99])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_picture(decode, form, share):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 30, 3), np.uint8))
    data = saved(noise, form)
    with pytest.raises(BadSample) as error:
        decode(data[: int(len(data) * share)])
    assert reason(error) == "truncated image"


@pytest.mark.parametrize("form", ["GIF", "EPS", "TIFF", "BMP", "AVIF", "JPEG2000"])
def test_other_formats_are_not_read_whatever_their_name(decode, form):
    with pytest.raises(BadSample, match="not an image") as error:
        decode(saved(Image.new("RGB", (8, 8)), form))
    assert error.value.detail.endswith("; JPEG, PNG and WebP are read")


@pytest.mark.parametrize("data", [b"<html>not found</html>", b"GIF89a" + bytes(40), b"\xff\xd8\xff"])
def test_what_is_none_of_the_three_formats(decode, data):
    with pytest.raises(BadSample) as error:
        decode(data)
    assert reason(error) == "not an image"


def test_an_empty_file(decode):
    with pytest.raises(BadSample, match="empty file"):
        decode(b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(30_000, 30_000), (10_000, 9_000), (101, 10)])
def test_size_is_checked_before_decoding(decode, png_header, size):
    with pytest.raises(BadSample) as error:
        decode(png_header(*size))
    assert reason(error) == "too large"


def test_damage_inside_is_named(decode, picture_file):
    data = bytearray(picture_file(size=(30, 30)))
    place = data.index(b"IDAT")
    data[place + 6 : place + 12] = b"\xff" * 6
    with pytest.raises(BadSample) as error:
        decode(bytes(data))
    assert reason(error) in ("broken image", "truncated image")
