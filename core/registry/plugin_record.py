"""What became of one plugin."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from multigraft.core.registry.component import Command, Component, RecipeFolder

OUR_DISTRIBUTION = "multigraft"
State = Literal["loaded", "off", "failed", "wrong API", "duplicate"]


@dataclass(frozen=True)
class Fault:
    """Something wrong with a plugin that loaded all the same."""

    message: str
    fix: str
    place: str = ""
    """`FILE:LINE: code`, where it is known."""

    def __str__(self) -> str:
        place = f" (at {self.place})" if self.place else ""
        return f"{self.message}{place}; {self.fix}"


@dataclass(frozen=True)
class PluginRecord:
    """One plugin, whether it loaded, and what it brings."""

    name: str
    distribution: str
    """Distribution that brings it; the file's path for `--plugin FILE`."""
    version: str
    source: str
    """What is imported: a module's name, or a file's path."""
    from_file: bool = False
    """Whether it was given by `--plugin FILE`."""
    state: State = "loaded"
    error: str = ""
    place: str = ""
    """Where in the plugin's own code it failed: `FILE:LINE: code`."""
    changes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What became of the contracts since it was made, by hook, where it was made for another version of ours."""
    import_milliseconds: float = 0.0
    components: "tuple[tuple[str, Component], ...]" = ()
    """(kind, component) in the order the plugin gave them."""
    commands: "tuple[Command, ...]" = ()
    recipe_folders: "tuple[RecipeFolder, ...]" = ()
    run_hooks: tuple[str, ...] = ()
    """Names of the run hooks that it implements."""
    faults: tuple[Fault, ...] = ()
    plugin: Any = field(default=None, repr=False, compare=False)
    """The imported module or object; None unless loaded."""

    @property
    def built_in(self) -> bool:
        """Whether it is part of multigraft itself and so owns the bare names."""
        return self.distribution == OUR_DISTRIBUTION

    @property
    def module(self) -> str:
        """Name of the module that it is imported as."""
        return self.name if self.from_file else self.source

    def told_changes(self) -> list[str]:
        """What became of the contracts that it was made for, a line each."""
        return [f"{hook}: {change}" for hook, changes in self.changes.items() for change in changes]

    def told_of_kind(self, kind: str) -> str:
        """Why it did not load, and what became of the contract of a kind of component that it was made for."""
        changes = self.changes.get(f"register_{kind}", ())
        return f"{self.told_error}; since then: {', '.join(changes)}" if changes else self.told_error

    @property
    def told_error(self) -> str:
        """The error, and the plugin's own line that it came from."""
        return f"{self.error} (at {self.place})" if self.place else self.error
