"""Attachments: a method's parts at a site, or a module's parameters, with the owner of each for every task."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from torch import Tensor, nn

from multigraft.core.graft.bank import Bank, Key
from multigraft.core.interfaces.adapter import Adapter, Prefix
from multigraft.core.interfaces.sharing import PartGenerator
from multigraft.core.types.batch import Segment
from multigraft.core.types.part import Part
from multigraft.core.types.site import Site

if TYPE_CHECKING:
    from multigraft.core.graft.side import SideOfStack

M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class Attachment:
    """A method at a site. Without an adapter it is an overlay: its parts stand in for the site's own tensors."""

    method: str
    site: Site
    adapter: "Adapter | Prefix | SideOfStack | None"
    parts: tuple[Part, ...]
    keys: Mapping[str, Mapping[str, Key]]
    """Stored parts of each task: task -> part name -> key."""
    slots: Mapping[str, Mapping[str, int]]
    """The same parts' places in the bank."""
    generated: tuple[str, ...] = ()
    """Names of the parts that a hypernetwork makes."""


@dataclass(frozen=True)
class GraftModule(Generic[M]):
    """A module on the meta device whose parameters are parts."""

    name: str
    module: M
    keys: Mapping[str, Mapping[str, Key]]
    """task -> parameter name -> key."""

    def values(self, bank: Bank, task: str) -> dict[str, Tensor]:
        """Its parameters for one task."""
        return {name: bank[key] for name, key in self.keys[task].items()}

    def identity(self, task: str) -> object:
        """Equal for tasks that have the same tensors here."""
        return tuple(self.keys[task].values())


@dataclass(frozen=True)
class Hypernetwork:
    """A generator of parts for one method in one stack."""

    method: str
    generator: GraftModule[PartGenerator]


@dataclass
class Graft:
    """All attachments over one bank."""

    tasks: tuple[str, ...]
    bank: Bank
    sites: dict[str, list[Attachment]] = field(default_factory=dict)
    hypernetworks: list[Hypernetwork] = field(default_factory=list)
    modules: dict[str, GraftModule[nn.Module]] = field(default_factory=dict)

    def attachments(self) -> Iterable[Attachment]:
        """Every attachment, in the order of sites."""
        return (attachment for attachments in self.sites.values() for attachment in attachments)

    def keys_of(self, task: str) -> set[Key]:
        """Everything that one task uses."""
        keys = {key for attachment in self.attachments() for key in attachment.keys[task].values()}
        for module in self.modules.values():
            keys.update(module.keys.get(task, {}).values())
        return keys | set(self.bank.adopted)


def merged_segments(identity: Callable[[str], object], segments: Sequence[Segment]) -> list[Segment]:
    """Neighbouring segments joined whose tasks have the same tensors, that is, one identity; `task` is the first's."""
    joined: list[Segment] = []
    for segment in segments:
        last = joined[-1] if joined else None
        if last and last.stop == segment.start and identity(last.task) == identity(segment.task):
            joined[-1] = replace(last, stop=segment.stop)
        else:
            joined.append(segment)
    return joined
