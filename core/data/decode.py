"""Decodes the media of samples: pictures in the calling thread, videos in processes that can be ended."""

from collections.abc import Sequence
from dataclasses import dataclass

from multigraft.core.data.isolated import IsolatedDecoders, Job
from multigraft.core.data.shard import Shard
from multigraft.core.errors import BadSample
from multigraft.core.interfaces.input import Input
from multigraft.core.types.media import Media, Span
from multigraft.core.types.transform import Transform

LARGEST_MEMBER = 1 << 30
"""Bytes of a medium, at most."""


@dataclass(frozen=True)
class DecodeWorkers:
    """How many threads and processes decode, and how long a medium may take."""

    threads: int = 2
    """Threads that decode pictures."""
    processes: int = 1
    """Processes that decode videos."""
    deadline: float = 20.0
    """Seconds a video may take before its process is ended."""


class MediaDecoder:
    """Decodes a field with the input that reads its extension: an allow-list, whatever a shard may hold.

    Args:
        inputs: the recipe's; the first that reads an extension is taken.
        transform: how the encoder wants its pictures.
        workers: how many processes decode videos, and how long one may take; threads are the caller's.
    """

    def __init__(self, inputs: Sequence[Input], transform: Transform, workers: DecodeWorkers) -> None:
        self._inputs, self._transform = inputs, transform
        isolated = {number: each for number, each in enumerate(inputs) if each.isolated}
        self._isolated = IsolatedDecoders(isolated, workers.processes, workers.deadline)

    def read(self, shard: Shard, sample: int, field: str, span: Span | None) -> Media:
        """Decode one medium of a sample.

        Raises:
            BadSample: it cannot be read or decoded.
        """
        self._input_for(field)  # before reading what nobody can decode
        data = shard.read(sample, field, LARGEST_MEMBER)
        return self.decode(field, data, span, f"{shard.name}#{shard.index.keys[sample]}.{field}@{span}")

    def decode(self, field: str, data: bytes, span: Span | None, origin: str) -> Media:
        """Decode the bytes of a field or file by its extension.

        Args:
            field: ends in the extension, or is one.
            data: the whole file.
            span: a stretch of a video.
            origin: names bytes and span: what hung or crashed a decoder under this name is not tried again.

        Raises:
            BadSample: it cannot be decoded.
        """
        number = self._input_for(field)
        reader = self._inputs[number]
        if reader.isolated:
            return self._isolated.decode(Job(number, self._transform, span, origin), data)
        try:
            return reader.decode(data, self._transform, span)
        except BadSample:
            raise
        except Exception as error:
            raise BadSample("decoder failed", f"{field}: {error!r}") from error

    def close(self) -> None:
        """End the decoding processes."""
        self._isolated.close()

    def _input_for(self, field: str) -> int:
        extension = field.rpartition(".")[2]
        for number, each in enumerate(self._inputs):
            if extension in each.extensions:
                return number
        known = ", ".join(extension for each in self._inputs for extension in each.extensions) or "nothing"
        raise BadSample("no input reads it", f"field {field}; the recipe's inputs read {known}")
