"""Small pictures of the media behind predictions, as data URIs."""

import base64
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from multigraft.core.data.decode import MediaDecoder
from multigraft.core.data.shard import open_shard
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.report.samples import Thumbnails

_FRAMES = 4


def thumbnails(media: Iterable[str], roots: Iterable[Path], decoder: MediaDecoder) -> dict[str, Thumbnails]:
    """What is shown of media named `SHARD#KEY.FIELD`. Shards are looked for in each of `roots`."""
    places = list(roots)
    return {name: _thumbnails(name, places, decoder) for name in media}


def _thumbnails(name: str, roots: Sequence[Path], decoder: MediaDecoder) -> Thumbnails:
    shard, _, member = name.rpartition("#")
    path = next((root / shard for root in roots if (root / shard).is_file()), None)
    if path is None:
        return Thumbnails(problem=f"{name}: the shard is not there")
    try:
        frames = _frames(path, member, decoder)
    except BadSample as error:
        return Thumbnails(problem=f"{name}: {': '.join(filter(None, [error.reason, error.detail]))}")
    except MultigraftError as error:
        return Thumbnails(problem=f"{name}: {error}")
    return Thumbnails(tuple(_uri(frame) for frame in frames))


def _frames(path: Path, member: str, decoder: MediaDecoder) -> list[NDArray[np.uint8]]:
    """A picture, or a few frames, evenly drawn, each `(3, height, width)`."""
    shard = open_shard(path)
    folder, slash, file = member.rpartition("/")
    key, _, field = file.partition(".")
    sample = shard.index.numbers.get(f"{folder}{slash}{key}")
    if sample is None:
        raise MultigraftError("the shard has no such key")
    frames = decoder.read(shard, sample, field.lower(), None).arrays
    if frames is None or not len(frames):
        raise BadSample("no pictures")
    count = min(_FRAMES, len(frames))
    return [frames[(2 * i + 1) * len(frames) // (2 * count)] for i in range(count)]


def _uri(frame: NDArray[np.uint8]) -> str:
    target = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame.transpose(1, 2, 0))).save(target, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(target.getvalue()).decode()}"
