"""Messages between a run and its decoding processes: a JSON header and bytes."""

import json
import struct
from dataclasses import dataclass
from typing import IO, Any

_SIZES = struct.Struct("<IQ")


@dataclass(frozen=True)
class Message:
    """A header of plain JSON values, and bytes."""

    header: dict[str, Any]
    data: bytes | memoryview = b""
    """A view has one byte an element."""


def send(stream: IO[bytes], message: Message) -> None:
    """Write a message and flush."""
    header = json.dumps(message.header).encode()
    stream.write(_SIZES.pack(len(header), len(message.data)))
    stream.write(header)
    stream.write(message.data)
    stream.flush()


def receive(stream: IO[bytes]) -> Message:
    """Read a message.

    Raises:
        EOFError: the other side has closed.
    """
    header_size, data_size = _SIZES.unpack(_exactly(stream, _SIZES.size))
    header = json.loads(_exactly(stream, header_size))
    return Message(header, _exactly(stream, data_size))


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
