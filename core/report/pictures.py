"""Small pictures of the media behind predictions, as data URIs."""

import base64
import io
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from PIL import Image

_SIDE = 144
_FRAMES = 4
_MOST_FRAMES_READ = 600
_VIDEOS = ("mp4", "webm", "mkv", "avi", "mov")
_MOST_BYTES, _MOST_PIXELS = 64 << 20, 50_000_000


def thumbnails(media: Iterable[str], roots: Iterable[Path]) -> dict[str, list[str]]:
    """Data URIs of media named `SHARD#KEY.FIELD`: one for a picture, a few frames for a video.

    Shards are looked for in each of `roots`. What cannot be found or decoded is left out.
    """
    places, wanted = list(roots), defaultdict[str, set[str]](set)
    for name in media:
        shard, _, member = name.rpartition("#")
        wanted[shard].add(member)
    found = {}
    for shard, members in wanted.items():
        path = next((root / shard for root in places if (root / shard).is_file()), None)
        for member, data in _members(path, members) if path else ():
            found[f"{shard}#{member}"] = _uris(member, data)
    return {name: uris for name, uris in found.items() if uris}


def _members(path: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """The wanted members of a tar; a damaged tar gives those before the damage."""
    names = {_with_lower_field(name): name for name in wanted}
    try:
        with tarfile.open(path, "r:") as archive:
            for entry in archive:
                name = names.get(_with_lower_field(entry.name.removeprefix("./")))
                file = archive.extractfile(entry) if name and entry.isreg() and entry.size <= _MOST_BYTES else None
                if name and file:
                    yield name, file.read()
    except (tarfile.TarError, OSError):
        return


def _with_lower_field(name: str) -> str:
    folder, slash, file = name.rpartition("/")
    key, dot, field = file.partition(".")
    return f"{folder}{slash}{key}{dot}{field.lower()}"


def _uris(member: str, data: bytes) -> list[str]:
    frames: Callable[[bytes], list[Image.Image]] = _video if member.rpartition(".")[2].lower() in _VIDEOS else _picture
    try:
        return [_uri(picture) for picture in frames(data)]
    except Exception:  # decoders raise errors of many kinds on bad bytes; the prediction is shown without a picture
        return []


def _picture(data: bytes) -> list[Image.Image]:
    picture = Image.open(io.BytesIO(data))
    return [picture] if picture.width * picture.height <= _MOST_PIXELS else []


def _video(data: bytes) -> list[Image.Image]:
    """A few frames, evenly drawn; needs PyAV."""
    import av

    with av.open(io.BytesIO(data)) as container:
        frames = [frame for _, frame in zip(range(_MOST_FRAMES_READ), container.decode(video=0), strict=False)]
        count = min(_FRAMES, len(frames))
        return [frames[(2 * i + 1) * len(frames) // (2 * count)].to_image() for i in range(count)]


def _uri(picture: Image.Image) -> str:
    small = picture.convert("RGBA")
    small.thumbnail((_SIDE, _SIDE))
    small = Image.alpha_composite(Image.new("RGBA", small.size, "white"), small).convert("RGB")
    target = io.BytesIO()
    small.save(target, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(target.getvalue()).decode()}"
