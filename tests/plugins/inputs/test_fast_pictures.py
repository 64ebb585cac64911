"""JPEGs decoded by simplejpeg and pictures resized by torch, against Pillow."""

import os
import subprocess
import sys
from io import BytesIO
from itertools import product

import numpy as np
import pytest
from PIL import Image

from multigraft.core.errors import BadSample
from multigraft.plugins.inputs.flatten import upright_rgb
from multigraft.plugins.inputs.image import build
from multigraft.plugins.inputs.jpeg import decoded_jpeg, draft_factor
from multigraft.plugins.inputs.options import ImageOptions
from multigraft.plugins.inputs.resize import resize

pytest.importorskip("simplejpeg", reason="without simplejpeg all JPEGs are Pillow's")
SHAPES = [(256, 225), (225, 256), (640, 480), (100, 90), (40, 200), (33, 20)]
STORED = [{}, {"progressive": True}, {"subsampling": 0}, {"keep_rgb": True}, {"optimize": True, "quality": 30}]


def scene(width, height):
    """Waves of several lengths and an edge: smooth as most of a photograph, and sharp somewhere."""
    x, y = np.meshgrid(np.linspace(0, 9, width), np.linspace(0, 7, height))
    waves = [np.sin(x * (band + 1) + y) + np.cos(y * (3 - band)) + (x > 5) for band in range(3)]
    return Image.fromarray(np.clip(90 + 40 * np.stack(waves, -1), 0, 255).astype(np.uint8))


def saved(image, form="JPEG", **options):
    stream = BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def opened(data):
    return Image.open(BytesIO(data))


def by_pillow(data, transform):
    with opened(data) as image:
        return resize(Image.fromarray(upright_rgb(image, data).rgb()), transform).astype(int)


def decoded(data, transform, **options):
    return build(ImageOptions(kind="image", **options)).decode(data, transform, None).arrays[0].astype(int)


def turned(image, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(image, exif=exif)


@pytest.mark.parametrize("options", STORED)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_pixels_are_those_that_pillow_decodes(options, mode):
    data = saved(scene(101, 67).convert(mode), **({} if mode == "L" and "keep_rgb" in options else options))
    found = decoded_jpeg(opened(data), data)
    assert np.array_equal(found, np.asarray(opened(data).convert("RGB")))


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_smaller_pixels_are_those_of_pillows_draft(factor):
    data = saved(scene(317, 203))
    drafted = opened(data)
    drafted.draft(None, (317 // factor, 203 // factor))
    found = decoded_jpeg(drafted, data)
    assert found.shape == (-(-203 // factor), -(-317 // factor), 3)
    assert np.array_equal(found, np.asarray(drafted))


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad", "whole"])
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_the_picture_is_pillows_to_rounding(transform, form, fit):
    for (width, height), interpolation, size in product(SHAPES, ["bicubic", "bilinear"], [64, 96]):
        data, how = saved(scene(width, height), form), transform(size, fit=fit, interpolation=interpolation)
        difference = np.abs(decoded(data, how) - by_pillow(data, how))
        assert difference.mean() <= 0.05, (width, height, size)
        assert difference.max() <= 2, (width, height, size)


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad", "whole"])
@pytest.mark.parametrize("size", [(700, 500), (500, 700), (60, 900), (900, 60)])
@pytest.mark.parametrize("orientation", [1, 4, 6])
def test_pixels_are_the_same_in_stretches(transform, monkeypatch, fit, size, orientation):
    data, how = turned(scene(*size), orientation), transform(64, fit=fit)
    whole = decoded(data, how)
    for module, name in (("raster", "STRETCH"), ("tensor_resize", "STRETCH"), ("resize", "_AT_ONCE")):
        monkeypatch.setattr(f"multigraft.plugins.inputs.{module}.{name}", 4000)
    assert np.abs(decoded(data, how) - whole).max() <= (1 if fit == "whole" else 0)


@pytest.mark.parametrize("shorter", [64, 80])
def test_the_middle_of_a_larger_picture(transform, shorter):
    data, how = saved(scene(200, 150)), transform(64, fit="crop", shorter=shorter)
    assert np.abs(decoded(data, how) - by_pillow(data, how)).mean() <= 0.05


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("scaled", [False, True])
def test_turned_pictures(transform, orientation, scaled):
    data, how = turned(scene(256, 128), orientation), transform(32, fit="crop")
    difference = np.abs(decoded(data, how, scaled=scaled) - by_pillow(data, how))
    assert difference.mean() <= (4 if scaled else 0.05)


@pytest.mark.parametrize(("rubbish", "noticed"), [(b"\x55" * 8, False), (b"\xff\xd0" * 4, True)])
def test_damage_gives_what_pillow_gives_and_prints_nothing(transform, capfd, rubbish, noticed):
    """libjpeg only warns of it."""
    data = saved(scene(120, 120), quality=95)
    place = len(data) * 3 // 4
    data = data[:place] + rubbish + data[place + 8 :]
    assert (decoded_jpeg(opened(data), data) is None) == noticed
    assert np.abs(decoded(data, transform(64)) - by_pillow(data, transform(64))).max() <= 2
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("lost", [0.5, 0.05, 0.01])
@pytest.mark.parametrize("options", STORED)
def test_a_truncated_jpeg_is_named(transform, options, lost, scaled):
    data = saved(scene(200, 200), **options)
    with pytest.raises(BadSample) as error:
        decoded(data[: int(len(data) * (1 - lost))], transform(32), scaled=scaled)
    assert error.value.reason == "truncated image"


def test_inks_are_left_to_pillow():
    data = saved(scene(50, 40).convert("CMYK"))
    assert decoded_jpeg(opened(data), data) is None


@pytest.mark.parametrize(
    ("size", "wanted", "factor"),
    [((448, 448), (224, 224), 2), ((447, 448), (224, 224), 1), ((1200, 900), (224, 224), 4), ((100, 90), (224, 224), 1),
     ((9000, 4000), (224, 224), 8), ((1, 5000), (1, 224), 1)],
)  # fmt: skip
def test_by_how_much_a_picture_is_decoded_smaller(size, wanted, factor):
    assert draft_factor(size, wanted) == factor


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad", "whole"])
def test_scaled_pictures_look_the_same_and_are_their_own_kind_of_input(transform, fit):
    data, how = saved(scene(900, 640)), transform(64, fit=fit)
    plain, scaled = decoded(data, how), decoded(data, how, scaled=True)
    assert 0 < np.abs(plain - scaled).mean() < 3
    prints = [build(ImageOptions(kind="image", scaled=each)).fingerprint() for each in (False, True)]
    assert prints == ["image/2", "image/2/scaled"]


def test_scaled_changes_no_picture_that_is_not_much_larger(transform):
    data, how = saved(scene(120, 100)), transform(64)
    assert np.array_equal(decoded(data, how), decoded(data, how, scaled=True))


THREADS = """
import os, sys
import numpy as np, torch
from multigraft.core.types.transform import Transform
from multigraft.plugins.inputs.raster import raster_of
from multigraft.plugins.inputs.tensor_resize import resize_by_torch
torch.set_num_threads(4)
before = len(os.listdir("/proc/self/task"))
for fit in ("stretch", "crop", "pad"):
    resize_by_torch(raster_of(np.zeros((900, 1200, 3), np.uint8)), Transform(384, (0,) * 3, (1,) * 3, fit=fit))
print(torch.backends.cpu.get_cpu_capability(), len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="threads are counted as Linux does")
def test_resizing_stays_in_the_calling_thread():
    capability, more = subprocess.check_output([sys.executable, "-c", THREADS], text=True).split()
    if not capability.startswith("AVX"):
        pytest.skip("torch has its kernel for 8 bits with AVX2 alone")
    assert more == "0"
