"""A picture takes no more memory than is said before it is decoded, whatever its shape, its mode and the transform.

Measured in a process of its own by its greatest resident memory. `VmHWM` is what `ru_maxrss` gives, but begins anew
with the process, where `ru_maxrss` still knows the one that started it.
"""

import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from multigraft.core.errors import BadSample
from multigraft.plugins.inputs.image import build
from multigraft.plugins.inputs.options import ImageOptions
from multigraft.plugins.inputs.picture_cost import cost_of

if not Path("/proc/self/status").exists():
    pytest.skip("the greatest resident memory is read from Linux", allow_module_level=True)

PROGRAM = """
import os
import sys
from pathlib import Path
from multigraft.core.types.transform import Transform
from multigraft.plugins.inputs.image import ImageInput

def peak():
    return 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

def taken(small, large):
    reader = ImageInput(1 << 30, 1 << 40)
    how = [Transform(384, (0,) * 3, (1,) * 3, fit=fit) for fit in ("crop", "stretch", "pad", "whole")]
    reader.decode(small, how[0], None)
    before = peak()
    for each in how:
        reader.decode(large, each, None)
    return peak() - before

for line in sys.stdin:
    if not os.fork():
        print(taken(*(Path(name).read_bytes() for name in line.split())), flush=True)
        os._exit(0)
    os.wait()
"""
SIDEWAYS = Image.Exif()
SIDEWAYS[0x0112] = 6
WHOLE = {"progressive": True, "subsampling": 0}
CASES = {
    "1 x 5000": ("RGB", (1, 5000), "PNG", {}),
    "1 x 60000": ("RGB", (1, 60_000), "PNG", {}),
    "60000 x 1": ("RGBA", (60_000, 1), "PNG", {}),
    "1 x 500000": ("L", (1, 500_000), "PNG", {"transparency": 0}),
    "60 x 400000": ("RGB", (60, 400_000), "PNG", {}),
    "colours": ("RGB", (5000, 4000), "PNG", {}),
    "alpha": ("RGBA", (5000, 4000), "PNG", {"exif": SIDEWAYS}),
    "grey": ("L", (5000, 4000), "PNG", {}),
    "grey with alpha": ("LA", (5000, 4000), "PNG", {}),
    "black and white": ("1", (5000, 4000), "PNG", {}),
    "palette": ("P", (4000, 5000), "PNG", {"transparency": bytes([0, 128])}),
    "16 bit grey": ("I;16", (4000, 5000), "PNG", {"transparency": 0}),
    "colour key": ("RGB", (4000, 5000), "PNG", {"transparency": (0, 0, 0)}),
    "JPEG": ("RGB", (4000, 5000), "JPEG", {}),
    "grey JPEG": ("L", (4000, 5000), "JPEG", {}),
    "progressive JPEG": ("RGB", (4000, 5000), "JPEG", WHOLE),
    "sideways JPEG": ("RGB", (4000, 5000), "JPEG", {**WHOLE, "exif": SIDEWAYS}),
    "CMYK": ("CMYK", (4000, 5000), "JPEG", {}),
    "progressive CMYK": ("CMYK", (4000, 5000), "JPEG", WHOLE),
    "WebP": ("RGB", (4000, 5000), "WEBP", {"method": 0}),
    "WebP with alpha": ("RGBA", (4000, 5000), "WEBP", {"lossless": True, "method": 0, "exif": SIDEWAYS}),
}


def encoded(case):
    mode, size, form, options = CASES[case]
    image = Image.fromarray(np.zeros(size[::-1], np.uint16)) if mode == "I;16" else Image.new(mode, size)
    for picture in (image.crop((0, 0, 1, 1)), image):
        stream = BytesIO()
        picture.save(stream, form, **options)
        yield stream.getvalue()


@pytest.fixture(scope="module")
def measured():
    """Bytes that decoding a picture takes beyond a small one; a process forks for each of them."""
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def measure(small, large, folder):
            for name, data in {"small": small, "large": large}.items():
                (folder / name).write_bytes(data)
            process.stdin.write(f"{folder / 'small'} {folder / 'large'}\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield measure


@pytest.mark.parametrize("case", CASES)
def test_decoding_takes_no_more_than_is_said(case, measured, tmp_path):
    small, large = encoded(case)
    with Image.open(BytesIO(large)) as image:
        said = cost_of(image, large)
    assert 0 < measured(small, large, tmp_path) < said


def frame(size, marker, *factors):
    """The header of a JPEG of components with sampling factors, up to its only scan of all or its first of one."""
    components = b"".join(bytes([number, across << 4 | down, 0]) for number, (across, down) in enumerate(factors))
    start = struct.pack(">HHHBHHB", 0xFFD8, 0xFF00 | marker, 8 + len(components), 8, *size[::-1], len(factors))
    scan = bytes([len(factors)]) + b"".join(bytes([number, 0]) for number in range(len(factors))) + b"\0\x3f\0"
    return start + components + struct.pack(">HH", 0xFFDA, 2 + len(scan)) + scan


HALF, FULL = [(2, 2), (1, 1), (1, 1)], [(1, 1)] * 3
PHOTO = (8688, 5792)


@pytest.mark.parametrize(
    ("size", "marker", "factors", "read"),
    [(PHOTO, 0xC0, HALF, True), (PHOTO, 0xC2, HALF, True), ((8600, 5700), 0xC2, FULL, True),
     ((10_000, 8900), 0xC0, FULL, True), ((10_000, 8900), 0xC2, HALF, False),
     ((8000, 8000), 0xC2, FULL, False), (PHOTO, 0xC2, [(1, 1)] * 4, False)],
)  # fmt: skip
def test_which_jpegs_are_refused_by_their_headers(size, marker, factors, read):
    """A photograph of 49 megapixels is read, however it is stored."""
    assert (not refused(frame(size, marker, *factors))) == read


def refused(data, **options):
    try:
        build(ImageOptions(kind="image", **options)).facts(data)
    except BadSample as error:
        return str(error)
    return ""


@pytest.mark.parametrize("lifted", [False, True])
def test_a_picture_that_would_take_too_much_is_refused_by_name_before_it_is_decoded(lifted):
    stream = BytesIO()
    Image.new("RGB", (64, 48)).save(stream, "WEBP")
    limit = 1 << 40 if lifted else 1 << 20
    text = refused(stream.getvalue(), max_bytes=limit)
    expected = "too large: decoding 64 x 48 pixels of a WEBP in mode RGB takes 33 MB, more than `max_bytes` (1 MB)"
    assert text == ("" if lifted else expected)


def test_no_picture_may_take_more_than_512_mb_unless_told():
    assert ImageOptions(kind="image").max_bytes == 512 << 20
