"""Weighted merging of saved grafts: a new one whose adapters add the weighted sum of what those of the sources add."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from multigraft.core.atomic import write_folder, write_json, writing
from multigraft.core.errors import MultigraftError, OptionError
from multigraft.core.graft.saving import save_graft
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.deltas import Term, stacked, terms_by_site
from multigraft.core.model.trunk import build_trunk
from multigraft.core.recipe.plugin_use import KEY, plugins_in_use
from multigraft.core.recipe.writing import dump_recipe
from multigraft.core.training.merge_sources import Filled, MergeSource, Opened, fill_sources, open_sources
from multigraft.core.training.merged_recipe import merged_adapters, merged_recipe
from multigraft.core.training.merged_rest import take_rest

if TYPE_CHECKING:
    from multigraft.core.graft.attachment import Graft
    from multigraft.core.model.trunk import Trunk
    from multigraft.core.recipe.recipe import Recipe
    from multigraft.core.registry.registry import Registry

Found = TypeVar("Found", bound=Opened)


def merge_saved(
    sources: Sequence[MergeSource], to: Path, rest_from: tuple[Path, str] | None, registry: "Registry"
) -> dict[str, Any]:
    """Write a new graft that can do the tasks named, all with the same adapters; what its `merge.json` holds.

    A weight of 0 adds nothing, and lets the graft do that task too.

    Args:
        rest_from: folder and task of the source that prompts, heads and norms are taken from where they differ.

    Raises:
        MultigraftError: an adapter whose effect is no sum, another trunk, tensors that differ and have no place in a
            sum, or a folder that is there already or cannot be written; nothing is left of it then.
    """
    if to.exists():
        raise MultigraftError(f"{to} is there already; name a new folder")
    opened = open_sources(sources, registry)
    first = _named(opened, rest_from) or opened[0]
    trunk = build_trunk(first.saved.recipe, registry)
    filled = fill_sources(opened, trunk, registry)
    rest, terms = _named(filled, rest_from), _terms(filled)
    adapters = merged_adapters({site: _rank(own) for site, own in terms.items()}, trunk)
    recipe = merged_recipe(filled, rest, adapters, registry)
    graft = _planned(recipe, registry, trunk)
    _fill_adapters(graft, terms)
    report = {
        "sources": [{"folder": str(each.folder), "task": each.task, "weight": each.weight} for each in sources],
        "rest_from": rest and rest.name,
        "adapters": [each.facts() for each in adapters],
        **take_rest(graft, filled, rest).facts(),
    }
    _write(to, graft, recipe, _facts(filled, recipe, trunk, registry), report)
    return report


def _planned(recipe: "Recipe", registry: "Registry", trunk: "Trunk") -> "Graft":
    """The graft of the merged recipe, at its start.

    Raises:
        MultigraftError: something in the recipe does not go with the tasks that were named.
    """
    try:
        model = build_model(recipe, registry, trunk)
    except OptionError as error:
        told = f"the merged graft would have no valid recipe: {'.'.join(map(str, error.location))}: {error}"
        raise MultigraftError(f"{told}. Where other tasks are missing, name them too, with a weight of 0") from None
    allocate(model, torch.device("cpu"))
    return model.graft


def _write(to: Path, graft: "Graft", recipe: "Recipe", facts: Mapping[str, Any], report: Mapping[str, Any]) -> None:
    def fill(folder: Path) -> None:
        save_graft(folder / "graft", graft.bank, facts)
        (folder / "recipe.yaml").write_text(dump_recipe(recipe))
        write_json(folder / "merge.json", report)

    with writing(to):
        write_folder(to, fill)


def merge_lines(report: Mapping[str, Any]) -> list[str]:
    """What was added, and which other tensors came from where, in a few lines."""
    weights = " + ".join(f"{each['weight']:g} * {each['folder']}:{each['task']}" for each in report["sources"])
    lines = [f"adapters: {weights}"]
    lines += [f"  {each['name']}: rank {each['rank']} at {len(each['sites'])} sites" for each in report["adapters"]]
    origins = Counter(tuple(names) for names in report["taken"].values())
    lines += [f"{count} other tensors: those of {', '.join(names)}" for names, count in origins.items()]
    return lines + [f"{len(labels)} tensors of {name} are left out" for name, labels in report["left"].items()]


def _named(sources: Sequence[Found], name: tuple[Path, str] | None) -> Found | None:
    """The source of that folder and task.

    Raises:
        MultigraftError: none of the sources.
    """
    if name is None:
        return None
    for each in sources:
        if (each.source.folder, each.source.task) == name:
            return each
    known = ", ".join(each.name for each in sources)
    raise MultigraftError(f"{name[0]}:{name[1]} is none of the sources {known}, and the rest is taken from one of them")


@torch.no_grad()
def _terms(sources: Sequence[Filled]) -> dict[str, list[Term]]:
    """What has a weight of 0 takes no rank."""
    found = terms_by_site([each.weighted for each in sources], torch.float64)
    counted = {site: [term for term in terms if term.weight] for site, terms in found.items()}
    return {site: terms for site, terms in counted.items() if terms}


def _rank(terms: Sequence[Term]) -> int:
    return sum(len(term.down) for term in terms)


@torch.no_grad()
def _fill_adapters(graft: "Graft", terms: Mapping[str, Sequence[Term]]) -> None:
    """Weights and scalings go into `up`, computed in 64 bits and rounded once."""
    for attachment in graft.attachments():
        if attachment.adapter is not None:
            keys = attachment.keys[graft.tasks[0]]
            up, down = stacked(terms[attachment.site.name], torch.float64)
            graft.bank[keys["up.weight"]].copy_(up)
            graft.bank[keys["down.weight"]].copy_(down)
            if not graft.bank[keys["up.weight"]].isfinite().all():
                raise MultigraftError(f"the weights are so large that the sum at {attachment.site.name} is not finite")


def _facts(sources: Sequence[Filled], recipe: "Recipe", trunk: "Trunk", registry: "Registry") -> dict[str, Any]:
    media: dict[str, list[str]] = {}
    for each in sources:
        kinds = media.setdefault(each.task, [])
        kinds += [kind for kind in each.saved.media.get(each.task, ()) if kind not in kinds]
    return {
        "trunk": dict(trunk.fingerprints),
        "weights": trunk.origins(),
        "tasks": list(recipe.tasks),
        "recipe": dump_recipe(recipe),
        "plugins": registry.versions(),
        KEY: plugins_in_use(recipe, registry),
        "media": media,
    }
