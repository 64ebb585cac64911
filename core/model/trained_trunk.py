"""Tensors of the trunk's own that a recipe trains: overlays of norms and biases, or whole parts of it in place."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from multigraft.core.errors import OptionError, below
from multigraft.core.graft.attach import Overlay, add_overlays, adopt
from multigraft.core.graft.select import select
from multigraft.core.interfaces.projection import quantized_modules
from multigraft.core.model.methods import sharing_rule, unmatched, wanted_fields
from multigraft.core.options.options import SiteSelector
from multigraft.core.suggest import did_you_mean
from multigraft.core.types.preparation import VISUAL

if TYPE_CHECKING:
    from torch import nn

    from multigraft.core.graft.attachment import Graft
    from multigraft.core.interfaces.backbone import Backbone
    from multigraft.core.model.trunk import Trunk
    from multigraft.core.recipe.recipe import Recipe
    from multigraft.core.registry.registry import Registry
    from multigraft.core.types.site import Site

_TENSORS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "norms": {"norm": ["weight", "bias"]},
    "biases": {"norm": ["bias"], "projection": ["bias"], "position-biases": ["weight"]},
}
"""Names of the tensors that are trained, by key of `graft.train` and kind of site."""


def train_trunk(graft: "Graft", recipe: "Recipe", registry: "Registry", trunk: "Trunk") -> None:
    """Make what `graft.train` names part of the graft.

    Raises:
        OptionError: the trunk has nothing of it, or cannot be trained; a value of a selection fits no site.
    """
    for name, module in trained_in_place(recipe, trunk).items():
        adopt(graft, name, module)
    if recipe.graft.train.backbone:
        _refuse_beside_the_whole(recipe)
    else:
        _add_overlays(graft, recipe, registry, trunk.backbone)


def _refuse_beside_the_whole(recipe: "Recipe") -> None:
    for key in _TENSORS:
        if getattr(recipe.graft.train, key) is not False:
            message = f"`backbone: true` trains all of the backbone, its {key} too"
            raise OptionError(("graft", "train", key), message, "leave it out")


def trained_in_place(recipe: "Recipe", trunk: "Trunk") -> dict[str, "nn.Module"]:
    """The modules of the trunk that are trained whole, by the owner of their tensors: `backbone`, `encoder` for that of
    pictures and frames, `encoder.MODALITY` for another.

    Raises:
        OptionError: there is no such module, or it has no weights that can be trained.
    """
    found: dict[str, nn.Module] = {"backbone": trunk.backbone.model} if recipe.graft.train.backbone else {}
    if found:
        _refuse_untrainable("backbone", trunk.backbone.model, ("backbone",), "leave out `trunk.backbone.quantized`")
    for modality, place in _trained_encoders(recipe, trunk):
        _refuse_untrainable(f"{modality} encoder", trunk.encoders[modality], ("encoder", *place))
        found["encoder" if modality == VISUAL else f"encoder.{modality}"] = trunk.encoders[modality]
    return found


def _trained_encoders(recipe: "Recipe", trunk: "Trunk") -> Iterator[tuple[str, tuple[int, ...]]]:
    """The modalities whose encoders are trained, and where in the list each stands."""
    said = recipe.graft.train.encoder
    if said and not trunk.encoders:
        raise OptionError(("graft", "train", "encoder"), "this trunk has no encoder to train", "leave it out")
    if isinstance(said, bool):
        yield from ((modality, ()) for modality in trunk.encoders if said)
        return
    for number, modality in enumerate(said):
        if modality not in trunk.encoders:
            message = f"this trunk has no encoder of the modality {modality!r}"
            raise OptionError(("graft", "train", "encoder", number), message, did_you_mean(modality, trunk.encoders))
        yield modality, (number,)


def _add_overlays(graft: "Graft", recipe: "Recipe", registry: "Registry", backbone: "Backbone") -> None:
    train = recipe.graft.train
    found: dict[str, Overlay] = {}
    for key in _TENSORS:
        with below("graft", "train", key):
            for overlay in _overlays(backbone, key, getattr(train, key)):
                found.setdefault(overlay.site.name, overlay)
    with below("graft", "train", "sharing"):
        add_overlays(graft, list(found.values()), sharing_rule(registry, train.sharing, recipe))


def _overlays(backbone: "Backbone", key: str, said: bool | SiteSelector) -> Sequence[Overlay]:
    """Of the sites where the tensors of a key are trained."""
    if said is False:
        return ()
    every = [_overlay(backbone, key, site) for site in backbone.sites() if site.kind in _TENSORS[key]]
    having = {overlay.site: overlay for overlay in every if overlay.parts}
    if not having:
        raise OptionError((), f"this backbone has no {key} to train")
    if said is True:
        return list(having.values())
    for location, message, hint in unmatched(list(having), said, key):
        raise OptionError(location, message, hint)
    return [having[site] for site in select(having, wanted_fields(said))]


def _overlay(backbone: "Backbone", key: str, site: "Site") -> Overlay:
    return Overlay.of(key, site, backbone.model.get_submodule(site.module), _TENSORS[key][site.kind])


def _refuse_untrainable(what: str, module: "nn.Module", place: tuple[str | int, ...], hint: str = "") -> None:
    """A module without parameters has nothing to train, and weights in a few bits have no gradients.

    Raises:
        OptionError: it is one of these.
    """
    if forms := sorted({each.form for each in quantized_modules(module)}):
        message = f"the weights of this {what} are quantised ({', '.join(forms)}), and cannot be trained"
        raise OptionError(("graft", "train", *place), message, hint)
    if next(module.parameters(), None) is None:
        raise OptionError(("graft", "train", *place), f"the {what} has no parameters to train", "leave it out")
