"""Hostile stored features: tars and safetensors that are damaged, or lie with every checksum right."""

import json
import zlib
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from ends import Ends
from headers import file, tar
from noise import extreme, noisy
from payloads import Payloads
from records import hostile_value, record
from tars import hostile_tar

from multigraft.core.data.feature_shard import FACTS, TIMES, FeatureShard, facts_of, key_of, medium_name
from multigraft.core.data.feature_tensors import TOKENS
from multigraft.core.data.features import FeatureStore, feature_shard, source_of
from multigraft.core.data.shard import Shard
from multigraft.core.errors import BadSample
from multigraft.core.types.media import Media, Span
from multigraft.plugins.inputs.image import build
from multigraft.plugins.inputs.options import ImageOptions

_FINGERPRINT, _SPAN = "encoder | image", Span(0.0, 1.5)
_MEDIA = ((0, "0.png", None), (0, "png", _SPAN), (1, "png", None), (2, "png", None))


def _safetensors(header: Any, values: bytes, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length % 2**64).to_bytes(8, "little") + text + values


def _header(of: str, sample: int, medium: str, bad: BadSample | None) -> dict[str, Any]:
    header: dict[str, Any] = {"__metadata__": facts_of(of, sample, medium, bad)}
    if bad is None:
        header[TOKENS] = {"dtype": "BF16", "shape": [2, 3, 4], "data_offsets": [0, 48]}
        header[TIMES] = {"dtype": "F32", "shape": [2], "data_offsets": [48, 56]}
    return header


class Features:
    """Stored features of a sound shard, read as a run reads them."""

    def __init__(self, watched: Path) -> None:
        self._payloads = Payloads(watched)
        self._inputs = [build(ImageOptions(kind="image"))]
        members = {}
        for number in range(3):
            members |= {f"k{number}.json": record(Random(number), f"k{number}"), f"k{number}.png": b"x"}
        self._tar = tar(members)

    def whole(self, folder: Path) -> None:
        self._make(Random(0), folder, hostile=False)

    def make(self, draw: Random, folder: Path) -> None:
        self._make(draw, folder, hostile=True)

    def _make(self, draw: Random, folder: Path, hostile: bool) -> None:
        (folder / "x.tar").write_bytes(self._tar)
        home = folder / "features"
        home.mkdir()
        shard = Shard(folder / "x.tar")
        claim = json.dumps({"fingerprint": _FINGERPRINT}).encode()
        (home / "fingerprint.json").write_bytes(noisy(draw, claim) if hostile and draw.random() < 0.05 else claim)
        path, of = feature_shard(home, shard), source_of(home, shard)
        path.write_bytes(self._hostile(draw, of) if hostile else self._sound(of))

    def _sound(self, of: str) -> bytes:
        files = [self._file(each, _safetensors(_header(of, each[0], medium_name(*each[1:]), None), bytes(56)))
                 for each in _MEDIA]  # fmt: skip
        return b"".join(files) + bytes(1024)

    def _hostile(self, draw: Random, of: str) -> bytes:
        if draw.random() < 0.1:
            return hostile_tar(draw, self._payloads)
        files = []
        for each in _MEDIA:
            bad = BadSample("broken image", "x") if draw.random() < 0.1 else None
            header = _header(of, each[0], medium_name(*each[1:]), bad)
            data = self._damaged(draw, header) if draw.random() < 0.4 else _safetensors(header, bytes(56))
            files.append(self._file(each, data, draw))
        whole = b"".join(files) + bytes(1024)
        return noisy(draw, whole) if draw.random() < 0.2 else whole

    def _file(self, medium: tuple[int, str, Span | None], data: bytes, draw: Random | None = None) -> bytes:
        """Under a name with the checksum of its content, most often."""
        sample, key = key_of(medium[0], medium_name(*medium[1:]))
        name = f"{sample:08d}.{key}-{zlib.crc32(data):08x}.safetensors"
        if draw and draw.random() < 0.05:
            name = draw.choice((name.upper(), "9" * 18 + name[8:], name[1:], "٣" * 8 + name[8:], f"a/{name}", "x.pkl"))
        return file(name.encode(), data)

    def _damaged(self, draw: Random, header: dict[str, Any]) -> bytes:
        if draw.random() < 0.8:
            self._change(draw, header)
        text = json.dumps(header).encode()
        nest = draw.choice((b"[" * 2000, b"[" * 100_000, b'{"a":' * 50_000))
        if draw.random() < 0.1:
            text = draw.choice((b"", b"null", nest, text[:-1], text.replace(b"[", nest, 1), noisy(draw, text)))
        values = draw.choice((bytes(56), bytes(56), b"\xff" * 56, b"", bytes(9), b"\0\0\xc0\x7f" * 14))
        data = _safetensors(text, values, extreme(draw) if draw.random() < 0.1 else None)
        return noisy(draw, data) if draw.random() < 0.1 else data

    def _change(self, draw: Random, header: dict[str, Any]) -> None:
        for _ in range(draw.choice((1, 1, 2))):
            name = draw.choice((TOKENS, TOKENS, TIMES, "__metadata__"))
            inner = header.get(name)
            if not isinstance(inner, dict) or draw.random() < 0.05:
                header[name] = hostile_value(draw, self._payloads)
            elif name == "__metadata__":
                facts = json.loads(inner[FACTS]) if isinstance(inner.get(FACTS), str) else {}
                if isinstance(facts, dict) and facts:
                    key = draw.choice(("bad", *facts))
                    facts[key] = draw.choice((hostile_value(draw, self._payloads), ["a", "b", "c"], ["\ud800"], [1]))
                inner[FACTS] = json.dumps(facts)
            else:
                self._change_tensor(draw, inner)

    def _change_tensor(self, draw: Random, tensor: dict[str, Any]) -> None:
        key = draw.choice(("shape", "shape", "data_offsets", "data_offsets", "dtype"))
        if key == "dtype":
            tensor[key] = draw.choice(("F32", "BF16", "F64", "O", "", None, 1, [], "BOOL"))
        elif draw.random() < 0.3:
            tensor[key] = draw.choice((hostile_value(draw, self._payloads), [], [24], [2, 12], [1, 2, 3, 4], [0, 0, 0]))
        elif isinstance(tensor.get(key), list) and tensor[key]:
            place = draw.randrange(len(tensor[key]))
            tensor[key][place] = draw.choice((extreme(draw), -1, 0, 1, 2, 1.0, True, None, "2", [2]))

    def read(self, folder: Path, ends: Ends) -> None:
        shard, home = Shard(folder / "x.tar"), folder / "features"
        stored = ends.of(FeatureShard, feature_shard(home, shard), source_of(home, shard))
        if stored is not None:
            ends.of(stored.sound)
        store = ends.of(FeatureStore, home, _FINGERPRINT, self._inputs)
        for sample, field, span in _MEDIA if store else ():
            media = ends.of(store.read, shard, sample, field, span)
            if media is not None:
                _check(media)


def _check(media: Media) -> None:
    """What a run takes for granted of stored features."""
    features, times = media.features, media.times
    if features is None or features.ndim != 3 or features.dtype != np.uint16:
        raise AssertionError(f"features of another form: {features!r}")
    if not features.size:
        raise AssertionError(f"features of nothing: {features.shape}")
    if times.shape != features.shape[:1] or times.dtype != np.float32:
        raise AssertionError(f"{times.shape} times of {features.shape} features")
