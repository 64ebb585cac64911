"""Start values of parts: `multigraft.init.normal(0.02)`."""

from multigraft.core.types.initial import copy_of, normal, of_weight, ones, uniform, zeros

__all__ = ["copy_of", "normal", "of_weight", "ones", "uniform", "zeros"]
