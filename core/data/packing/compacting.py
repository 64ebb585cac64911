"""Media as they are packed: as they are, or in a form that decodes fast."""

from collections.abc import Sequence
from dataclasses import dataclass

from multigraft.core.data.media_store import MediaStore, ending
from multigraft.core.errors import BadSample, legible
from multigraft.core.interfaces.input import Input


@dataclass(frozen=True)
class Compacting:
    """Which media are written anew.

    Args:
        inputs: the first that reads an ending says in what form.
        shorter: pixels of the shorter side, at most.
    """

    inputs: Sequence[Input]
    shorter: int


def packed_medium(store: MediaStore, name: str, compacting: Compacting | None) -> tuple[str, bytes]:
    """Ending and bytes of a medium.

    Raises:
        BadSample: it cannot be read, or not be written anew.
    """
    data, own = store.read(name), ending(name)
    reader = next((each for each in compacting.inputs if own in each.extensions), None) if compacting else None
    if compacting is None or reader is None:
        return own, data
    try:
        return reader.compact(data, compacting.shorter) or (own, data)
    except BadSample as error:
        raise BadSample(error.reason, legible(f"{name}: {error.detail}")) from None
