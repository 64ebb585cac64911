"""Transformers models and tokenizers from a hub id, a folder or a config; random weights from a seed."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from multigraft.core.config.sections import weight_source
from multigraft.core.errors import MultigraftError, OptionError, below
from multigraft.core.graft.bank import hash_tensors
from multigraft.core.nearest import did_you_mean
from multigraft.plugins.backbones.options import PretrainedOptions


def load_model(options: PretrainedOptions, model_class: Any, config_class: Any) -> nn.Module:
    """The model of a recipe; on the meta device no weights are read.

    Raises:
        MultigraftError: the weights cannot be found or read.
    """
    source = weight_source(options.weights, ("hub", "path", "random"))
    on_meta = torch.get_default_device().type == "meta"
    _check_architecture(options, config_class)
    with below("weights"):
        place = find_folder(source.scheme, source.value)
    if source.scheme == "random" or (on_meta and options.architecture):
        return random_model(model_class, config_class(**options.architecture), options.seed)
    try:
        config = config_class.from_pretrained(place, **options.architecture)
        if on_meta:
            return random_model(model_class, config, options.seed)
        model: nn.Module = model_class.from_pretrained(place, config=config, use_safetensors=None, dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise OptionError(("weights",), f"weights {options.weights} cannot be loaded: {error}") from None
    return model


_READ_BY_US = ("decoder_start_token_id", "scale_decoder_outputs")
"""Fields that not every config class has, and that our backbones take where they are given."""


def _check_architecture(options: PretrainedOptions, config_class: Any) -> None:
    """Transformers keeps fields that it does not know and does nothing with them."""
    known = {*config_class().to_dict(), *config_class.attribute_map, *_READ_BY_US}
    for name in options.architecture:
        if name not in known:
            raise OptionError(
                ("architecture", name), f"no field {name!r} in {config_class.__name__}", did_you_mean(name, known)
            )


def random_model(model_class: Any, config: Any, seed: int) -> nn.Module:
    """A model with random weights drawn from a seed; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: nn.Module = model_class(config)
    return model


def load_tokenizer(options: PretrainedOptions, default: Any) -> Any:
    """The tokenizer of a recipe; `default()` makes the one for random weights.

    Raises:
        MultigraftError: it cannot be found.
    """
    from transformers import AutoTokenizer

    wanted = options.tokenizer or (None if options.weights == "random" else options.weights)
    if wanted is None:
        return default()
    source = weight_source(wanted, ("hub", "path"))
    place = "tokenizer" if options.tokenizer else "weights"
    try:
        return AutoTokenizer.from_pretrained(find_folder(source.scheme, source.value))
    except (OSError, ValueError) as error:
        raise OptionError((place,), f"tokenizer {wanted} cannot be loaded: {error}") from None
    except MultigraftError as error:
        raise OptionError((place,), str(error)) from None


def find_folder(scheme: str, value: str) -> str:
    """A hub id as it is; a folder, if it is there."""
    if scheme == "path" and not Path(value).is_dir():
        raise MultigraftError(f"there is no folder {value}")
    return value


def freeze(model: nn.Module) -> None:
    """No gradients, evaluation mode."""
    model.eval().requires_grad_(False)


def fingerprint(name: str, model: nn.Module) -> str:
    """`NAME:HASH`, the hash over names, shapes and bytes of all weights."""
    state = dict(sorted(model.state_dict().items()))
    if any(value.is_meta for value in state.values()):
        return f"{name}:meta"
    return f"{name}:{hash_tensors(value.float() for value in state.values())}"
