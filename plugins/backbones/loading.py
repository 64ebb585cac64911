"""Transformers models and tokenizers from a hub id, a folder or a config; random weights from a seed."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple, Protocol, TypeVar, cast

import torch
from safetensors import SafetensorError
from torch import nn

from multigraft import MultigraftError, OptionError, did_you_mean, hash_tensors, weight_source
from multigraft.plugins.backbones.options import PretrainedOptions
from multigraft.plugins.backbones.places import Named, find_place, make_config, with_weights
from multigraft.plugins.backbones.quantized import quantize_layers
from multigraft.stacks import Quantized

T = TypeVar("T")
_SHOWN = 5
"""Names of weights in a message, at most."""


class Described(Named, Protocol):
    """What is said of a pretrained model."""

    @property
    def architecture(self) -> dict[str, Any]:
        """Fields of the config."""

    @property
    def seed(self) -> int:
        """Of random weights."""


class Loaded(NamedTuple):
    """A model and where its weights came from."""

    model: Any
    origin: str
    lacking: frozenset[str] = frozenset()
    """Weights of spare modules that the folder does not have; they are zero."""


class Spare(NamedTuple):
    """Weights that a model and a folder need not have in common, by the beginnings of their names."""

    lacking: tuple[str, ...] = ()
    """Modules that a folder may have no weight of."""
    unneeded: tuple[str, ...] = ()
    """What a folder may have beside the model's weights."""


_NOTHING = Spare()


def load_model(options: PretrainedOptions, model_class: Any, config_class: Any, spare: Spare = _NOTHING) -> Loaded:
    """The model of a recipe, quantised if it says so; on the meta device no weights are read.

    Raises:
        MultigraftError: the weights cannot be found or read, or the model has others that would be random.
    """
    _refuse_gguf(options)
    loaded = load_dense(options, model_class, config_class, spare)
    if options.extra_tokens:
        _add_tokens(loaded.model, options)
    if options.quantized is not None:
        quantize_layers(loaded.model, options.quantized)
    return loaded


def _refuse_gguf(options: PretrainedOptions) -> None:
    """Where the recipe names a package, only its files tell what is in it."""
    source = weight_source(options.weights, options.schemes)
    if source.scheme == "package" and not options.reads_gguf and find_place(options.weights).gguf is not None:
        raise OptionError(("weights",), "GGUF files are read by `kind: decoder` alone")


def _add_tokens(model: Any, options: PretrainedOptions) -> None:
    """Rows behind the word table, as the family starts words, drawn from the seed."""
    words = model.get_input_embeddings().num_embeddings
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        model.resize_token_embeddings(words + options.extra_tokens, mean_resizing=False)


def load_dense(options: Described, model_class: Any, config_class: Any, spare: Spare = _NOTHING) -> Loaded:
    """The model in 32 bits; on the meta device no weights are read.

    Raises:
        MultigraftError: the weights cannot be found or read, or the model has others that would be random.
    """
    source = weight_source(options.weights, ("hub", "path", "package", "random"))
    on_meta = on_meta_device()
    _check_architecture(options, config_class)
    if source.scheme in ("path", "package"):
        find_place(options.weights)
    if source.scheme == "random" or (on_meta and options.architecture):
        return Loaded(random_model(model_class, config_class(**options.architecture), options.seed), options.weights)
    place = find_place(options.weights)
    try:
        config = make_config(place, config_class, options.architecture)
        if on_meta:
            return Loaded(random_model(model_class, config, options.seed), place.origin)
        place, safe = with_weights(options)
        with torch.random.fork_rng(devices=[]), _untold():
            model, found = model_class.from_pretrained(
                place.folder, config=config, use_safetensors=safe, dtype=torch.float32, output_loading_info=True,
                **place.reading,
            )  # fmt: skip
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise OptionError(("weights",), f"weights {options.weights} cannot be loaded: {error}") from None
    _tell_unneeded(options, found["unexpected_keys"], spare)
    return Loaded(model, place.origin, _lacking(options, model, set(found["missing_keys"]), spare))


@contextmanager
def _untold() -> Iterator[None]:
    """Without transformers' own report of weights that are missing or left over, which is ours to tell, and its bar."""
    from transformers.utils import logging

    before, shown = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if shown:
            logging.enable_progress_bar()


def _tell_unneeded(options: Described, names: Iterable[str], spare: Spare) -> None:
    """Warn of weights that the model has no place for."""
    strange = sorted(name for name in names if not name.startswith(spare.unneeded))
    if strange:
        warnings.warn(f"weights {options.weights} have what this model leaves out: {_listed(strange)}", stacklevel=2)


def _lacking(options: Described, model: nn.Module, missing: set[str], spare: Spare) -> frozenset[str]:
    """What is missing, if it is the whole of spare modules; it is set to zero instead of being random.

    Raises:
        OptionError: something else is missing.
    """
    own = dict(model.named_parameters(remove_duplicate=False))
    whole = tuple(start for start in spare.lacking if missing.issuperset(_untied(model, start)))
    wrong = sorted(name for name in missing if not name.startswith(whole))
    if wrong:
        message = f"weights {options.weights} lack what this model needs: {_listed(wrong)}"
        raise OptionError(("weights",), message, "they are another architecture's, or damaged")
    with torch.no_grad():
        for name in missing:
            own[name].zero_()
    return frozenset(missing)


def _untied(model: nn.Module, start: str) -> set[str]:
    """Parameters below a name, but for those that are another module's too."""
    return {name for name, _ in model.named_parameters() if name.startswith(start)}


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


_READ_BY_US = ("decoder_start_token_id", "scale_decoder_outputs")
"""Fields that not every config class has, and that our backbones take where they are given."""


def _check_architecture(options: Described, config_class: Any) -> None:
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


def load_tokenizer(
    options: PretrainedOptions, default: Any, check: Callable[[Any], object] = lambda tokenizer: None
) -> Any:
    """The tokenizer of a recipe; `default()` makes the one for random weights.

    Where the model is on the meta device it is only fetched when first asked for: a model can be counted without it.

    Args:
        check: what the backbone wants of it.

    Raises:
        MultigraftError: it cannot be found, or `check` says so.
    """
    wanted = options.tokenizer or (None if options.weights == "random" else options.weights)
    place = "tokenizer" if options.tokenizer else "weights"

    def make() -> Any:
        tokenizer = default() if wanted is None else _read_tokenizer(wanted, place)
        check(tokenizer)
        return tokenizer

    return Deferred(make) if wanted and on_meta_device() else make()


def _read_tokenizer(wanted: str, place: str) -> Any:
    from transformers import AutoTokenizer

    try:
        found = find_place(wanted)
        return AutoTokenizer.from_pretrained(found.folder, **found.reading)
    except MultigraftError as error:
        raise OptionError((place,), str(error)) from None
    except Exception as error:  # tokenizers raises nothing more special
        raise OptionError((place,), f"tokenizer {wanted} cannot be loaded: {error}") from None


def on_meta_device() -> bool:
    """Whether models are made without numbers, to be counted."""
    return torch.get_default_device().type == "meta"


def deferred(make: Callable[[], T]) -> T:
    """What is made when it is first used."""
    return cast("T", Deferred(make))


class Deferred:
    """Stands for something that is made when it is first used."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> Any:
        return self._make()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """What the other does when called."""
        return self._made(*arguments, **named)

    def __len__(self) -> int:
        return len(self._made)


def freeze(model: nn.Module) -> None:
    """No gradients, evaluation mode."""
    model.eval().requires_grad_(False)


def fingerprint(name: str, model: nn.Module) -> str:
    """`NAME:HASH`, the hash over the bytes of all weights in float32, in the order of their names; behind it the form
    of quantised ones, as in `NAME:HASH|int8`."""
    form = "".join(sorted({f"|{each.form}" for each in model.modules() if isinstance(each, Quantized)}))
    state = dict(sorted(model.state_dict().items()))
    if any(value.is_meta for value in state.values()):
        return f"{name}:meta{form}"
    return f"{name}:{hash_tensors(value.float() for value in state.values())}{form}"
