"""Tensors of the trunk's own that a recipe trains: overlays of norms and biases, or the whole backbone in place."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from multigraft.core.errors import OptionError, below
from multigraft.core.graft.attach import Overlay, add_overlays, adopt
from multigraft.core.graft.select import select
from multigraft.core.interfaces.projection import quantized_modules
from multigraft.core.model.methods import sharing_rule, unmatched, wanted_fields
from multigraft.core.options.options import SiteSelector

if TYPE_CHECKING:
    from multigraft.core.graft.attachment import Graft
    from multigraft.core.interfaces.backbone import Backbone
    from multigraft.core.recipe.recipe import Recipe
    from multigraft.core.registry.registry import Registry
    from multigraft.core.types.site import Site

_TENSORS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "norms": {"norm": ["weight", "bias"]},
    "biases": {"norm": ["bias"], "projection": ["bias"], "position-biases": ["weight"]},
}
"""Names of the tensors that are trained, by key of `graft.train` and kind of site."""


def train_trunk(graft: "Graft", recipe: "Recipe", registry: "Registry", backbone: "Backbone") -> None:
    """Make what `graft.train` names part of the graft.

    Raises:
        OptionError: the backbone has nothing of it, or cannot be trained; a value of a selection fits no site.
    """
    train = recipe.graft.train
    if train.backbone:
        _refuse_quantized(backbone)
        adopt(graft, "backbone", backbone.model)
        return
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


def _refuse_quantized(backbone: "Backbone") -> None:
    """Weights in a few bits have no gradients.

    Raises:
        OptionError: the backbone has some.
    """
    forms = sorted({each.form for each in quantized_modules(backbone)})
    if forms:
        message = f"the weights of this backbone are quantised ({', '.join(forms)}), and cannot be trained"
        raise OptionError(("graft", "train", "backbone"), message, "leave out `trunk.backbone.quantized`")
