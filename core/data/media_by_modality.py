"""Media of several modalities, each from where its own lie."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from multigraft.core.data.modalities import input_for, no_encoder
from multigraft.core.errors import BadSample
from multigraft.core.interfaces.input import Input
from multigraft.core.types.media import Media, Span

if TYPE_CHECKING:
    from multigraft.core.data.reader import MediaReader
    from multigraft.core.data.shard import Shard


class MediaByModality:
    """Reads a field with the reader of its modality, such as the stored features of that encoder.

    Args:
        inputs: the recipe's, which say of which modality an extension is.
    """

    def __init__(self, readers: "Mapping[str, MediaReader]", inputs: Sequence[Input]) -> None:
        self._readers, self._inputs = readers, inputs

    def read(self, shard: "Shard", sample: int, field: str, span: Span | None) -> Media:
        """One medium of a sample.

        Raises:
            BadSample: no input reads it, no encoder does, or it cannot be used.
        """
        modality = self._inputs[input_for(field, self._inputs)].modality
        if modality not in self._readers:
            raise BadSample("no encoder reads it", f"field {field}; {no_encoder(modality, self._readers)}")
        return self._readers[modality].read(shard, sample, field, span)
