"""Transformers models and tokenizers from a hub id, a folder or a config; random weights from a seed."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from multigraft.core.config.sections import weight_source
from multigraft.core.errors import MultigraftError
from multigraft.core.graft.bank import hash_tensors
from multigraft.plugins.backbones.options import PretrainedOptions


def load_model(options: PretrainedOptions, model_class: Any, config_class: Any) -> nn.Module:
    """The model of a recipe; on the meta device no weights are read.

    Raises:
        MultigraftError: the weights cannot be found or read.
    """
    source = weight_source(options.weights, ("hub", "path", "random"))
    on_meta = torch.get_default_device().type == "meta"
    if source.scheme == "random" or (on_meta and options.architecture):
        return random_model(model_class, config_class(**options.architecture), options.seed)
    place = find_folder(source.scheme, source.value)
    try:
        config = config_class.from_pretrained(place, **options.architecture)
        if on_meta:
            return random_model(model_class, config, options.seed)
        model: nn.Module = model_class.from_pretrained(place, config=config, use_safetensors=None, dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise MultigraftError(f"weights {options.weights} cannot be loaded: {error}") from None
    return model


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
    try:
        return AutoTokenizer.from_pretrained(find_folder(source.scheme, source.value))
    except (OSError, ValueError) as error:
        raise MultigraftError(f"tokenizer {wanted} cannot be loaded: {error}") from None


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
