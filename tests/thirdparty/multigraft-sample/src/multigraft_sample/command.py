"""`multigraft data sample FOLDER`."""

from io import BytesIO
from pathlib import Path

import click

from multigraft import Annotation, Record, ScoredAnswer, ShardWriter

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 30), "blue": (30, 30, 220)}


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--count", type=click.IntRange(min=1), default=12, show_default=True, help="Samples in each split.")
def sample(folder: Path, count: int) -> None:
    """Make shards of pictures of one colour and of tunes in FOLDER."""
    for split in ("train", "validation", "search"):
        with ShardWriter(folder, f"colours-{split}") as writer:
            for number in range(count):
                colour = list(COLOURS)[number % len(COLOURS)]
                _write(writer, f"{split}{number}", "colour", colour, "png", _picture(colour, 24 + number))
        with ShardWriter(folder, f"tunes-{split}") as writer:
            for number in range(count):
                pitches = range(60, 64 + number)
                up = number % 2 == 0
                tune = " ".join(map(str, pitches if up else reversed(pitches))).encode()
                _write(writer, f"{split}{number}", "tune", "up" if up else "down", "notes", tune)


def _write(writer: ShardWriter, key: str, task: str, answer: str, field: str, data: bytes) -> None:
    annotation = Annotation(
        id=f"{key}/{task}", task=task, text="up or down?", answers=(ScoredAnswer(text=answer),), media=(field,)
    )
    writer.write(key, Record(id=key, source="sample", annotations=(annotation,)), {field: data})


def _picture(colour: str, side: int) -> bytes:
    from PIL import Image

    stream = BytesIO()
    Image.new("RGB", (side, side), COLOURS[colour]).save(stream, "PNG")
    return stream.getvalue()
