"""A recipe under examination."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from multigraft.core.recipe.problems import Problem
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.recipe_file import RecipeFile
from multigraft.core.registry.registry import Registry

if TYPE_CHECKING:
    from multigraft.core.errors import OptionError
    from multigraft.core.interfaces.backbone import Backbone
    from multigraft.core.model.summary import ModelSummary
    from multigraft.core.model.trunk import Trunk
    from multigraft.core.run.run_data import RunData
    from multigraft.core.types.annotation import Annotation


@dataclass
class Subject:
    """What a check is given; it yields a problem for each thing that is wrong."""

    recipe: Recipe
    document: RecipeFile
    """The recipe as written: `document.problem(location, message, hint)` points at a place in it."""
    registry: Registry
    notes: list[str] = field(default_factory=list)
    """What is worth saying and no problem."""
    trunk: "Trunk | None" = None
    """On the meta device, once a deep check has built it."""
    writing: "dict[str, Backbone]" = field(default_factory=dict)
    """Its backbone with the form of texts that a task has, by task."""
    data: "RunData | None" = None
    """Its shards, once a deep check has opened them; none where they will be made."""
    excerpts: "dict[tuple[str, str], list[Annotation]]" = field(default_factory=dict)
    """Those that were looked at, by task and split."""
    says: dict[str, str] = field(default_factory=dict)
    """`Evaluator.says` of each task, once a deep check has built them."""
    outputs: dict[str, int] = field(default_factory=dict)
    """Tokens of each task's longest target or output, once a deep check has built what reads them."""
    summary: "ModelSummary | None" = None
    """What the recipe would build, once a deep check has found it well."""

    def excerpt(self, task: str, split: str) -> "list[Annotation]":
        """A few annotations of a task, once a deep check has opened its shards; read once."""
        from multigraft.core.data.excerpt import excerpt

        assert self.data is not None
        if (task, split) not in self.excerpts:
            self.excerpts[task, split] = excerpt(self.data.source(task, split))
        return self.excerpts[task, split]

    def problem(self, error: "OptionError") -> Problem:
        """The problem that an error tells of."""
        return self.document.problem(error.location, error.message, error.hint)
