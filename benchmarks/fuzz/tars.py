"""Hostile tars: headers written by hand, with the checksum right or wrong whatever they say."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

from headers import BLOCK, file, filled, header, octal, sealed, tar
from noise import EXTREMES, extreme, noisy
from payloads import Payloads
from records import hostile_record, record
from shards import read_shard

NAMES = (
    b"k.json", b"k.png", b"k.0.png", b"K.PNG", b"a/b/k.json", b"./k.json", b"k", b".k.json", b"__k__.json", b"k.",
    b"._k.png", b"__MACOSX/k.png", b"Thumbs.db", b"", b"/", b"//", b".", b"..", b"../k.json", b"a/../../k.png",
    b"/etc/k.png", b"a\\..\\k.png", b"k\n.png", b"k\x1b[2J.png", b"\xff\xfe.png", b"\xed\xa0\x80.png", b"k.\xc3\xa9",
    b"\xe2\x80\xae.png", b"k.pkl", b"k.pth", b"k.py", b"k.json.gz", b"k..json", b"k.json/", b"C:\\k.png", b"k" * 99,
    b"k.p\xcc\x81ng", b"\xef\xbc\x8e\xef\xbc\x8e/k.png", b"k.\xc4\xb0", b"a.b/k.json", b"features.safetensors",
)  # fmt: skip
KINDS = b"0000000\x0001234567xgLKSVDNMA\xff "
PAX_KEYS = (
    "path", "path", "size", "size", "linkpath", "hdrcharset", "GNU.sparse.major", "GNU.sparse.name",
    "GNU.sparse.realsize", "GNU.sparse.map", "mtime", "uid", "comment", "SCHILY.xattr.x", "", "=",
)  # fmt: skip


def hostile_tar(draw: Random, payloads: Payloads) -> bytes:
    parts = [file(b"first.json", record(draw, "first"))] if draw.random() < 0.5 else []
    parts += [part for _ in range(draw.choice((1, 1, 2, 3, 8))) for part in _entry(draw, payloads)]
    if draw.random() < 0.2:
        draw.shuffle(parts)
    if draw.random() < 0.1:
        parts *= 2
    end = draw.choice((bytes(1024), bytes(1024), bytes(512), b"", bytes(10240), bytes(1024) + draw.randbytes(700)))
    data = b"".join(parts) + end
    if draw.random() < 0.5:
        data = _damaged(draw, data)
    if draw.random() < 0.05:
        data = draw.choice((b"\x1f\x8b\x08", b"PK\3\4", b"\x89PNG", b"<html>", b"\xfd7zXZ\0", b"PAR1")) + data
    return data


def _entry(draw: Random, payloads: Payloads) -> Iterator[bytes]:
    """A member, or a header of one that says something of the next."""
    name = draw.choice((*NAMES, *(each.encode() for each in payloads.names)))
    kind = draw.randrange(12) - 2
    if kind <= 3:
        key = f"k{draw.randrange(4)}".encode()
        yield file(key + b".json", hostile_record(draw, payloads) if kind == 0 else record(draw, key.decode()))
        yield file(key + draw.choice((b".png", b".0.png", b".mp4")), _content(draw, payloads))
    elif kind <= 5:
        yield file(name, _content(draw, payloads))
    elif kind == 6:
        yield _pax(draw, payloads)
    elif kind == 7:
        yield from _long_name(draw, name)
    else:
        yield _strange(draw, name, payloads)


def _content(draw: Random, payloads: Payloads) -> bytes:
    return draw.choice((b"", b"x", b"{}", bytes(600), draw.randbytes(draw.randrange(900)), *payloads.binary))


def _pax(draw: Random, payloads: Payloads) -> bytes:
    records = b"".join(_pax_record(draw, payloads) for _ in range(draw.choice((0, 1, 1, 2, 30))))
    if draw.random() < 0.2:
        records = noisy(draw, records, 1)
    kind = b"g" if draw.random() < 0.15 else b"x"
    return header(b"pax", octal(len(records)), kind) + filled(records)


def _pax_record(draw: Random, payloads: Payloads) -> bytes:
    key = draw.choice(PAX_KEYS)
    texts = (
        str(extreme(draw)),
        "1" * 25,
        "٣",
        "0x10",
        " 5",
        "",
        "1_0",
        "9" * 5000,
        "k1.png",
        payloads.text(draw),
        "\0",
    )
    text = f" {key}={draw.choice(texts)}\n".encode()
    length = len(text) + len(str(len(text)))
    length += len(str(length)) + len(text) - length
    if draw.random() < 0.15:
        length = extreme(draw)
    return str(length).encode() + text


def _long_name(draw: Random, name: bytes) -> Iterator[bytes]:
    data = draw.choice((name * 30, name, b"d/" * 9000 + b"k.json", b"", b"\xff" * 300, bytes(300), b"k" * (1 << 17)))
    yield header(b"././@LongLink", octal(len(data)), draw.choice((b"L", b"L", b"K")), b"ustar  \0") + filled(data)


def _strange(draw: Random, name: bytes, payloads: Payloads) -> bytes:
    """A header that says what none does."""
    value = draw.choice(EXTREMES)
    sizes = (
        octal(value), b"%o" % abs(value), b"\x80" + (value % 2**88).to_bytes(11, "big"), b"\xff" * 12, b" " * 12,
        (value % 2**96).to_bytes(12, "big"), b"-0000000001\0", b"9999999999\0", b"7" * 12, bytes(12), b"1 1", octal(3),
    )  # fmt: skip
    size, kind = draw.choice(sizes), bytes([draw.choice(KINDS)])
    magic = draw.choice((b"ustar\x0000", b"ustar  \0", bytes(8), draw.randbytes(8)))
    block = header(name, size, kind, magic, draw.choice((b"", b"", b"..", b"/", name, b"d" * 155)))
    if draw.random() < 0.2:
        block = sealed(noisy(draw, block, 1)[:BLOCK].ljust(BLOCK, b"\0"))
    return block + filled(_content(draw, payloads))


def _damaged(draw: Random, data: bytes) -> bytes:
    """Noise, most often with the checksums of all headers right again."""
    noise = noisy(draw, data)
    if draw.random() < 0.3:
        return noise
    blocks = [noise[start : start + BLOCK] for start in range(0, len(noise), BLOCK)]
    return b"".join(sealed(block) if block[257:262] == b"ustar" and len(block) == BLOCK else block for block in blocks)


class Tars:
    """Tars that no honest program writes, opened as shards."""

    def __init__(self, watched: Path) -> None:
        self._payloads = Payloads(watched)

    def whole(self, folder: Path) -> None:
        (folder / "x.tar").write_bytes(tar({"k.json": record(Random(0), "k"), "k.0.png": b"x" * 700, "k.png": b"x"}))

    def make(self, draw: Random, folder: Path) -> None:
        (folder / "x.tar").write_bytes(hostile_tar(draw, self._payloads))

    def read(self, folder: Path, ends) -> None:
        read_shard(folder / "x.tar", ends)
