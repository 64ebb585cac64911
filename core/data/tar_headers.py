"""The fields of a tar's headers. Each is taken strictly: what no tar program writes is a `ValueError`."""

import re

BLOCK = 512
_OCTAL = re.compile(rb" *([0-7]{1,20}) *\0*[\0 ]*")
_EMPTY = re.compile(rb"[\0 ]*")
_DECIMAL = re.compile(r"[0-9]{1,19}", re.ASCII)
_PAX_LENGTH = re.compile(rb"([0-9]{1,10}) ")


def is_header(block: bytes) -> bool:
    """Whether a block of 512 bytes is a header with the right checksum: of its bytes, or of signed ones, as some old
    programs have it."""
    if len(block) < BLOCK:
        return False
    counted = block[:148] + 8 * b" " + block[156:]
    plain = sum(counted)
    try:
        return octal(block[148:156]) in (plain, plain - 256 * sum(byte > 127 for byte in counted))
    except ValueError:
        return False


def octal(data: bytes) -> int:
    """A number in octal digits, padded with spaces and zeros; 0 for an empty field."""
    if _EMPTY.fullmatch(data):
        return 0
    match = _OCTAL.fullmatch(data)
    if not match:
        raise ValueError(f"{data!r} is no number")
    return int(match[1], 8)


def number(data: bytes) -> int:
    """A size in octal digits, or in the binary form that GNU tar uses for large ones."""
    if not data[0] & 0x80:
        return octal(data)
    if data[0] & 0x40:
        raise ValueError("a size below 0")
    return int.from_bytes(bytes([data[0] & 0x3F]) + data[1:], "big")


def decimal(text: str) -> int:
    """A size in decimal digits, as extended headers have it."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"the size {text[:40]!r}")
    return int(text)


def text(data: bytes) -> str:
    """A name up to the first zero byte; bytes that are no UTF-8 are escaped."""
    return data.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def plain_name(header: bytes) -> str:
    """The name in a header itself, with the prefix that POSIX tars have."""
    prefix = text(header[345:500]) if header[257:263] == b"ustar\0" else ""
    name = text(header[:100])
    return f"{prefix}/{name}" if prefix else name


def pax(data: bytes) -> dict[str, str]:
    """The records of an extended header.

    Raises:
        ValueError: a record without a sound length, or without `=`.
    """
    records: dict[str, str] = {}
    data, place = data.rstrip(b"\0"), 0
    while place < len(data):
        match = _PAX_LENGTH.match(data, place)
        end = place + int(match[1]) if match else 0
        if match is None or not match.end() < end <= len(data) or data[end - 1 : end] != b"\n":
            raise ValueError(f"an extended header that is damaged at its byte {place}")
        name, equals, value = data[match.end() : end - 1].decode("utf-8", "backslashreplace").partition("=")
        if not equals:
            raise ValueError(f"an extended header that is damaged at its byte {place}")
        records[name] = value
        place = end
    return records
