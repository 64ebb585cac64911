"""Small pictures of the media behind predictions, as data URIs."""

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from multigraft.core.data.decode import MediaDecoder
from multigraft.core.data.shard import Shard, open_shard
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.report.samples import Thumbnails
from multigraft.core.report.sounds import player_uri, spectrogram

_FRAMES = 4


def thumbnails(
    media: Iterable[str], roots: Iterable[Path], decoder: MediaDecoder, opened: Callable[[Path], Shard] = open_shard
) -> dict[str, Thumbnails]:
    """What is shown of media named `SHARD#KEY.FIELD`. Shards are looked for in each of `roots`, and opened by
    `opened`."""
    places = list(roots)
    return {name: _thumbnails(name, places, decoder, opened) for name in media}


def _thumbnails(name: str, roots: Sequence[Path], decoder: MediaDecoder, opened: Callable[[Path], Shard]) -> Thumbnails:
    shard, member = _taken_apart(name)
    path = next((root / shard for root in roots if (root / shard).is_file()), None)
    if path is None:
        return Thumbnails(problem=f"{name}: the shard is not there")
    try:
        return _drawn(opened(path), member, decoder)
    except BadSample as error:
        return Thumbnails(problem=f"{name}: {': '.join(filter(None, [error.reason, error.detail]))}")
    except MultigraftError as error:
        return Thumbnails(problem=f"{name}: {error}")


def _taken_apart(name: str) -> tuple[str, str]:
    """The shard of a medium's name and the rest; a `#` may stand in the names of both."""
    shard, ending, member = name.rpartition(".tar#")
    return (f"{shard}.tar", member) if ending else (name.rpartition("#")[0], name.rpartition("#")[2])


def _drawn(shard: Shard, member: str, decoder: MediaDecoder) -> Thumbnails:
    """A picture, a few frames, evenly drawn, or the log-mel energies of a sound with its file to be played."""
    sample, field = _found(shard, member)
    if sample is None:
        raise MultigraftError("the shard has no such key")
    items = decoder.read(shard, sample, field, None).arrays
    if items is None or not len(items):
        raise BadSample("no pictures")
    count = min(_FRAMES, len(items))
    frames = [items[(2 * i + 1) * len(items) // (2 * count)] for i in range(count)]
    if items.dtype == np.uint8 and items.ndim == 4:
        return Thumbnails(tuple(map(_uri, frames)))
    if items.ndim != 3:
        raise BadSample("no pictures", "its input makes neither pictures nor log-mel energies of it")
    return Thumbnails(tuple(_uri(spectrogram(each)) for each in frames), sound=player_uri(shard, sample, field))


def _found(shard: Shard, member: str) -> tuple[int | None, str]:
    """Number of the sample that a medium is of, and its field; the name of one that lies apart may have slashes."""
    if shard.media is not None:
        key, _, name = member.partition(".")
        return shard.index.numbers.get(key), name
    folder, slash, file = member.rpartition("/")
    key, _, field = file.partition(".")
    return shard.index.numbers.get(f"{folder}{slash}{key}"), field.lower()


def _uri(frame: NDArray[np.uint8]) -> str:
    target = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame.transpose(1, 2, 0))).save(target, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(target.getvalue()).decode()}"
