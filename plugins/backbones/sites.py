"""Short forms for declaring a backbone's sites."""

from collections.abc import Iterator, Mapping

from torch import nn

from multigraft import Site
from multigraft.stacks import Projection


def block_site(stack: str, layer: int, block: str, width: int, module: str) -> Site:
    """The output of a block."""
    return Site(stack, layer, block, "block", None, width, width, module)


def linear_site(stack: str, layer: int, block: str, inner: str, width_in: int, width_out: int, module: str) -> Site:
    """One projection."""
    return Site(stack, layer, block, "projection", inner, width_in, width_out, module)


def norm_site(stack: str, layer: int | None, block: str | None, inner: str, width: int, module: str) -> Site:
    """One normalisation."""
    return Site(stack, layer, block, "norm", inner, width, width, module)


def word_sites(vocabulary: int, width: int, words: str, head: str) -> Iterator[Site]:
    """The embedding and the output layer, whatever they share."""
    yield Site("words", None, None, "embedding", None, vocabulary, width, words)
    yield Site("head", None, None, "head", None, width, vocabulary, head)


def attention_sites(
    stack: str,
    layer: int,
    block: str,
    width: int,
    module: str,
    names: Mapping[str, str],
    heads: int,
    memory_heads: int | None = None,
    head_width: int | None = None,
) -> Iterator[Site]:
    """An attention block, its four projections and its memory; `names` maps ours to the model's."""
    kept, wide = memory_heads or heads, head_width or width // heads
    inner = {"query": heads * wide, "output": heads * wide}
    yield block_site(stack, layer, block, width, module)
    for name, own in names.items():
        across = inner.get(name, kept * wide)
        ways = (across, width) if name == "output" else (width, across)
        yield linear_site(stack, layer, block, name, *ways, f"{module}.{own}")
    yield Site(stack, layer, block, "attention", "memory", width, heads * wide, module, heads, kept, wide)


def projections(module: nn.Module, names: Mapping[str, str]) -> dict[str, Projection]:
    """The linear maps of a block by our names."""
    return {name: Projection(module.get_submodule(own)) for name, own in names.items()}
