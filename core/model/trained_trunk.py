"""Tensors of the trunk's own that a recipe trains: overlays of norms and biases, or the whole backbone in place."""

from collections.abc import Sequence
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

_KINDS = {"norms": ("norm",), "biases": ("norm", "projection")}
"""Kinds of sites whose own tensors are trained, by the key of `graft.train`."""
_NAMES = {"norms": ("weight", "bias"), "biases": ("bias",)}


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
    for key in _KINDS:
        with below("graft", "train", key):
            for site in _sites(backbone, key, getattr(train, key)):
                module = backbone.model.get_submodule(site.module)
                found.setdefault(site.name, Overlay.of(key, site, module, _NAMES[key]))
    with below("graft", "train", "sharing"):
        add_overlays(graft, list(found.values()), sharing_rule(registry, train.sharing, recipe))


def _sites(backbone: "Backbone", key: str, said: bool | SiteSelector) -> Sequence["Site"]:
    """Where the tensors of a key are trained."""
    if said is False:
        return ()
    having = [site for site in backbone.sites() if site.kind in _KINDS[key] and _has(backbone, site, _NAMES[key])]
    if not having:
        raise OptionError((), f"this backbone has no {key} to train")
    if said is True:
        return having
    for location, message, hint in unmatched(having, said, key):
        raise OptionError(location, message, hint)
    return select(having, wanted_fields(said))


def _has(backbone: "Backbone", site: "Site", names: Sequence[str]) -> bool:
    own = dict(backbone.model.get_submodule(site.module).named_parameters(recurse=False))
    return any(name in own for name in names)


def _refuse_quantized(backbone: "Backbone") -> None:
    """Weights in a few bits have no gradients.

    Raises:
        OptionError: the backbone has some.
    """
    forms = sorted({each.form for each in quantized_modules(backbone)})
    if forms:
        message = f"the weights of this backbone are quantised ({', '.join(forms)}), and cannot be trained"
        raise OptionError(("graft", "train", "backbone"), message, "leave out `trunk.backbone.quantized`")
