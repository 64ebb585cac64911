"""Makes a sample of a group of annotations and the bytes of their media."""

from collections.abc import Sequence
from dataclasses import dataclass

from multigraft.core.data.media_store import MediaStore
from multigraft.core.data.packing.compacting import Compacting, packed_medium
from multigraft.core.types.annotation import Annotation, Record


@dataclass(frozen=True)
class PackedSample:
    """What is written of a group."""

    record: Record
    media: dict[str, bytes]


def packed_sample(
    key: str, annotations: Sequence[Annotation], store: MediaStore, compacting: Compacting | None = None
) -> PackedSample:
    """The sample of annotations that are all about the same media; these get fields `jpg`, or `0.jpg`, `1.png`, ...

    Raises:
        BadSample: a medium cannot be read.
    """
    names = list(dict.fromkeys(name for each in annotations for name in each.media))
    packed = {name: packed_medium(store, name, compacting) for name in names}
    several = len(names) > 1
    fields = {name: f"{place}.{packed[name][0]}" if several else packed[name][0] for place, name in enumerate(names)}
    media = {fields[name]: data for name, (_, data) in packed.items()}
    sources = {each.source for each in annotations}
    source = sources.pop() if len(sources) == 1 else ""
    own = tuple(
        each.model_copy(update={
            "media": tuple(fields[name] for name in each.media), "source": "" if source else each.source,
        })
        for each in annotations
    )  # fmt: skip
    return PackedSample(Record(id=key, source=source, annotations=own), media)
