"""The recipe of a weighted merge: the sources' tasks, LoRA of the added ranks, and else the recipe of one source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.select import covering
from multigraft.core.options.words import told_of
from multigraft.core.recipe.recipe import Recipe

if TYPE_CHECKING:
    from multigraft.core.model.trunk import Trunk
    from multigraft.core.registry.registry import Registry
    from multigraft.core.training.merge_sources import Opened

HINT = "name the source whose is taken: `--rest-from RUN:TASK`, `rest_from` in Python"
_SETTINGS = (
    *(("trunk", part) for part in ("encoder", "encoders", "backbone", "prompt")),
    ("graft", "train"),
    ("train", "precision"),
    ("inputs",),
)
"""Keys of a recipe that decide, beside adapters and tasks, what a graft makes of its tensors."""


@dataclass(frozen=True)
class Adapters:
    """An adapter of the merged graft: plain LoRA, whose factors have all weights and scalings in them."""

    name: str
    rank: int
    sites: tuple[str, ...]
    selection: Mapping[str, Sequence[str | int]]

    def options(self) -> dict[str, Any]:
        """As in a recipe; `alpha / rank` is 1."""
        return {"kind": "lora", "name": self.name, "rank": self.rank, "alpha": self.rank, "sites": self.selection}

    def facts(self) -> dict[str, Any]:
        """For `merge.json`."""
        return {"name": self.name, "rank": self.rank, "sites": list(self.sites)}


def merged_adapters(ranks: Mapping[str, int], trunk: "Trunk") -> list[Adapters]:
    """One for each rank that sites have, or several where one `sites` cannot name them.

    Raises:
        MultigraftError: no `sites` can name one of them.
    """
    every = [*trunk.backbone.sites(), *(site for each in trunk.encoders.values() for site in each.sites())]
    projections = [site for site in every if site.kind == "projection"]
    found = []
    for rank in sorted(set(ranks.values())):
        wanted = [site for site in projections if ranks.get(site.name) == rank]
        for selection in covering(wanted, projections):
            sites = tuple(s.name for s in wanted if all(getattr(s, f) in values for f, values in selection.items()))
            found.append((rank, sites, selection))
    names = ["lora"] if len(found) == 1 else [f"lora-{number}" for number in range(1, len(found) + 1)]
    return [Adapters(name, *each) for name, each in zip(names, found, strict=True)]


def merged_recipe(
    sources: Sequence["Opened"], rest: "Opened | None", adapters: Sequence[Adapters], registry: "Registry"
) -> Recipe:
    """The recipe of what comes out. How it was trained is said by the sources' recipes alone.

    Args:
        rest: the source that all is taken of but the adapters; if left out, all must agree.

    Raises:
        MultigraftError: what is no adapter's differs, or it is no valid recipe.
    """
    if rest is None:
        _refuse_other_settings(sources)
    own = (rest or sources[0]).saved.recipe
    written = own.model_dump(mode="json")
    written["tasks"] = _tasks(sources, rest)
    adapted = {"adapters": [each.options() for each in adapters], "sharing": {"kind": "single"}, "start": None}
    written["graft"] |= adapted
    written["train"] = {"precision": own.train.precision, "seed": own.train.seed}
    needed = dict.fromkeys(name for each in sources for name in each.saved.recipe.plugins.require)
    written["plugins"] = {"require": list(needed)}
    try:
        return Recipe.model_validate(written, context={"registry": registry})
    except ValidationError as error:
        raise MultigraftError(f"the merged graft would have no valid recipe: {told_of(error, written)}") from None


def _refuse_other_settings(sources: Sequence["Opened"]) -> None:
    first = sources[0]
    for each in sources:
        for place in _SETTINGS:
            if _at(each.saved.recipe, place) != _at(first.saved.recipe, place):
                raise MultigraftError(f"`{'.'.join(place)}` of {first.name} and {each.name} differ; {HINT}")


def _at(recipe: Recipe, place: Sequence[str]) -> Any:
    found: Any = recipe.model_dump(mode="json")
    for key in place:
        found = found.get(key)
    return found


def _tasks(sources: Sequence["Opened"], rest: "Opened | None") -> dict[str, Any]:
    """The options of each task that a source names."""
    found: dict[str, tuple[Opened, Any]] = {}
    elsewhere = len({each.saved.recipe.data.root for each in sources}) > 1
    for each in (rest, *sources) if rest else sources:
        options = each.saved.recipe.tasks[each.task].model_dump(mode="json")
        if elsewhere:
            options["data"] = _rooted(options["data"], each.saved.recipe.data.root)
        first, known = found.setdefault(each.task, (each, options))
        if known != options and first is not rest:
            raise MultigraftError(f"`tasks.{each.task}` of {first.name} and {each.name} differ; {HINT}")
    return {each.task: found[each.task][1] for each in sources}


def _rooted(splits: Mapping[str, Sequence[str]], root: str) -> dict[str, list[str]]:
    """Paths that are right wherever `data.root` is."""
    return {split: [str(Path(root) / path) for path in paths] for split, paths in splits.items()}
