"""JPEGs to what an encoder of 224 pixels reads: ours and ours scaled, beside Pillow.

    python benchmarks/data/pictures.py

Makes its own JPEGs of each size, times all ways in turn in each round (processor time of one thread), compares the
pixels with Pillow's, and writes ratios into pieces/pictures-SIZE.json beside this file; a size that is there is left.
"""

import json
from io import BytesIO
from pathlib import Path
from statistics import median
from time import thread_time

import numpy as np
import torch
from PIL import Image

from multigraft import Transform
from multigraft.plugins.inputs.image import ImageInput
from multigraft.plugins.inputs.resize import resize

PIECES = Path(__file__).parent / "pieces"
SIZES = {"small": (225, 256), "large": (900, 1200)}
PICTURES, ROUNDS, SECONDS = 8, 15, 10.0
WANTED = Transform(224, (0.0,) * 3, (1.0,) * 3)


def natural(width, height, random):
    """Noise of all sizes, the coarser the stronger, as in photographs, with a few sharp edges."""
    picture = np.zeros((height, width, 3))
    for cells in (2, 4, 8, 16, 32, 64, 128):
        noise = random.normal(0, 1, (3, cells + 1, cells + 1)).astype(np.float32)
        bands = [np.asarray(Image.fromarray(band).resize((width, height), Image.Resampling.BICUBIC)) for band in noise]
        picture += np.stack(bands, -1) / cells**0.9
    picture = (picture - picture.mean()) / picture.std() * 50 + 128
    for _ in range(6):
        top, left = random.integers(0, height), random.integers(0, width)
        picture[top : top + height // 5, left : left + width // 5] = random.integers(0, 256, 3)
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def jpegs(shortest, longest):
    """Files of one seed, as cameras and websites store them."""
    random, files = np.random.default_rng(shortest), []
    for number in range(PICTURES):
        width, height = (int(side) for side in random.integers(shortest, longest, 2, endpoint=True))
        stream = BytesIO()
        natural(width, height, random).save(stream, "JPEG", quality=90, subsampling=(0, 2)[number % 2])
        files.append(stream.getvalue())
    return files


def by_pillow(data):
    with Image.open(BytesIO(data)) as image:
        return resize(image.convert("RGB"), WANTED)


def by_input(scaled):
    reader = ImageInput(1 << 30, 1 << 40, scaled)
    return lambda data: reader.decode(data, WANTED, None).arrays[0]


WAYS = {"pillow": by_pillow, "ours": by_input(False), "ours scaled": by_input(True)}


def seconds(files):
    """Processor time of each way, by round."""
    taken, began = {way: [] for way in WAYS}, thread_time()
    while len(taken["pillow"]) < ROUNDS and thread_time() - began < SECONDS:
        for way, decode in WAYS.items():
            start = thread_time()
            for data in files:
                decode(data)
            taken[way].append(thread_time() - start)
    return taken


def measured(shortest, longest):
    """What goes into a piece."""
    files = jpegs(shortest, longest)
    pixels = {way: np.stack([decode(data) for data in files]).astype(int) for way, decode in WAYS.items()}
    taken = seconds(files)
    piece = {"sides": [shortest, longest], "pictures": len(files), "rounds": len(taken["pillow"]), "ways": {}}
    for way in WAYS:
        ratios = [ours / theirs for ours, theirs in zip(taken[way], taken["pillow"], strict=True)]
        error = np.abs(pixels[way] - pixels["pillow"])
        piece["ways"][way] = {
            "processor time to Pillow's": round(median(ratios), 3),
            "least": round(min(ratios), 3),
            "most": round(max(ratios), 3),
            "mean error": round(float(error.mean()), 4),
            "largest error": int(error.max()),
        }
    return piece


def main():
    torch.set_num_threads(1)
    for name, sides in SIZES.items():
        path = PIECES / f"pictures-{name}.json"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(measured(*sides), indent=1) + "\n")
        print(name, path.read_text())


if __name__ == "__main__":
    main()
