"""Media that lie apart from the shard whose annotations name them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multigraft.core.interfaces.source import MediaPlace


@dataclass(frozen=True)
class MediaApart:
    """Where the media of a shard are looked up that its samples have no fields for."""

    place: "MediaPlace"
    home: str
    """Tells its names from those of other places: equal names of one home are one medium."""
    endings: Mapping[str, frozenset[str]]
    """Endings of the media that annotations name, by the annotations' task."""
