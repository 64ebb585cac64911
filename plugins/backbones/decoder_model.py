"""Which decoder-only models are taken, and what their configs and tokenizers say."""

from typing import Any

from multigraft import OptionError, did_you_mean, weight_source
from multigraft.plugins.backbones import loading
from multigraft.plugins.backbones.options import DecoderOptions
from multigraft.plugins.backbones.places import config_of, find_place

MODELS = {
    "gpt2": ("GPT2LMHeadModel", "GPT2Config"),
    "llama": ("LlamaForCausalLM", "LlamaConfig"),
    "mistral": ("MistralForCausalLM", "MistralConfig"),
    "qwen2": ("Qwen2ForCausalLM", "Qwen2Config"),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config"),
}
"""Classes of transformers by model type: GPT-2, and those whose layers are Llama's, module by module."""
_STEADY = ("default", "linear", "llama3", "yarn")
"""Kinds of rotary frequencies that do not depend on the length of a batch."""


def build_model(options: DecoderOptions) -> loading.Loaded:
    """The model of a recipe; with random weights a Llama, if `architecture` names no other `model_type`.

    Raises:
        OptionError: it is of a type that is not taken, or cannot be loaded.
    """
    import transformers

    location, kind = _model_type(options)
    if kind not in MODELS:
        hint = did_you_mean(kind, MODELS)
        raise OptionError(location, f"no decoder-only model of the type {kind!r} is taken", hint)
    fields = {name: value for name, value in options.architecture.items() if name != "model_type"}
    classes = (getattr(transformers, name) for name in MODELS[kind])
    return loading.load_model(options.model_copy(update={"architecture": fields}), *classes)


def _model_type(options: DecoderOptions) -> tuple[tuple[str, ...], str]:
    """Where the type is said, and what it is; without numbers it is what the recipe says, if it says any.

    Raises:
        OptionError: the weights are of another type than the recipe says, or cannot be read.
    """
    said = options.architecture.get("model_type")
    place = ("architecture", "model_type")
    if weight_source(options.weights, DecoderOptions.schemes).scheme == "random":
        return place, str(said or "llama")
    if said is not None and loading.on_meta_device():
        return place, str(said)
    found = _type_of_weights(options)
    if said not in (None, found):
        raise OptionError(place, f"the weights {options.weights} are a {found!r}, and this says {said!r}")
    return ("weights",), found


def _type_of_weights(options: DecoderOptions) -> str:
    try:
        found = config_of(find_place(options.weights))
    except (OSError, ValueError) as error:
        raise OptionError(("weights",), f"weights {options.weights} cannot be loaded: {error}") from None
    return str(found.get("model_type", ""))


def refuse_config(config: Any) -> None:
    """Raise where the layers would not do what the model does.

    Raises:
        OptionError: its rotary frequencies change with the length of a batch.
    """
    kind = config.rope_parameters["rope_type"]
    if kind not in _STEADY:
        message = f"rotary frequencies of the kind {kind!r} change with the length of a batch"
        raise OptionError(("architecture", "rope_parameters"), message, f"one of {', '.join(_STEADY)}")


def special_ids(config: Any, tokenizer: Any) -> tuple[int, int, int]:
    """Ids that begin a text, end a target and fill up.

    The tokenizer says what begins, the config what ends, as in `generate`; the end fills up where nothing else does.

    Raises:
        OptionError: nothing begins a text, or nothing ends a target.
    """
    words = config.vocab_size
    begin = _first("begin a text", words, tokenizer.bos_token_id, config.bos_token_id)
    end = _first("end a target", words, config.eos_token_id, tokenizer.eos_token_id)
    return begin, end, _first("fill up", words, config.pad_token_id, tokenizer.pad_token_id, end)


def _first(what: str, words: int, *ids: int | list[int] | None) -> int:
    """The first that is a word of the model; of several ends the first."""
    for found in ids:
        for each in found if isinstance(found, list) else (found,):
            if each is not None and each < words:
                return each
    raise OptionError(("tokenizer",), f"neither the tokenizer nor the model's config has a token to {what} with")
