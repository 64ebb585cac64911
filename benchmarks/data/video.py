"""Eight frames of a ten-second clip of 320 x 240 from bytes: ours, and ours of the clip encoded again, beside decord.

    python benchmarks/data/video.py

Makes its own clips, times all ways in turn in each round (processor time of the process) and writes ratios into
pieces/video-GOP.json beside this file; a piece that is there is left. Bare decord opens, takes eight frames and resizes
them with Pillow to 224 pixels, as ours does.
"""

import json
from io import BytesIO
from pathlib import Path
from statistics import median
from time import process_time

import av
import decord
import numpy as np
import torch
from pictures import natural
from PIL import Image

from multigraft import Transform, load_registry
from multigraft.core.registry.inputs import build_input
from multigraft.plugins.inputs.container import MP4
from multigraft.plugins.inputs.options import VideoOptions
from multigraft.plugins.inputs.pyav import probe
from multigraft.plugins.inputs.reencode import reencode
from multigraft.plugins.inputs.resize import resize

PIECES = Path(__file__).parent / "pieces"
GOPS, FRAMES, TAKEN, ROUNDS, SECONDS = (250, 12), 300, 8, 15, 12.0
WIDTH, HEIGHT = 320, 240
DECODERS = ("auto", "decord", "pyav", "torchcodec")
WANTED = Transform(224, (0.0,) * 3, (1.0,) * 3)


def clip(gop):
    """A camera that moves over a picture."""
    scene = np.asarray(natural(2 * WIDTH, 2 * HEIGHT, np.random.default_rng(0)))
    stream = BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=30, options={"g": str(gop), "crf": "23"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(FRAMES):
            left, top = int(160 + 150 * np.sin(number / 40)), int(120 + 110 * np.cos(number / 31))
            picture = np.ascontiguousarray(scene[top : top + HEIGHT, left : left + WIDTH])
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
    return stream.getvalue()


def bare(data):
    reader = decord.VideoReader(BytesIO(data), ctx=decord.cpu(0), num_threads=1)
    frames = reader.get_batch(np.linspace(0, len(reader) - 1, TAKEN).astype(int)).asnumpy()
    return np.stack([resize(Image.fromarray(frame), WANTED) for frame in frames])


def by(decoder):
    """Ours with a video decoder, in this process."""
    options = VideoOptions(kind="video", frames=TAKEN, decoder=decoder)
    reader = build_input(load_registry(), options)
    reader.load()
    return lambda data: reader.decode(data, WANTED, None).arrays


def refusals(data):
    """Which decoders leave the clip to PyAV, and why: their times would be PyAV's."""
    registry, known = load_registry(), probe(data, MP4, WIDTH * HEIGHT)
    chosen = {name: VideoOptions(kind="video", decoder=name).decoder for name in DECODERS}
    told = {name: registry.build("video_decoders", each).refusal(known) for name, each in chosen.items()}
    return {name: why for name, why in told.items() if why}


def measured(gop):
    """What goes into a piece."""
    data = clip(gop)
    again = reencode(data, HEIGHT)
    decoders = {name: by(name) for name in DECODERS if name == "auto" or name not in refusals(data)}
    ways = {"bare decord": (bare, data), "bare decord, encoded again": (bare, again)}
    for name, decode in decoders.items():
        ways |= {name: (decode, data), f"{name}, encoded again": (decode, again)}
    taken, began = {way: [] for way in ways}, process_time()
    expected = bare(data).astype(int)
    while len(taken["bare decord"]) < ROUNDS and process_time() - began < SECONDS:
        for way, (decode, source) in ways.items():
            start = process_time()
            decode(source)
            taken[way].append(process_time() - start)
    ratios = {way: [a / b for a, b in zip(taken[way], taken["bare decord"], strict=True)] for way in ways}
    return {
        "key frame every": gop,
        "left to PyAV": refusals(data),
        "rounds": len(taken["bare decord"]),
        "bytes, encoded again": round(len(again) / len(data), 2),
        "mean error of auto": round(float(np.abs(decoders["auto"](data) - expected).mean()), 4),
        "processor time to bare decord's": {
            way: {"median": round(median(each), 3), "least": round(min(each), 3), "most": round(max(each), 3)}
            for way, each in ratios.items()
        },
    }


def main():
    torch.set_num_threads(1)
    for gop in GOPS:
        path = PIECES / f"video-{gop}.json"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(measured(gop), indent=1) + "\n")
        print(gop, path.read_text())


if __name__ == "__main__":
    main()
