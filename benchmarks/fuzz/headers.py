"""Parts of tars, written by hand."""

BLOCK = 512


def sealed(header: bytes) -> bytes:
    """A header with the right checksum."""
    blank = header[:148] + b" " * 8 + header[156:]
    return blank[:148] + b"%06o\0 " % sum(blank) + blank[156:]


def header(name: bytes, size: bytes, kind: bytes = b"0", magic: bytes = b"ustar\x0000", prefix: bytes = b"") -> bytes:
    fields = (name[:100].ljust(100, b"\0"), b"0000644\0", b"0000000\0", b"0000000\0", size[:12].ljust(12, b"\0"))
    start = b"".join(fields) + b"00000000000\0" + b" " * 8 + kind[:1] + bytes(100) + magic
    return sealed(start.ljust(345, b"\0") + prefix[:155].ljust(155, b"\0") + bytes(12))


def octal(size: int) -> bytes:
    return b"%011o\0" % (size % 8**11)


def filled(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def file(name: bytes, data: bytes) -> bytes:
    """A plain member, whole."""
    return header(name, octal(len(data))) + filled(data)


def tar(members: dict[str, bytes]) -> bytes:
    return b"".join(file(name.encode("utf-8", "surrogatepass"), data) for name, data in members.items()) + bytes(1024)
