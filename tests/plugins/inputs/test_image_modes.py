"""Alpha and depth of every kind of PNG, JPEG and WebP, against values computed here in floating point."""

import itertools
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from multigraft.core.errors import BadSample
from multigraft.plugins.inputs.image import build
from multigraft.plugins.inputs.options import ImageOptions
from multigraft.plugins.inputs.raster import raster_of
from multigraft.plugins.inputs.resize import resize
from multigraft.plugins.inputs.tensor_resize import resize_by_torch

SIDE = 16
GREY, COLOUR, PALETTE, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6
BEST = {"quality": 100, "subsampling": 0}
BANDS = {GREY: 1, COLOUR: 3, PALETTE: 1, GREY_ALPHA: 2, COLOUR_ALPHA: 4}


@pytest.fixture
def decode(transform):
    """RGB `(16, 16, 3)` as floats."""

    def run(data):
        frame = build(ImageOptions(kind="image")).decode(data, transform(SIDE), None).arrays[0]
        return frame.transpose(1, 2, 0).astype(float)

    return run


def noise(depth, colour):
    """Samples `(16, 16, bands)` over the whole range of a depth."""
    drawn = np.random.default_rng(depth + colour).integers(0, 1 << depth, (SIDE, SIDE, BANDS[colour]))
    drawn[0, 0], drawn[0, 1] = 0, (1 << depth) - 1
    return drawn


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(samples, depth, colour, **chunks):
    """A PNG of samples `(16, 16, bands)`, with further chunks before its pixels."""
    bits = (samples[..., None] >> np.arange(depth)[::-1]) & 1
    rows = np.packbits(bits.reshape(SIDE, -1).astype(np.uint8), axis=1)
    header = struct.pack(">IIBBBBB", SIDE, SIDE, depth, colour, 0, 0, 0)
    more = b"".join(chunk(name.encode(), data) for name, data in chunks.items())
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def shown(samples, depth, alpha=None):
    """RGB in floating point, over white."""
    values = samples.astype(float) * 255 / ((1 << depth) - 1)
    alpha = np.ones(values.shape[:2]) if alpha is None else alpha
    return values * alpha[..., None] + 255 * (1 - alpha[..., None]) + np.zeros((1, 1, 3))


def close(found, expected, within=1.0):
    assert found.shape == expected.shape == (SIDE, SIDE, 3)
    assert np.abs(found - expected).max() <= within


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_png_grey(decode, depth):
    samples = noise(depth, GREY)
    close(decode(png(samples, depth, GREY)), shown(samples, depth))


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("place", [(0, 0), (0, 1), (5, 7)])
def test_png_grey_with_a_transparent_value(decode, depth, place):
    samples = noise(depth, GREY)
    key = samples[place]
    samples[9, 9] = key ^ 1
    data = png(samples, depth, GREY, tRNS=struct.pack(">H", *key))
    close(decode(data), shown(samples, depth, (samples != key).any(-1)))


@pytest.mark.parametrize("depth", [8, 16])
def test_png_colour(decode, depth):
    samples = noise(depth, COLOUR)
    close(decode(png(samples, depth, COLOUR)), shown(samples, depth))


@pytest.mark.parametrize("depth", [8, 16])
def test_png_colour_with_a_transparent_value(decode, depth):
    samples = noise(depth, COLOUR)
    key = samples[4, 4].copy()
    for band in range(3):  # neighbours of the key, one level off in one band, are not transparent
        samples[10, band] = key
        samples[10, band, band] ^= 1
    data = png(samples, depth, COLOUR, tRNS=struct.pack(">HHH", *key))
    close(decode(data), shown(samples, depth, (samples != key).any(-1)))


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("colour", [GREY_ALPHA, COLOUR_ALPHA])
def test_png_with_alpha(decode, depth, colour):
    samples = noise(depth, colour)
    alpha = samples[..., -1] / ((1 << depth) - 1)
    close(decode(png(samples, depth, colour)), shown(samples[..., :-1], depth, alpha), within=2)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("alphas", [None, b"\xff\x00", b"\x00", b"\x40\x80", b"\xff\x00\x0a", b"\xff\x00\xff\xff\x0a"])
def test_png_palette(decode, depth, alphas):
    """Colours of a palette, and alphas for its first entries: one index, or one alpha each."""
    colours = np.random.default_rng(0).integers(0, 256, (1 << depth, 3), np.uint8)
    samples = noise(depth, PALETTE)
    chunks = {"PLTE": colours.tobytes()} | ({} if alphas is None else {"tRNS": alphas[: 1 << depth]})
    table = np.full(1 << depth, 255)
    entries = list(chunks.get("tRNS", b""))
    table[: len(entries)] = entries
    indices = samples[..., 0]
    close(decode(png(samples, depth, PALETTE, **chunks)), shown(colours[indices], 8, table[indices] / 255))


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("entries", [0, 1])
def test_a_png_with_colours_that_its_palette_lacks_is_broken(decode, depth, entries):
    """Pillow shows them black."""
    data = png(noise(depth, PALETTE), depth, PALETTE, **({"PLTE": bytes(3 * entries)} if entries else {}))
    with pytest.raises(BadSample, match="broken image") as error:
        decode(data)
    assert error.value.detail == f"it uses colour {(1 << depth) - 1} of a palette of {entries}"


@pytest.mark.parametrize(("form", "options"), [("JPEG", BEST), ("PNG", {}), ("WEBP", {"lossless": True})])
def test_exif_that_cannot_be_read_turns_nothing(decode, form, options):
    data = saved(Image.fromarray(smooth(3)), form, exif=b"Exif\0\0no such thing", **options)
    close(decode(data), smooth(3).astype(float), within=3)


def test_gamma_and_profiles_are_left_alone(decode):
    samples = noise(8, COLOUR)
    assert np.array_equal(decode(png(samples, 8, COLOUR, gAMA=struct.pack(">I", 100_000))), samples)


def test_a_cut_transparent_value_is_a_broken_image(decode):
    with pytest.raises(Exception, match=r"truncated|tRNS"):
        decode(png(noise(8, COLOUR), 8, COLOUR, tRNS=b"\0\0"))


def test_an_animated_png_gives_its_first_frame(decode):
    frames = [Image.new("RGBA", (SIDE, SIDE), colour) for colour in [(10, 200, 30, 255), "red", "blue"]]
    close(decode(saved(frames[0], "PNG", save_all=True, append_images=frames[1:])), colour_of(10, 200, 30))


def saved(image, form, **options):
    stream = BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def colour_of(*colour):
    return np.zeros((SIDE, SIDE, 1)) + np.array(colour, float)


def smooth(bands):
    """Gradients, which survive lossy compression."""
    y, x = np.mgrid[:SIDE, :SIDE] * 12.0
    return np.stack([x, y, 180 - x, (x + y) / 2][:bands], -1).astype(np.uint8)


def test_jpeg_grey(decode):
    grey = smooth(1)
    close(decode(saved(Image.fromarray(grey[..., 0]), "JPEG", **BEST)), shown(grey, 8), within=2)


@pytest.mark.parametrize("keep_rgb", [False, True], ids=["YCbCr", "RGB"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_colour(decode, keep_rgb, progressive):
    data = saved(Image.fromarray(smooth(3)), "JPEG", keep_rgb=keep_rgb, progressive=progressive, **BEST)
    close(decode(data), shown(smooth(3), 8), within=3)


def ink(cmyk):
    """RGB of inks from 0 to 255."""
    paper = 1 - cmyk / 255
    return 255 * paper[..., :3] * paper[..., 3:]


def test_jpeg_cmyk(decode):
    """Adobe writes inks inverted."""
    inks = smooth(4)
    data = saved(Image.fromarray(inks, "CMYK"), "JPEG", **BEST)
    assert b"Adobe" in data
    close(decode(data), ink(inks.astype(float)), within=3)


def test_jpeg_ycck(decode):
    """The same with its three colours as luma and chroma, which is said in the last byte of the segment Adobe."""
    inks = smooth(4)
    luma = Image.fromarray(inks[..., :3]).convert("YCbCr").split()
    inside = [*luma, Image.fromarray(255 - inks[..., 3])]
    stored = Image.merge("CMYK", inside).point(lambda value: 255 - value)  # Pillow inverts what it saves
    data = bytearray(saved(stored, "JPEG", **BEST))
    data[data.index(b"Adobe") + 11] = 2
    close(decode(bytes(data)), ink(inks.astype(float)), within=4)


TURNS = {
    1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1), 7: lambda a: np.rot90(a, 2).swapaxes(0, 1), 8: lambda a: np.rot90(a, 1),
}  # fmt: skip


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize(("form", "options"), [("JPEG", BEST), ("PNG", {}), ("WEBP", {"lossless": True})])
def test_exif_orientation(decode, orientation, form, options):
    picture = smooth(3)
    picture[:4, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode(saved(Image.fromarray(picture), form, exif=exif, **options))
    expected = TURNS[orientation](picture.astype(float))
    assert np.abs(found - expected).mean() < 2
    assert np.abs(found - expected).max() < 40  # ringing of JPEG at the white corner


@pytest.mark.parametrize("bands", [3, 4])
def test_webp_lossless(decode, bands):
    samples = noise(8, COLOUR_ALPHA)[..., :bands].astype(np.uint8)
    alpha = samples[..., 3] / 255 if bands == 4 else None
    data = saved(Image.fromarray(samples), "WEBP", lossless=True, exact=True)
    close(decode(data), shown(samples[..., :3], 8, alpha))


@pytest.mark.parametrize("bands", [3, 4])
def test_webp_lossy(decode, bands):
    samples = smooth(bands)
    alpha = samples[..., 3] / 255 if bands == 4 else None
    found = decode(saved(Image.fromarray(samples), "WEBP", quality=100))
    assert np.abs(found - shown(samples[..., :3], 8, alpha)).mean() < 4


def test_an_animated_webp_gives_its_first_frame(decode):
    frames = [Image.new("RGBA", (SIDE, SIDE), colour) for colour in [(10, 200, 30, 128), "red", "blue"]]
    data = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True, exact=True)
    close(decode(data), shown(colour_of(10, 200, 30), 8, np.full((SIDE, SIDE), 128 / 255)))


SIZES = [(40, 25), (25, 40), (16, 16), (7, 30), (300, 5), (5, 300), (1, 64), (64, 1), (33, 200), (640, 480)]


def naively(image, transform):
    """The whole picture resized, and cut then."""
    method = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}[transform.interpolation]
    size, side = transform.size, (min if transform.fit == "crop" else max)(image.size)
    if transform.fit == "stretch":
        return np.asarray(image.resize((size, size), method))
    width, height = (max(1, round(length * size / side)) for length in image.size)
    if transform.fit == "crop":  # rows before columns; left alone, Pillow takes the other order for a few shapes
        image = image.resize((width, image.height), method)
    resized = image.resize((width, height), method)
    left, top = (resized.width - size) // 2, (resized.height - size) // 2
    return np.asarray(resized.crop((left, top, left + size, top + size)))


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_cutting_first_gives_what_resizing_first_gives(transform, fit):
    for size, interpolation, wanted in itertools.product(SIZES, ["bicubic", "bilinear"], [16, 21]):
        samples = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
        image, how = Image.fromarray(samples), transform(wanted, fit=fit, interpolation=interpolation)
        expected = naively(image, how).transpose(2, 0, 1).astype(int)
        for frame, within in ((resize(image, how), 1), (resize_by_torch(raster_of(samples), how), 2)):
            assert np.abs(frame - expected).max() <= within, (size, interpolation, wanted)


def test_a_picture_can_be_kept_whole(transform):
    """For showing: the aspect ratio is kept, and small ones stay as they are."""
    for size, expected in {(40, 20): (8, 16), (20, 40): (16, 8), (5, 7): (7, 5), (1, 900): (16, 1)}.items():
        data = saved(Image.new("RGB", size), "PNG")
        media = build(ImageOptions(kind="image")).decode(data, transform(16, fit="whole"), None)
        assert media.arrays.shape == (1, 3, *expected)
