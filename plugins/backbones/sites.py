"""Short forms for declaring a backbone's sites."""

from collections.abc import Iterator, Mapping

from multigraft import Site


def block_site(stack: str, layer: int, block: str, width: int, module: str) -> Site:
    """The output of a block."""
    return Site(stack, layer, block, "block", None, width, width, module)


def linear_site(stack: str, layer: int, block: str, inner: str, width_in: int, width_out: int, module: str) -> Site:
    """One projection."""
    return Site(stack, layer, block, "projection", inner, width_in, width_out, module)


def norm_site(stack: str, layer: int | None, block: str | None, inner: str, width: int, module: str) -> Site:
    """One normalisation."""
    return Site(stack, layer, block, "norm", inner, width, width, module)


def attention_sites(
    stack: str, layer: int, block: str, width: int, module: str, names: Mapping[str, str], inner: int | None = None
) -> Iterator[Site]:
    """An attention block and its four projections; `names` maps ours to the model's, `inner` is heads x head width."""
    inner = inner or width
    yield block_site(stack, layer, block, width, module)
    for name, own in names.items():
        ways = (inner, width) if name == "output" else (width, inner)
        yield linear_site(stack, layer, block, name, *ways, f"{module}.{own}")
