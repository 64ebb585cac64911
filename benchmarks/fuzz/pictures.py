"""Hostile pictures: JPEG, PNG and WebP with changed headers and chunks, checksums right again, and EXIF nonsense."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from random import Random

import numpy as np
from ends import Ends
from noise import extreme, noisy, number_bytes
from payloads import Payloads
from PIL import Image

from multigraft.core.data.decode import DecodeWorkers, MediaDecoder
from multigraft.core.types.media import Media
from multigraft.core.types.transform import Transform
from multigraft.plugins.inputs.image import build
from multigraft.plugins.inputs.options import ImageOptions

MAX_PIXELS = 1 << 22
"""What the options of these inputs allow: up to 16 bytes a pixel, and a second for some tens of megapixels."""
_SIDE = 16
_FITS = ("stretch", "crop", "pad", "whole")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SIDES = (0, 1, 2, 17, 100, 2000, 4096, 65535, 65536, 2**19, 2**22, 2**31 - 1, 2**31, 2**32 - 1)


def _encoded(image: Image.Image, form: str, **options) -> bytes:
    stream = BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def sound() -> list[bytes]:
    """Small pictures of many kinds."""
    pixels = np.random.default_rng(0).integers(0, 255, (20, 24, 4), np.uint8)
    colour, clear = Image.fromarray(pixels[..., :3].copy()), Image.fromarray(pixels)
    grey, exif = colour.convert("L"), Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "x" * 40
    jpegs = [
        _encoded(colour, "JPEG", exif=exif), _encoded(colour, "JPEG", progressive=True), _encoded(grey, "JPEG"),
        _encoded(colour.convert("CMYK"), "JPEG"), _encoded(colour, "JPEG", subsampling=0, restart_marker_rows=1),
        _encoded(colour, "MPO", save_all=True, append_images=[grey.convert("RGB")]),
    ]  # fmt: skip
    palette = colour.quantize(7)
    pngs = [
        _encoded(colour, "PNG", exif=exif), _encoded(clear, "PNG"), _encoded(grey, "PNG", transparency=3),
        _encoded(palette, "PNG", transparency=b"\0\x80"), _encoded(grey.convert("1"), "PNG"),
        _encoded(Image.fromarray(pixels[..., 0].astype(np.uint16) * 255), "PNG", transparency=9),
        _encoded(colour, "PNG", transparency=(1, 2, 3)), _encoded(clear.convert("LA"), "PNG"),
        _encoded(clear, "PNG", save_all=True, append_images=[clear]),
    ]  # fmt: skip
    webps = [
        _encoded(colour, "WEBP", exif=exif), _encoded(clear, "WEBP", lossless=True),
        _encoded(clear, "WEBP", save_all=True, append_images=[clear]), _encoded(clear, "WEBP", quality=40),
    ]  # fmt: skip
    return jpegs + pngs + webps


def _png(draw: Random, data: bytes) -> bytes:
    """Chunks changed, repeated, moved or made up; most have the right checksum."""
    chunks, start = [], len(_SIGNATURE)
    while start + 8 <= len(data):
        length = int.from_bytes(data[start : start + 4], "big")
        chunks.append((data[start + 4 : start + 8], data[start + 8 : start + 8 + length]))
        start += 12 + length
    for _ in range(draw.choice((1, 1, 2, 4))):
        place = draw.randrange(len(chunks))
        name, content = chunks[place]
        kind = draw.randrange(7)
        if kind <= 1:
            chunks[0] = (chunks[0][0], _png_header(draw, chunks[0][1]))
        elif kind == 2:
            chunks[place] = (name, noisy(draw, content, 1))
        elif kind == 3:
            chunks.insert(place, draw.choice(chunks))
        elif kind == 4 and len(chunks) > 1:
            del chunks[place]
        elif kind == 5:
            chunks.insert(place, _made_up_chunk(draw))
        else:
            draw.shuffle(chunks)
    return _SIGNATURE + b"".join(_chunk(draw, *each) for each in chunks)


def _png_header(draw: Random, content: bytes) -> bytes:
    header = bytearray(content.ljust(13, b"\0"))
    at = draw.choice((0, 0, 4, 4, 8, 9, 10, 11, 12))
    if at < 8:
        header[at : at + 4] = struct.pack(">I", draw.choice(_SIDES))
    else:
        header[at] = draw.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
    return bytes(header)


def _made_up_chunk(draw: Random) -> tuple[bytes, bytes]:
    bomb = zlib.compress(bytes(draw.choice((10, 2 << 20, 80 << 20))), 9)
    content = draw.choice((b"", b"a\0\0" + bomb, b"a\0" + bomb, b"x\0\1\0\0\0" + bomb, exif(draw), draw.randbytes(40)))
    names = (b"zTXt", b"iTXt", b"iCCP", b"tRNS", b"PLTE", b"eXIf", b"acTL", b"fcTL", b"fdAT", b"gAMA", b"IDAT", b"pHYs")
    return draw.choice(names), content


def _chunk(draw: Random, name: bytes, content: bytes) -> bytes:
    length = extreme(draw) % 2**32 if draw.random() < 0.03 else len(content)
    crc = zlib.crc32(name + content) ^ (draw.random() < 0.05)
    return struct.pack(">I", length) + name + content + struct.pack(">I", crc)


def exif(draw: Random) -> bytes:
    """A TIFF of a directory with entries of any type, count and place, some of which lead back to it."""
    order = draw.choice("<>")
    count = draw.choice((0, 1, 3, 20, 60000))
    entries = b"".join(
        struct.pack(
            f"{order}HHII", draw.choice((0x0112, 0x8769, 0x8825, 0x014A, 0x927C, 0x0111, draw.randrange(1 << 16))),
            draw.choice((0, 1, 2, 3, 4, 5, 7, 9, 10, 12, 13, 65535)), extreme(draw) % 2**32,
            draw.choice((8, 6, 1 << 16, extreme(draw) % 2**32)),
        )
        for _ in range(min(count, 30))
    )  # fmt: skip
    magic = b"II*\0" if order == "<" else b"MM\0*"
    first = draw.choice((8, 8, 8, 0, 9, 2**32 - 1))
    return magic + struct.pack(f"{order}IH", first, count) + entries + struct.pack(f"{order}I", draw.choice((0, 8)))


def _jpeg(draw: Random, data: bytes) -> bytes:
    """Segments changed, repeated or made up."""
    parts, start = [], 2
    while data[start] == 0xFF and data[start + 1] != 0xDA:
        length = int.from_bytes(data[start + 2 : start + 4], "big")
        parts.append(data[start : start + 2 + length])
        start += 2 + length
    for _ in range(draw.choice((1, 1, 2, 4))):
        place = draw.randrange(len(parts))
        kind = draw.randrange(6)
        if kind <= 1:
            frames = [number for number, part in enumerate(parts) if part[1] in (0xC0, 0xC1, 0xC2)]
            parts = [_jpeg_frame(draw, part) if number in frames else part for number, part in enumerate(parts)]
        elif kind == 2:
            parts[place] = parts[place][:2] + noisy(draw, parts[place][2:], 1)
        elif kind == 3:
            parts.insert(place, draw.choice(parts))
        elif kind == 4:
            marker = draw.choice((b"\xff\xe1", b"\xff\xe2", b"\xff\xed", b"\xff\xee", b"\xff\xfe", b"\xff\xdd"))
            body = draw.choice((b"Exif\0\0" + exif(draw), b"MPF\0" + exif(draw), b"ICC_PROFILE\0\1\2" + bytes(9),
                                b"Photoshop 3.0\x008BIM" + draw.randbytes(30), b"Adobe\0d\0\0\0\0\3"))  # fmt: skip
            parts.insert(0, marker + struct.pack(">H", len(body) + 2) + body)
        else:
            del parts[place]
            parts = parts or [b""]
    rest = data[start:]
    return b"\xff\xd8" + b"".join(parts) + (noisy(draw, rest) if draw.random() < 0.3 else rest)


def _jpeg_frame(draw: Random, part: bytes) -> bytes:
    changed = bytearray(part)
    at = draw.choice((4, 5, 7, 9, 11))
    if at in (5, 7):
        changed[at : at + 2] = struct.pack(">H", draw.choice(_SIDES) % 65536)
    elif at < len(changed):
        changed[at] = draw.randrange(256)
    if draw.random() < 0.2:
        changed[1] = draw.choice((0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA))
    return bytes(changed)


def _webp(draw: Random, data: bytes) -> bytes:
    """Chunks with other sizes and contents, in a RIFF whose length is right again."""
    body = noisy(draw, data[12:])
    if draw.random() < 0.4:
        at = draw.choice((12, 12, 15, 18, 0))
        body = body[:at] + number_bytes(draw, 3, draw.choice(_SIDES)) + body[at + 3 :]
    if draw.random() < 0.3:
        made = exif(draw)
        body += b"EXIF" + struct.pack("<I", len(made)) + made + bytes(len(made) % 2)
    size = extreme(draw) % 2**32 if draw.random() < 0.1 else len(body) + 4
    return b"RIFF" + struct.pack("<I", size) + b"WEBP" + body


class Pictures:
    """Pictures of a run, brought to the size that an encoder reads."""

    def __init__(self, watched: Path) -> None:
        self._payloads, self._sound = Payloads(watched), sound()
        self._decoders = [
            MediaDecoder(
                [build(ImageOptions(kind="image", max_pixels=MAX_PIXELS, scaled=scaled))],
                {"visual": Transform(_SIDE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), fit=fit)},
                DecodeWorkers(),
            )
            for scaled in (False, True)
            for fit in _FITS
        ]  # fmt: skip

    def whole(self, folder: Path) -> None:
        for number, data in enumerate(self._sound):
            (folder / f"{number}.png").write_bytes(data)

    def make(self, draw: Random, folder: Path) -> None:
        data = draw.choice(self._sound)
        changes: dict[bytes, Callable[[Random, bytes], bytes]] = {b"\x89": _png, b"\xff": _jpeg, b"R": _webp}
        kind = draw.random()
        if kind < 0.65:
            data = changes[data[:1]](draw, data)
        elif kind < 0.95:
            data = noisy(draw, data, first=draw.choice((0, 12)))
        else:
            data = draw.choice((*self._payloads.binary, b"", b"GIF89a" + bytes(99), b"%!PS\n", b"<svg/>", data[:30]))
        (folder / "0.png").write_bytes(data)

    def read(self, folder: Path, ends: Ends) -> None:
        for path in sorted(folder.iterdir()):
            data = path.read_bytes()
            for decoder in self._decoders[:: 1 if len(data) % 2 else 3]:
                media = ends.of(decoder.decode, path.name, data, None, path.name)
                if media is not None:
                    _check(media)


def _check(media: Media) -> None:
    arrays = media.arrays
    if arrays is None or arrays.dtype != np.uint8 or arrays.ndim != 4 or arrays.shape[:2] != (1, 3):
        raise AssertionError(f"a picture of another form: {arrays!r}")
    if not 1 <= min(arrays.shape[2:]) <= max(arrays.shape[2:]) <= _SIDE:
        raise AssertionError(f"a picture of another size: {arrays.shape}")
