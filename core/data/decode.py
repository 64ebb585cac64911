"""Decodes the media of samples: pictures in the calling thread, videos in processes that can be ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from multigraft.core.data.isolated import IsolatedDecoders, Job
from multigraft.core.data.modalities import input_for, no_encoder, prepared
from multigraft.core.errors import BadSample
from multigraft.core.interfaces.input import Input
from multigraft.core.types.media import Media, Span
from multigraft.core.types.preparation import Preparation

if TYPE_CHECKING:
    from multigraft.core.data.shard import Shard

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
        preparations: what the encoder of each modality wants; media of others are bad.
        workers: how many processes decode videos, and how long one may take; threads are the caller's.

    Raises:
        MultigraftError: an encoder wants what the input of its modality does not make.
    """

    def __init__(
        self, inputs: Sequence[Input], preparations: Mapping[str, Preparation], workers: DecodeWorkers
    ) -> None:
        self._inputs, self._modalities = inputs, tuple(preparations)
        self._prepared = prepared(inputs, preparations)
        isolated = {number: each for number, each in self._prepared.items() if each[0].isolated}
        self._isolated = IsolatedDecoders(isolated, workers.processes, workers.deadline)

    def read(self, shard: "Shard", sample: int, field: str, span: Span | None) -> Media:
        """Decode one medium of a sample.

        Raises:
            BadSample: it cannot be read or decoded.
        """
        self._input_for(field)  # before reading what nobody can decode
        data = shard.read(sample, field, LARGEST_MEMBER)
        return self.decode(field, data, span, f"{shard.name}#{shard.index.key(sample)}.{field}@{span}")

    def decode(self, field: str, data: bytes, span: Span | None, origin: str) -> Media:
        """Decode the bytes of a field or file by its extension.

        Args:
            field: ends in the extension, or is one.
            data: the whole file.
            span: a stretch of a video or a clip.
            origin: names bytes and span: what hung or crashed a decoder under this name is not tried again.

        Raises:
            BadSample: it cannot be decoded.
        """
        number = self._input_for(field)
        reader, preparation = self._prepared[number]
        if reader.isolated:
            return self._isolated.decode(Job(number, span, origin), data)
        try:
            return reader.decode(data, preparation, span)
        except BadSample:
            raise
        except Exception as error:
            raise BadSample("decoder failed", f"{field}: {error!r}") from error

    def close(self) -> None:
        """End the decoding processes."""
        self._isolated.close()

    def _input_for(self, field: str) -> int:
        number = input_for(field, self._inputs)
        if number not in self._prepared:
            why = no_encoder(self._inputs[number].modality, self._modalities)
            raise BadSample("no encoder reads it", f"field {field}; {why}")
        return number
