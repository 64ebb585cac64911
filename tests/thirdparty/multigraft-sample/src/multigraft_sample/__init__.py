"""A plugin of multigraft: hook implementations only, nothing heavy imported."""

from collections.abc import Iterable

from multigraft import Component, hookimpl


@hookimpl
def register_adapters() -> Iterable[Component]:
    """A learned factor for each channel."""
    yield Component("channel-scale", "multigraft_sample.options:ChannelScaleOptions", "multigraft_sample.adapter:build")


@hookimpl
def register_sharing() -> Iterable[Component]:
    """Tasks share by the first letter of their names."""
    options = "multigraft_sample.options:FirstLetterGroupsOptions"
    yield Component("first-letter-groups", options, "multigraft_sample.sharing:build")


@hookimpl
def register_tasks() -> Iterable[Component]:
    """The colour of an image."""
    yield Component("image-colour", "multigraft_sample.options:ImageColourOptions", "multigraft_sample.task:build")


@hookimpl
def register_metrics() -> Iterable[Component]:
    """How long outputs are."""
    yield Component("length-ratio", "multigraft_sample.options:LengthRatioOptions", "multigraft_sample.metric:build")
