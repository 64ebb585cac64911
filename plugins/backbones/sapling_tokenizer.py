"""The tokenizer of `sapling`, and where its files lie."""

from importlib.resources import as_file, files
from typing import Any

SAPLING = files("multigraft.plugins.backbones").joinpath("sapling_weights")


def sapling_tokenizer() -> Any:
    """Its tokenizer; also that of a BART with random weights."""
    from transformers import PreTrainedTokenizerFast

    with as_file(SAPLING.joinpath("tokenizer.json")) as path:
        return PreTrainedTokenizerFast(
            tokenizer_file=str(path),
            bos_token="<s>",
            eos_token="</s>",
            pad_token="<pad>",
            unk_token="<unk>",
            mask_token="<mask>",
        )
