"""A picture takes at most 16 bytes a pixel and 64 MB, whatever its shape, its mode and the transform.

Measured in a process of its own by its greatest resident memory. `VmHWM` is what `ru_maxrss` gives, but begins anew
with the program, where `ru_maxrss` still knows the process that started it.
"""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

if not Path("/proc/self/status").exists():
    pytest.skip("the greatest resident memory is read from Linux", allow_module_level=True)

PROGRAM = """
import sys
from pathlib import Path
from multigraft.core.types.transform import Transform
from multigraft.plugins.inputs.image import ImageInput

def peak():
    return 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

small, large = (Path(name).read_bytes() for name in sys.argv[1:])
reader = ImageInput(1 << 30)
how = [Transform(384, (0,) * 3, (1,) * 3, fit=fit) for fit in ("crop", "stretch", "pad")]
reader.decode(small, how[0], None)
before = peak()
for each in how:
    reader.decode(large, each, None)
print(peak() - before)
"""
SIDEWAYS = Image.Exif()
SIDEWAYS[0x0112] = 6
CASES = {
    "1 x 5000": ("RGB", (1, 5000), "PNG", {}),
    "1 x 60000": ("RGB", (1, 60_000), "PNG", {}),
    "60000 x 1": ("RGBA", (60_000, 1), "PNG", {}),
    "1 x 500000": ("L", (1, 500_000), "PNG", {"transparency": 0}),
    "palette": ("P", (2500, 5000), "PNG", {"transparency": bytes([0, 128])}),
    "16 bit grey": ("I;16", (2500, 5000), "PNG", {"transparency": 0}),
    "colour key": ("RGB", (2500, 5000), "PNG", {"transparency": (0, 0, 0)}),
    "CMYK": ("CMYK", (2500, 5000), "JPEG", {"progressive": True, "subsampling": 0}),
    "sideways": ("RGB", (2500, 5000), "JPEG", {"exif": SIDEWAYS}),
    "WebP": ("RGBA", (2500, 5000), "WEBP", {"lossless": True, "exif": SIDEWAYS}),
}


@pytest.mark.parametrize("case", CASES)
def test_memory_is_bounded_by_the_pixels(case, tmp_path):
    mode, size, form, options = CASES[case]
    image = Image.fromarray(np.zeros(size[::-1], np.uint16)) if mode == "I;16" else Image.new(mode, size)
    for name, picture in {"small": image.crop((0, 0, 1, 1)), "large": image}.items():
        stream = BytesIO()
        picture.save(stream, form, **options)
        (tmp_path / name).write_bytes(stream.getvalue())
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, tmp_path / "small", tmp_path / "large"]
    used = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert used < 16 * size[0] * size[1] + (64 << 20)
