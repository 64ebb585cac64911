"""`sapling`: a small BART that comes along, trained by configs/sapling.yaml (see sapling_weights/README.md)."""

import json
from importlib.resources import as_file

import torch
from safetensors.torch import load_file
from torch import nn

from multigraft.plugins.backbones.bart import BartBackbone
from multigraft.plugins.backbones.loading import random_model
from multigraft.plugins.backbones.options import SaplingOptions
from multigraft.plugins.backbones.sapling_tokenizer import SAPLING, sapling_tokenizer


def build(options: SaplingOptions) -> BartBackbone:
    """The trunk of the quickstart, with its weights or random ones."""
    from transformers import BartConfig, BartForConditionalGeneration

    config = BartConfig(**json.loads(SAPLING.joinpath("config.json").read_text()))
    model = random_model(BartForConditionalGeneration, config, options.seed)
    if options.weights == "package" and torch.get_default_device().type != "meta":
        _load_weights(model)
    return BartBackbone(model, sapling_tokenizer(), "sapling")


def _load_weights(model: nn.Module) -> None:
    with as_file(SAPLING.joinpath("model.safetensors")) as path:
        state = {name: value.float() for name, value in load_file(path).items()}
    state["lm_head.weight"] = state["model.encoder.embed_tokens.weight"] = state["model.shared.weight"]
    state["model.decoder.embed_tokens.weight"] = state["model.shared.weight"]
    model.load_state_dict({**state, "final_logits_bias": model.state_dict()["final_logits_bias"]})
