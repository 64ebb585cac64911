"""The bank: every tensor of a graft, one parameter for each (owner, part)."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from multigraft.core.errors import MultigraftError
from multigraft.core.types.part import Part

if TYPE_CHECKING:
    from multigraft.core.types.owner import Owner

_SCOPE = re.compile(r"shared|(task|group):[\w-]+")


@dataclass(frozen=True, order=True)
class Key:
    """Identity of a tensor: its owner and `METHOD.PART`."""

    owner: "Owner"
    part: str

    @property
    def text(self) -> str:
        """`TASK_SCOPE/SITE_SCOPE/METHOD.PART`."""
        return f"{self.owner.task_scope}/{self.owner.site_scope}/{self.part}"


@dataclass(frozen=True)
class Entry:
    """What is known of a tensor before it exists."""

    part: Part
    overlay: bool
    """Whether it stands in for a tensor of the trunk, which is then counted only once."""


def check_scope(scope: str) -> None:
    """Hold a task scope against the forms there are; files are named by it.

    Raises:
        MultigraftError: it is none of them.
    """
    if not _SCOPE.fullmatch(scope):
        raise MultigraftError(
            f"task scope {scope!r} is not `shared`, `task:NAME` or `group:NAME`, NAME of letters, digits, `-` and `_`"
        )


class Bank:
    """Declared first, on no device; then allocated with start values drawn from (seed, owner, part)."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.entries: dict[Key, Entry] = {}
        self.adopted: dict[Key, nn.Parameter] = {}
        self._values: dict[Key, Tensor] = {}
        self._slots: dict[Key, int] = {}
        self.device = torch.device("cpu")
        self._by_slot: list[Tensor] = []
        self.teacher: dict[Key, Tensor] = {}
        """Moving averages of the trained tensors; empty where nobody learns from them."""
        self._teaching = False

    def declare(self, key: Key, part: Part, overlay: bool = False) -> int:
        """Make room for a tensor; equal keys are one tensor and must agree on the shape.

        Returns:
            The tensor's slot, by which `at` finds it.

        Raises:
            MultigraftError: they do not, or the owner's scope is none that a file can be named by.
        """
        check_scope(key.owner.task_scope)
        known = self.entries.setdefault(key, Entry(part, overlay))
        if known.part.shape != part.shape:
            raise MultigraftError(
                f"{key.text}: one owner for shapes {known.part.shape} and {part.shape}; "
                "the scope of the part, or the sharing rule's site scope, is too wide"
            )
        return self._slots.setdefault(key, len(self._slots))

    def adopt(self, key: Key, parameter: nn.Parameter) -> None:
        """Train a parameter of the trunk in place."""
        self.entries[key] = Entry(Part(key.part, tuple(parameter.shape), _unused), overlay=True)
        self.adopted[key] = parameter

    def trains(self, module: nn.Module) -> bool:
        """Whether a module of the trunk is trained in place."""
        own = {id(parameter) for parameter in self.adopted.values()}
        return any(id(parameter) in own for parameter in module.parameters())

    def allocate(self, device: torch.device) -> None:
        """Give every declared tensor its start value."""
        self.device = device
        for key, entry in self.entries.items():
            if key in self.adopted:
                self._values[key] = _to_train(self.adopted[key])
            else:
                value = self.start_value(key).to(device)
                self._values[key] = nn.Parameter(value) if entry.part.trained else value
        self._use(self._values)

    def replace(self, values: Mapping[Key, Tensor]) -> None:
        """Let other tensors of the same shapes stand where its own stood, trained or not as they are."""
        self._use({**self._values, **values})

    def at(self, slot: int) -> Tensor:
        """The tensor in a slot."""
        return self._by_slot[slot]

    def start_value(self, key: Key) -> Tensor:
        """The value a tensor starts from, the same wherever and whenever it is asked for."""
        digest = hashlib.blake2b(f"{self.seed}/{key.text}".encode(), digest_size=7).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest, "big"))
        part = self.entries[key].part
        return part.initial(part.shape, generator)

    def __getitem__(self, key: Key) -> Tensor:
        return self._values[key]

    def __contains__(self, key: object) -> bool:
        return key in self.entries

    def trained(self) -> dict[Key, nn.Parameter]:
        """The trained tensors, in the order of their declaration."""
        return {key: value for key, value in self._values.items() if isinstance(value, nn.Parameter)}

    def named(self) -> dict[str, nn.Parameter]:
        """The trained tensors by the texts of their keys."""
        return {key.text: value for key, value in self.trained().items()}

    def frozen(self) -> dict[Key, Tensor]:
        """The random tensors that stay as they are."""
        return {key: value for key, value in self._values.items() if not isinstance(value, nn.Parameter)}

    def add_teacher(self) -> None:
        """Keep moving averages of the trained tensors from now on; they start from these."""
        self.teacher = {key: value.detach().clone() for key, value in self.trained().items()}

    @torch.no_grad()
    def move_teacher(self, momentum: float) -> None:
        """`momentum * teacher + (1 - momentum) * student`, after the student has moved (He et al. 2020)."""
        trained = self.trained()
        torch._foreach_lerp_([self.teacher[key] for key in trained], list(trained.values()), 1 - momentum)

    @contextmanager
    def taught(self) -> Iterator[None]:
        """Within the block the teacher's values stand in for the trained ones, those of the trunk too.

        Raises:
            MultigraftError: there is no teacher.
        """
        if self._teaching:
            yield
            return
        if not self.teacher:
            raise MultigraftError("an objective reads a teacher's states, and this graft has no teacher")
        students, self._teaching = self._values, True
        self._use({**students, **{k: v for k, v in self.teacher.items() if k not in self.adopted}})
        self._exchange_adopted()
        try:
            yield
        finally:
            self._exchange_adopted()
            self._use(students)
            self._teaching = False

    def _use(self, values: dict[Key, Tensor]) -> None:
        self._values = values
        self._by_slot = [values[key] for key in self._slots]

    def _exchange_adopted(self) -> None:
        for key, parameter in self.adopted.items():
            parameter.data, self.teacher[key] = self.teacher[key], parameter.data
        if self.adopted:
            torch.clear_autocast_cache()  # it knows a parameter's cast by the parameter

    def snapshot(self) -> dict[Key, Tensor]:
        """Copies of the trained tensors."""
        return {key: value.detach().clone() for key, value in self.trained().items()}

    def restore(self, values: Mapping[Key, Tensor]) -> None:
        """Put back what `snapshot` gave."""
        with torch.no_grad():
            for key, value in values.items():
                self._values[key].copy_(value)

    def restart(self) -> None:
        """Set every tensor of the bank's own back to its start value."""
        with torch.no_grad():
            for key, value in self.trained().items():
                if key not in self.adopted:
                    value.copy_(self.start_value(key))


def hash_tensors(tensors: Iterable[Tensor]) -> str:
    """A short hash of tensors' bytes, in the given order."""
    digest = hashlib.blake2b(digest_size=8)
    for tensor in tensors:
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _to_train(parameter: nn.Parameter) -> nn.Parameter:
    """The parameter, its numbers laid out row by row: the fused AdamW goes by the order in memory, and a gradient that
    was summed over processes, or a moment that was saved, comes in this one."""
    parameter.requires_grad_(True)
    parameter.data = parameter.data.clone(memory_format=torch.contiguous_format)
    return parameter


def _unused(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    raise RuntimeError("an adopted parameter has no start value of its own")
