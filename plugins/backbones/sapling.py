"""`sapling`: a small BART that comes along, trained by configs/sapling.yaml (see sapling_weights/README.md)."""

import json
from importlib.resources import as_file, files
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from multigraft.plugins.backbones.bart import BartBackbone
from multigraft.plugins.backbones.loading import random_model
from multigraft.plugins.backbones.options import SaplingOptions

_FOLDER = files("multigraft.plugins.backbones").joinpath("sapling_weights")


def sapling_tokenizer() -> Any:
    """Its tokenizer; also that of a BART with random weights."""
    from transformers import PreTrainedTokenizerFast

    with as_file(_FOLDER.joinpath("tokenizer.json")) as path:
        return PreTrainedTokenizerFast(
            tokenizer_file=str(path),
            bos_token="<s>",
            eos_token="</s>",
            pad_token="<pad>",
            unk_token="<unk>",
            mask_token="<mask>",
        )


def build(options: SaplingOptions) -> BartBackbone:
    """The trunk of the quickstart, with its weights or random ones."""
    from transformers import BartConfig, BartForConditionalGeneration

    config = BartConfig(**json.loads(_FOLDER.joinpath("config.json").read_text()))
    model = random_model(BartForConditionalGeneration, config, options.seed)
    if options.weights == "package" and torch.get_default_device().type != "meta":
        _load_weights(model)
    return BartBackbone(model, sapling_tokenizer(), "sapling")


def _load_weights(model: nn.Module) -> None:
    with as_file(_FOLDER.joinpath("model.safetensors")) as path:
        state = {name: value.float() for name, value in load_file(path).items()}
    state["lm_head.weight"] = state["model.encoder.embed_tokens.weight"] = state["model.shared.weight"]
    state["model.decoder.embed_tokens.weight"] = state["model.shared.weight"]
    model.load_state_dict({**state, "final_logits_bias": model.state_dict()["final_logits_bias"]})
