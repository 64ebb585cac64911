"""Base of the options of all samplers, in a module that stages can import."""

from multigraft.core.config.options import Options


class SamplerOptions(Options):
    """Base of the options of a sampler."""
