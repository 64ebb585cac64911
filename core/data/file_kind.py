"""What a file is that is no plain tar, by its first bytes, and what to do about it."""

import codecs

_MAGIC = (
    (b"\x1f\x8b", "compressed with gzip", "unpack it with `gzip -d`"),
    (b"BZh", "compressed with bzip2", "unpack it with `bzip2 -d`"),
    (b"\xfd7zXZ\0", "compressed with xz", "unpack it with `xz -d`"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it with `zstd -d`"),
    (b"\x04\x22\x4d\x18", "compressed with lz4", "unpack it with `lz4 -d`"),
    (b"\x1f\x9d", "compressed with compress", "unpack it with `uncompress`"),
    (b"]\0\0", "compressed with lzma", "unpack it with `xz -d --format=lzma`"),
    (b"LZIP", "compressed with lzip", "unpack it with `lzip -d`"),
    (b"PK\3\4", "a zip archive", "unpack it, and pack its files with tar"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, and pack its files with tar"),
    (b"Rar!", "a rar archive", "unpack it, and pack its files with tar"),
    (b"PAR1", "a Parquet file", "pack its rows with `multigraft data pack`"),
    (b"ARROW1", "an Arrow file", "pack its rows with `multigraft data pack`"),
    (b"\x89HDF", "an HDF5 file", "pack its rows with multigraft's ShardWriter"),
    (b"SQLite format 3", "an SQLite file", "pack its rows with multigraft's ShardWriter"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "fetch the file with `git lfs pull`"),
    (b"\xff\xd8\xff", "a JPEG picture", "pack it with tar"),
    (b"\x89PNG", "a PNG picture", "pack it with tar"),
)
_SPACE = frozenset(b"\t\n\r\f\x1b")
_LONGEST_NAME_FIELD = 107
"""A tar's name and mode have a zero byte up to here."""


def describe(head: bytes) -> tuple[str, str]:
    """What a file that begins with these bytes is, and what to do; two empty texts where nobody knows."""
    for magic, name, advice in _MAGIC:
        if head.startswith(magic):
            return name, advice
    if _is_text(head):
        name = "a web page" if head.lstrip()[:1] == b"<" else "text"
        return name, "fetch or pack the shard again"
    return "", ""


def _is_text(head: bytes) -> bool:
    """Whether these are words: a tar that was cut within its first name is none."""
    if any(byte < 32 and byte not in _SPACE for byte in head):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return len(head) > _LONGEST_NAME_FIELD or any(space in head.rstrip() for space in (b" ", b"\n", b"\t"))
