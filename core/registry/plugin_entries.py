"""The entry points of installed distributions, read one by one: a broken distribution stays alone with its fault."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions

from multigraft.core.registry.hookspecs import ENTRY_POINT_GROUP
from multigraft.core.registry.plugin_record import OUR_DISTRIBUTION

_FILE = "entry_points.txt"


@dataclass(frozen=True)
class Entry:
    """An entry point in a group of ours, or what is wrong with a distribution's list of them."""

    distribution: str
    """Name of the distribution; where it has none, the folder that it lies in."""
    named: bool
    version: str
    group: str
    point: EntryPoint | None = None
    error: str = ""
    """Why there is no entry point."""

    @property
    def name(self) -> str:
        """Name of the plugin."""
        return self.point.name if self.point else self.distribution


def plugin_entries() -> list[Entry]:
    """Every entry point of any version of our interface; ours first, then by distribution and name."""
    found: list[Entry] = []
    for distribution in distributions():
        own = list(_entries(distribution))
        names = {_canonical(entry.distribution) for entry in found if entry.named}
        found += [entry for entry in own if not entry.named or _canonical(entry.distribution) not in names]
    return sorted(found, key=lambda one: (one.distribution != OUR_DISTRIBUTION, one.distribution, one.name))


def _entries(distribution: Distribution) -> Iterator[Entry]:
    """Metadata are read only for distributions that name us; another's are none of our business."""
    try:
        text = distribution.read_text(_FILE) or ""
    except Exception as error:  # bytes of any kind may lie there
        yield Entry(*_who(distribution), ENTRY_POINT_GROUP, error=f"its {_FILE} cannot be read: {error}")
        return
    if OUR_DISTRIBUTION not in text:
        return
    name, named, version = _who(distribution)
    try:
        points = list(distribution.entry_points)
    except Exception as error:
        yield Entry(name, named, version, ENTRY_POINT_GROUP, error=f"its {_FILE} cannot be understood: {error}")
        return
    for point in points:
        prefix, _, number = point.group.rpartition(".v")
        if prefix == OUR_DISTRIBUTION and number.isdecimal():
            yield Entry(name, named, version, point.group, point)


def _who(distribution: Distribution) -> tuple[str, bool, str]:
    """Name, whether there is one, and version; broken metadata have neither."""
    folder = str(distribution.locate_file(""))
    try:
        name, version = distribution.metadata["Name"], distribution.metadata["Version"]
    except Exception:  # missing, undecodable or malformed metadata raise errors of many kinds
        return folder, False, ""
    return (str(name) if name else folder, bool(name), str(version or ""))


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
